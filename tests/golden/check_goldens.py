#!/usr/bin/env python3
"""Reads the golden data back and checks it with a second, plain implementation of everything it covers.

    python3 tests/golden/check_goldens.py [FOLDER]

- logits: a forward pass in numpy straight from the GGUF file agrees with the stored logits;
- tokenizers: byte-level BPE and SentencePiece BPE from the GGUF vocabulary alone give the stored ids.

It tells apart an error in the data from one in the engine, and it is the shortest statement of what the formats mean.
Needs numpy, and regex for the tokenizers.
"""

import math
import pathlib
import struct
import sys
import unicodedata

import numpy as np

import gguf_reader
import golden_tokenizers
from gguf_writer import BYTE, CONTROL, NORMAL, USER_DEFINED, byte_to_unicode

LOGITS_TOLERANCE = 2e-4  # absolute; logits have a spread of a few units, both sides compute in float32
PARSE_SPECIAL = 1


# ---- logits ----

def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def rope_frequencies(meta, tensors, arch, head_dim):
    """Returns (radians per position for each rotary pair, factor on cosine and sine)."""
    base = meta[f"{arch}.rope.freq_base"]
    pair = np.arange(head_dim // 2)
    frequencies = base ** (-2.0 * pair / head_dim)
    if "rope_freqs.weight" in tensors:
        frequencies = frequencies / tensors["rope_freqs.weight"][0]
    kind = meta.get(f"{arch}.rope.scaling.type")
    if kind is None:
        return frequencies, 1.0
    factor = meta[f"{arch}.rope.scaling.factor"]
    if kind == "linear":
        return frequencies / factor, 1.0
    # YaRN (arXiv:2309.00071), with the paper's beta_fast = 32 and beta_slow = 1.
    context = meta[f"{arch}.rope.scaling.original_context_length"]

    def pair_of(rotations):
        return head_dim * math.log(context / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low = max(0, math.floor(pair_of(32)))
    high = min(head_dim - 1, math.ceil(pair_of(1)))
    ramp = np.clip((pair - low) / max(0.001, high - low), 0, 1)
    return frequencies * (1 - ramp) + frequencies / factor * ramp, 1 + 0.1 * math.log(factor)


def rotate(x, frequencies, scale, interleaved):
    """x: [tokens, heads, head_dim]. Pairs are (2i, 2i+1) if interleaved, else (i, i + head_dim/2)."""
    angles = np.arange(x.shape[0])[:, None, None] * frequencies
    cos, sin = np.cos(angles) * scale, np.sin(angles) * scale
    out = np.empty_like(x)
    half = x.shape[-1] // 2
    first, second = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(0, half), slice(half, None))
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., first] * sin + x[..., second] * cos
    return out


def forward(meta, tensors, ids):
    """Logits of every position: [tokens, vocab], in float64 from the decoded weights."""
    arch = meta["general.architecture"]
    heads = meta[f"{arch}.attention.head_count"]
    kv_heads = meta[f"{arch}.attention.head_count_kv"]
    head_dim = meta[f"{arch}.attention.key_length"]
    eps = meta[f"{arch}.attention.layer_norm_rms_epsilon"]
    frequencies, rope_scale = rope_frequencies(meta, tensors, arch, head_dim)
    w = {name: t.astype(np.float64) for name, (t, _) in tensors.items()}
    n = len(ids)
    x = w["token_embd.weight"][ids]
    mask = np.triu(np.full((n, n), -np.inf), 1)
    for i in range(meta[f"{arch}.block_count"]):
        b = f"blk.{i}."

        def project(name, count):
            y = h @ w[b + name + ".weight"].T + w.get(b + name + ".bias", 0)
            y = y.reshape(n, count, head_dim)
            norm = w.get(b + name + "_norm.weight")
            return y if norm is None else rms_norm(y, norm, eps)

        h = rms_norm(x, w[b + "attn_norm.weight"], eps)
        q = rotate(project("attn_q", heads), frequencies, rope_scale, arch == "llama")
        k = rotate(project("attn_k", kv_heads), frequencies, rope_scale, arch == "llama")
        v = project("attn_v", kv_heads)
        k, v = (np.repeat(t, heads // kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(head_dim) + mask
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", scores, v).reshape(n, -1)
        x = x + mixed @ w[b + "attn_output.weight"].T
        h = rms_norm(x, w[b + "ffn_norm.weight"], eps)
        gate = h @ w[b + "ffn_gate.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w[b + "ffn_up.weight"].T)) @ w[b + "ffn_down.weight"].T
    x = rms_norm(x, w["output_norm.weight"], eps)
    return x @ w.get("output.weight", w["token_embd.weight"]).T


def read_logits(path):
    """Returns (ids, logits, original or None)."""
    data = path.read_bytes()
    magic, n, vocab, has_original = struct.unpack_from("<4sIII", data)
    assert magic == b"IGL1", path
    ids = np.frombuffer(data, "<i4", n, 16)
    floats = np.frombuffer(data, "<f4", offset=16 + 4 * n).reshape(1 + has_original, n, vocab)
    return ids, floats[0], floats[1] if has_original else None


def check_logits(path):
    ids, logits, _ = read_logits(path)
    meta, tensors = gguf_reader.read(path.with_suffix(".gguf"))
    error = float(np.abs(forward(meta, tensors, ids) - logits).max())
    print(f"{path.name}: spread {logits.std():.2f}, largest difference {error:.1e}")
    return error < LOGITS_TOLERANCE


# ---- tokenizers ----

_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def word_patterns(pre):
    """Each expression cuts every piece that the ones before it left; what does not match stays a piece of its own."""
    return {
        "llama-bpe": [_WORDS % "{1,3}"],
        "qwen2": [_WORDS % ""],
        "deepseek-r1-qwen": [_WORDS % ""],
        "gpt-2": [_GPT2],
        "deepseek-llm": [*golden_tokenizers.DEEPSEEK_LLM_REGEXES, r"\p{N}"],
    }[pre]


def cut(pieces, pattern):
    out = []
    for piece in pieces:
        at = 0
        for match in pattern.finditer(piece):
            if match.end() > match.start():
                out += [piece[at:match.start()], match.group()]
                at = match.end()
        out.append(piece[at:])
    return [p for p in out if p]


def merge_pairs(symbols, rank):
    """Merges the neighbours of the lowest rank, leftmost first, until no pair has one."""
    while len(symbols) > 1:
        best = min(range(len(symbols) - 1), key=lambda i: rank(symbols[i], symbols[i + 1]))
        if rank(symbols[best], symbols[best + 1]) == math.inf:
            break
        symbols[best:best + 2] = [symbols[best] + symbols[best + 1]]
    return symbols


class Vocabulary:
    def __init__(self, meta):
        self.tokens = meta["tokenizer.ggml.tokens"]
        self.types = meta["tokenizer.ggml.token_type"]
        self.ids = {t: i for i, t in enumerate(self.tokens)}

    def parts(self, text, parse_special):
        """Yields (text between added tokens, None) or (None, id of an added token); the longest one wins at a place."""
        kinds = (CONTROL, USER_DEFINED) if parse_special else (USER_DEFINED,)
        added = [t for t, kind in zip(self.tokens, self.types) if kind in kinds]
        while text:
            found = [(text.find(t), -len(t), t) for t in added if t in text]
            if not found:
                yield text, None
                return
            at, _, token = min(found)
            yield text[:at], None
            yield None, self.ids[token]
            text = text[at + len(token):]


class ByteLevelBpe(Vocabulary):
    def __init__(self, meta):
        import regex
        super().__init__(meta)
        self.pre = meta["tokenizer.ggml.pre"]
        self.patterns = [regex.compile(p, regex.V0) for p in word_patterns(self.pre)]
        self.ranks = {tuple(m.split(" ")): i for i, m in enumerate(meta["tokenizer.ggml.merges"])}
        self.table = byte_to_unicode()

    def encode(self, text, parse_special):
        ids = []
        for stretch, added in self.parts(text, parse_special):
            if added is not None:
                ids.append(added)
                continue
            if self.pre == "qwen2":
                stretch = unicodedata.normalize("NFC", stretch)
            words = [stretch]
            for pattern in self.patterns:
                words = cut(words, pattern)
            for word in words:
                symbols = [self.table[b] for b in word.encode("utf-8")]
                whole = "".join(symbols)
                if self.pre == "llama-bpe" and self.types[self.ids.get(whole, 0)] == NORMAL and whole in self.ids:
                    ids.append(self.ids[whole])
                    continue
                symbols = merge_pairs(symbols, lambda a, b: self.ranks.get((a, b), math.inf))
                ids += [self.ids[s] for s in symbols]
        return ids


class SentencePieceBpe(Vocabulary):
    def __init__(self, meta):
        super().__init__(meta)
        self.scores = meta["tokenizer.ggml.scores"]
        self.bytes = {int(t[3:5], 16): i for i, (t, kind) in enumerate(zip(self.tokens, self.types)) if kind == BYTE}

    def rank(self, left, right):
        i = self.ids.get(left + right)
        return math.inf if i is None or self.types[i] != NORMAL else -self.scores[i]

    def encode(self, text, parse_special):
        ids = []
        for stretch, added in self.parts(text, parse_special):
            if added is not None:
                ids.append(added)
            elif stretch:
                for symbol in merge_pairs(list("▁" + stretch.replace(" ", "▁")), self.rank):
                    i = self.ids.get(symbol)
                    known = i is not None and self.types[i] == NORMAL
                    ids += [i] if known else [self.bytes[b] for b in symbol.encode("utf-8")]
        return ids


def read_cases(path):
    """Yields (text bytes, flags, ids)."""
    data = path.read_bytes()
    magic, n = struct.unpack_from("<4sI", data)
    assert magic == b"IGT1", path
    at = 8
    for _ in range(n):
        size, = struct.unpack_from("<I", data, at)
        text = data[at + 4:at + 4 + size]
        flags, n_ids = struct.unpack_from("<II", data, at + 4 + size)
        ids = list(struct.unpack_from(f"<{n_ids}i", data, at + 12 + size))
        at += 12 + size + 4 * n_ids
        yield text, flags, ids
    assert at == len(data), path


def check_cases(path):
    meta, _ = gguf_reader.read(path.with_suffix(".gguf"))
    kind = ByteLevelBpe if meta["tokenizer.ggml.model"] == "gpt2" else SentencePieceBpe
    vocabulary = kind(meta)
    total = wrong = 0
    for data, flags, ids in read_cases(path):
        got = vocabulary.encode(data.decode("utf-8"), bool(flags & PARSE_SPECIAL))
        total += 1
        if got != ids:
            wrong += 1
            if wrong <= 5:
                print(f"  {data.decode('utf-8')!r} flags {flags}\n    stored {[vocabulary.tokens[i] for i in ids]}"
                      f"\n    here   {[vocabulary.tokens[i] for i in got]}")
    print(f"{path.name}: {total} cases, {wrong} differ")
    return wrong == 0


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / "data"
    logits = sorted(folder.glob("logits/*.logits"))
    cases = sorted(folder.glob("tokenizers/*.cases"))
    good = [check_logits(p) for p in logits] + [check_cases(p) for p in cases]
    print(f"{sum(good)} of {len(good)} files good")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
