#!/usr/bin/env python3
"""Makes the golden data under data/ with independent implementations, for the C++ tests to compare against.

    python3 tests/golden/make_goldens.py [--only logits,tokenizers,chat] [--out FOLDER]

What it makes, and by whom the expected values are computed:

    data/logits/      tiny random models and their logits              transformers, float32, CPU
    data/tokenizers/  small vocabularies and token ids of many texts   tokenizers, sentencepiece
    data/chat/        chat templates and rendered prompts              jinja2
    data/MANIFEST     library versions, and size and SHA-256 of each file

Run it on a machine with PyTorch, transformers, tokenizers, sentencepiece, jinja2 and numpy (no GPU is used). Everything
is made from fixed seeds; `check_goldens.py` reads the result back with nothing but numpy and regex.

File formats (all numbers little-endian, no padding):

    <name>.<type>.logits   "IGL1", u32 n_tokens, u32 vocab, u32 has_original, i32 ids[n_tokens],
                           f32 logits[n_tokens][vocab]; if has_original also f32 original[n_tokens][vocab].
                           logits: of the weights as decoded from <name>.<type>.gguf; original: of the float32
                           weights before encoding. Row i belongs to the position of token i (causal attention).
    <pre>.cases            "IGT1", u32 n, then n times: u32 length, bytes (UTF-8), u32 flags, u32 n_ids, i32 ids[n_ids].
                           flags 1: control tokens in the text are parsed; 0: they are plain text (user-defined
                           tokens are parsed either way). A beginning-of-sequence token is never included.
    <template>.json        {name, template, bos_token, eos_token,
                            cases: [{messages, add_generation_prompt, expected}]}
"""

import argparse
import hashlib
import importlib.metadata
import pathlib
import platform
import sys

HERE = pathlib.Path(__file__).resolve().parent
PARTS = ("logits", "tokenizers", "chat")


def versions():
    lines = [f"python {platform.python_version()}"]
    for package in ("numpy", "torch", "transformers", "tokenizers", "sentencepiece", "jinja2"):
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} missing")
    return lines


def main():
    parser = argparse.ArgumentParser(description="Makes the golden data of the model runtime's tests.")
    parser.add_argument("--only", default=",".join(PARTS), help="comma-separated parts (default: all)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "data")
    args = parser.parse_args()
    chosen = args.only.split(",")
    unknown = set(chosen) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")

    if "logits" in chosen:
        import golden_logits
        golden_logits.make(args.out / "logits", print)
    if "tokenizers" in chosen:
        import golden_tokenizers
        golden_tokenizers.make(args.out / "tokenizers", print)
    if "chat" in chosen:
        import golden_chat
        golden_chat.make(args.out / "chat", print)

    manifest = ["# Made by make_goldens.py with:", *("# " + line for line in versions()), "# size sha256 file"]
    for path in sorted(p for p in args.out.rglob("*") if p.is_file() and p.name != "MANIFEST"):
        data = path.read_bytes()
        manifest.append(f"{len(data)} {hashlib.sha256(data).hexdigest()} {path.relative_to(args.out)}")
    (args.out / "MANIFEST").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
