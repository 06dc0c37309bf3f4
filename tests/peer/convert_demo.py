#!/usr/bin/env python3
"""Writes the demo model (llama, Q8_0) as a model of another architecture, for tests/peer/greedy.py. Needs numpy.

    tests/peer/convert_demo.py qwen2|qwen3 OUT.gguf

As qwen2 it computes the same function (the rows of q and k are put back in half-split order, the biases are zero). As qwen3 it computes another
one (q and k are normalised), but stays a model that is sure of most of its tokens, which random weights are not.
"""

import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))
import gguf_reader  # noqa: E402
import gguf_writer as gw  # noqa: E402


def halves(weight, heads):
    """The inverse of gguf_writer.permute_rope_rows."""
    rows = weight.shape[0]
    return weight.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def main():
    arch, out = sys.argv[1], sys.argv[2]
    metadata, tensors = gguf_reader.read(ROOT / "models/demo/inferd-demo.gguf")
    heads, kv_heads = metadata["llama.attention.head_count"], metadata["llama.attention.head_count_kv"]
    head_dim = metadata.get("llama.attention.key_length", metadata["llama.embedding_length"] // heads)
    writer = gw.GgufWriter(arch)
    for key, value in metadata.items():
        if key == "general.architecture" or key.startswith("general.") and not isinstance(value, str):
            continue
        key = key.replace("llama.", f"{arch}.", 1) if key.startswith("llama.") else key
        if isinstance(value, list):
            writer.add_array(key, gw.STRING if isinstance(value[0], str) else gw.I32, value)
        else:
            kind = {bool: gw.BOOL, str: gw.STRING, float: gw.F32, int: gw.U32}[type(value)]
            writer.add(key, kind, value)
    for name, (array, type_name) in tensors.items():
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            count = heads if name.endswith("attn_q.weight") else kv_heads
            array = halves(array, count)
            if arch == "qwen3":
                rms = float(np.sqrt(np.mean(array**2)) * np.sqrt(array.shape[1]))
                writer.add_tensor(name.replace(".weight", "_norm.weight"), np.full(head_dim, rms, np.float32))
        writer.add_tensor(name, array, type_name)
        if arch == "qwen2" and name.endswith(("attn_q.weight", "attn_k.weight", "attn_v.weight")):
            writer.add_tensor(name.replace(".weight", ".bias"), np.zeros(array.shape[0], np.float32))
    writer.write(out)


if __name__ == "__main__":
    main()
