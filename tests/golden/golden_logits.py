"""Golden logits: tiny random models, run by Hugging Face transformers in float32 on the CPU.

For each configuration in CONFIGS this writes `<name>.<type>.gguf` and `<name>.<type>.logits`. The logits belong to
the weights as a reader of the GGUF file decodes them (quantised weights are dequantised before the reference runs), so
an engine must agree with them up to the error of its own arithmetic. For encoded types the logits of the original
float32 weights follow, so a test can also compare the two errors.

The layout of a .logits file is documented in make_goldens.py.

Needs numpy, torch, transformers.
"""

import math
import struct
import zlib

import numpy as np

from gguf_writer import (BOOL, CONTROL, F32, FILE_TYPES, I32, NORMAL, STRING, U32, GgufWriter, byte_to_unicode,
                         dequantize, permute_rope_rows, quantize)

N_TOKENS = 44
ALL_TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0")

# One line per configuration. `rope` is the scaling: None, or a dict with the names transformers uses.
CONFIGS = {
    "llama-gqa4": dict(arch="llama", heads=4, kv_heads=1, head_dim=16, ffn=96, types=ALL_TYPES),
    "llama-mha-tied": dict(arch="llama", d=32, heads=2, kv_heads=2, head_dim=16, ffn=128, tied=True, theta=500000.0),
    "llama-rope3": dict(arch="llama", d=32, heads=4, kv_heads=2, head_dim=32, ffn=96, theta=10000.0,
                        rope=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                  original_max_position_embeddings=64)),
    "llama-linear": dict(arch="llama", d=32, heads=4, kv_heads=2, head_dim=16, ffn=96, tied=True, eps=1e-6,
                         rope=dict(rope_type="linear", factor=4.0)),
    "llama-oddvocab": dict(arch="llama", d=32, heads=2, kv_heads=1, head_dim=32, ffn=160, vocab=301),
    "qwen2-gqa2": dict(arch="qwen2", heads=4, kv_heads=2, head_dim=16, ffn=96, theta=1000000.0, eps=1e-6,
                       types=ALL_TYPES),
    "qwen2-mha-tied": dict(arch="qwen2", d=32, heads=2, kv_heads=2, head_dim=16, ffn=128, tied=True, eps=1e-6),
    "qwen2-yarn": dict(arch="qwen2", heads=2, kv_heads=1, head_dim=32, ffn=96, theta=10000.0, eps=1e-6,
                       rope=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)),
    "qwen3-gqa2-tied": dict(arch="qwen3", heads=4, kv_heads=2, head_dim=32, ffn=96, tied=True, theta=1000000.0,
                            eps=1e-6, types=ALL_TYPES),
    "qwen3-gqa4": dict(arch="qwen3", d=32, heads=8, kv_heads=2, head_dim=16, ffn=96, layers=3, eps=1e-6),
    "qwen3-mha": dict(arch="qwen3", d=32, heads=2, kv_heads=2, head_dim=32, ffn=128, theta=1000000.0, eps=1e-6,
                      vocab=289),
}
DEFAULTS = dict(kv_heads=None, layers=2, d=64, vocab=272, tied=False, theta=10000.0, eps=1e-5, rope=None,
                types=("F32",), context=256)


def make_weights(name, c):
    """Random weights under transformers' names, float32; the seed depends on the name alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    d, hd = c["d"], c["head_dim"]
    q_dim, kv_dim = c["heads"] * hd, c["kv_heads"] * hd

    def matrix(rows, columns, gain=1.0):
        return (rng.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(np.float32)

    def norm(n):
        return (1.0 + 0.2 * rng.standard_normal(n)).astype(np.float32)

    def bias(n):
        return (0.3 * rng.standard_normal(n)).astype(np.float32)

    w = {"model.embed_tokens.weight": matrix(c["vocab"], d, 2.5), "model.norm.weight": norm(d)}
    if not c["tied"]:
        w["lm_head.weight"] = matrix(c["vocab"], d, 2.5)
    for i in range(c["layers"]):
        p = f"model.layers.{i}."
        w[p + "input_layernorm.weight"] = norm(d)
        w[p + "self_attn.q_proj.weight"] = matrix(q_dim, d, 1.4)
        w[p + "self_attn.k_proj.weight"] = matrix(kv_dim, d, 1.4)
        w[p + "self_attn.v_proj.weight"] = matrix(kv_dim, d)
        w[p + "self_attn.o_proj.weight"] = matrix(d, q_dim)
        w[p + "post_attention_layernorm.weight"] = norm(d)
        w[p + "mlp.gate_proj.weight"] = matrix(c["ffn"], d)
        w[p + "mlp.up_proj.weight"] = matrix(c["ffn"], d)
        w[p + "mlp.down_proj.weight"] = matrix(d, c["ffn"])
        if c["arch"] == "qwen2":
            w[p + "self_attn.q_proj.bias"] = bias(q_dim)
            w[p + "self_attn.k_proj.bias"] = bias(kv_dim)
            w[p + "self_attn.v_proj.bias"] = bias(kv_dim)
        if c["arch"] == "qwen3":
            w[p + "self_attn.q_norm.weight"] = norm(hd)
            w[p + "self_attn.k_norm.weight"] = norm(hd)
    return w


GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    if stem.startswith("model.layers."):
        layer, part = stem[len("model.layers."):].split(".", 1)
        return f"blk.{layer}.{GGUF_NAMES[part]}.{kind}"
    return f"{GGUF_NAMES[stem]}.{kind}"


def llama3_factors(c):
    """The divisors of the rotary frequencies that Llama 3.1's scaling asks for: float32 [head_dim / 2]."""
    r, hd = c["rope"], c["head_dim"]
    context = r["original_max_position_embeddings"]
    low_wavelength = context / r["low_freq_factor"]
    high_wavelength = context / r["high_freq_factor"]
    factors = []
    for i in range(0, hd, 2):
        wavelength = 2 * math.pi * c["theta"] ** (i / hd)
        if wavelength < high_wavelength:
            factors.append(1.0)
        elif wavelength > low_wavelength:
            factors.append(r["factor"])
        else:
            smooth = ((context / wavelength - r["low_freq_factor"]) /
                      (r["high_freq_factor"] - r["low_freq_factor"]))
            factors.append(1.0 / ((1.0 - smooth) / r["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def add_tokenizer(g, vocab):
    """A byte-level vocabulary without merges: 256 bytes, filler words, and one control token at the end."""
    table = byte_to_unicode()
    tokens = [table[b] for b in range(256)]
    tokens += [f"filler{i}" for i in range(vocab - 257)] + ["<|endoftext|>"]
    g.add("tokenizer.ggml.model", STRING, "gpt2")
    g.add("tokenizer.ggml.pre", STRING, "gpt-2")
    g.add_array("tokenizer.ggml.tokens", STRING, tokens)
    g.add_array("tokenizer.ggml.token_type", I32, [NORMAL] * (vocab - 1) + [CONTROL])
    g.add_array("tokenizer.ggml.merges", STRING, [])
    g.add("tokenizer.ggml.bos_token_id", U32, vocab - 1)
    g.add("tokenizer.ggml.eos_token_id", U32, vocab - 1)
    g.add("tokenizer.ggml.add_bos_token", BOOL, False)


def make_gguf(name, c, weights, type_name):
    """Returns (file bytes, the weights as a reader decodes them, under transformers' names)."""
    a = c["arch"]
    g = GgufWriter(a)
    g.add("general.name", STRING, f"golden {name} {type_name}")
    g.add("general.file_type", U32, FILE_TYPES[type_name])
    g.add(f"{a}.block_count", U32, c["layers"])
    g.add(f"{a}.context_length", U32, c["context"])
    g.add(f"{a}.embedding_length", U32, c["d"])
    g.add(f"{a}.feed_forward_length", U32, c["ffn"])
    g.add(f"{a}.attention.head_count", U32, c["heads"])
    g.add(f"{a}.attention.head_count_kv", U32, c["kv_heads"])
    g.add(f"{a}.attention.layer_norm_rms_epsilon", F32, c["eps"])
    g.add(f"{a}.attention.key_length", U32, c["head_dim"])
    g.add(f"{a}.attention.value_length", U32, c["head_dim"])
    g.add(f"{a}.rope.freq_base", F32, c["theta"])
    g.add(f"{a}.rope.dimension_count", U32, c["head_dim"])
    g.add(f"{a}.vocab_size", U32, c["vocab"])
    rope = c["rope"] or {}
    if rope.get("rope_type") in ("linear", "yarn"):
        g.add(f"{a}.rope.scaling.type", STRING, rope["rope_type"])
        g.add(f"{a}.rope.scaling.factor", F32, rope["factor"])
    if rope.get("rope_type") == "yarn":
        g.add(f"{a}.rope.scaling.original_context_length", U32, rope["original_max_position_embeddings"])
    add_tokenizer(g, c["vocab"])
    if rope.get("rope_type") == "llama3":
        g.add_tensor("rope_freqs.weight", llama3_factors(c))
    decoded = {}
    for key, w in weights.items():
        stored_type = type_name if w.ndim == 2 else "F32"
        stored = w
        if a == "llama" and key.endswith(("q_proj.weight", "k_proj.weight")):
            stored = permute_rope_rows(w, c["heads"] if "q_proj" in key else c["kv_heads"])
        g.add_encoded_tensor(gguf_name(key), w.shape, quantize(stored, stored_type), stored_type)
        # Blocks never cross rows, so reordering rows and encoding commute.
        decoded[key] = dequantize(quantize(w, stored_type), w.shape, stored_type)
    return g.to_bytes(), decoded


def reference_logits(c, weights, ids):
    """Runs transformers; returns float32 [tokens, vocab]."""
    import torch
    from transformers import (LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                              Qwen3ForCausalLM)
    classes = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM),
               "qwen3": (Qwen3Config, Qwen3ForCausalLM)}
    config_class, model_class = classes[c["arch"]]
    rope = dict(c["rope"] or {"rope_type": "default"}, rope_theta=c["theta"])
    extra = {} if c["arch"] == "qwen2" else {"head_dim": c["head_dim"]}
    config = config_class(
        vocab_size=c["vocab"], hidden_size=c["d"], intermediate_size=c["ffn"], num_hidden_layers=c["layers"],
        num_attention_heads=c["heads"], num_key_value_heads=c["kv_heads"], rms_norm_eps=c["eps"],
        max_position_embeddings=c["context"], tie_word_embeddings=c["tied"], rope_parameters=rope,
        bos_token_id=0, eos_token_id=0, pad_token_id=None, attn_implementation="eager", **extra)
    with torch.no_grad():
        model = model_class(config).float().eval()
        state = {k: torch.from_numpy(v.copy()) for k, v in weights.items()}
        if c["tied"]:
            state["lm_head.weight"] = state["model.embed_tokens.weight"].clone()
        model.load_state_dict(state, strict=True)
        out = model(input_ids=torch.tensor(ids[None].astype(np.int64)), use_cache=False).logits
    return out[0].float().numpy()


def write_logits(path, ids, logits, original):
    with open(path, "wb") as f:
        f.write(struct.pack("<4sIII", b"IGL1", len(ids), logits.shape[1], original is not None))
        f.write(ids.astype("<i4").tobytes())
        f.write(logits.astype("<f4").tobytes())
        if original is not None:
            f.write(original.astype("<f4").tobytes())


def make(out, log):
    """Writes every file into folder `out` (a Path); `log` is a function of one line."""
    out.mkdir(parents=True, exist_ok=True)
    for name, given in CONFIGS.items():
        c = DEFAULTS | given
        weights = make_weights(name, c)
        ids = np.random.default_rng(len(name)).integers(0, c["vocab"], N_TOKENS).astype(np.int32)
        original = reference_logits(c, weights, ids)
        log(f"{name}: logits std {original.std():.2f}")
        for type_name in c["types"]:
            data, decoded = make_gguf(name, c, weights, type_name)
            (out / f"{name}.{type_name}.gguf").write_bytes(data)
            if type_name == "F32":
                write_logits(out / f"{name}.F32.logits", ids, original, None)
                continue
            logits = reference_logits(c, decoded, ids)
            log(f"{name}.{type_name}: rms error of the encoding {np.sqrt(np.mean((logits - original) ** 2)):.4f}")
            write_logits(out / f"{name}.{type_name}.logits", ids, logits, original)
