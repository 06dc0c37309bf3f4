#!/usr/bin/env python3
"""Trains the demo model from scratch and writes it as a GGUF file.

    python3 models/demo/train.py

Reads the project's documentation (facts.py), makes conversations of it (corpus.py), trains a byte-level BPE vocabulary and
a small llama on them, writes inferd-demo.gguf with Q8_0 matrices, asks the quantised model the held-out questions, and
brings the figures in README.md up to date. Run it again when the documentation has changed. A few minutes on a machine
with a data-centre GPU and PyTorch; it also runs on a CPU, in hours (try --steps 300 first).

Needs torch (2.4 or newer), tokenizers and numpy. The data depend on the documentation and the seed only; sums on a GPU are
not bit-exact, so two runs give models that are alike, not equal.
"""

import argparse
import json
import math
import multiprocessing
import os
import pathlib
import platform
import random
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "tests" / "golden"))

import numpy as np  # noqa: E402
import tokenizers  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import corpus  # noqa: E402
import gguf_writer as gguf  # noqa: E402

# The shape of the model.
LAYERS, D, HEADS, KV_HEADS, HEAD_DIM, FFN, VOCAB = 8, 384, 6, 2, 64, 896, 4096
CONTEXT, ROPE_BASE, EPS = 2048, 10000.0, 1e-5

END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")

# How Qwen2 cuts text into words before BPE; readers know it as tokenizer.ggml.pre = qwen2.
QWEN2_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
               r"|\s+(?!\S)|\s+")

# Conversations are padded to the next of these lengths (the last token is only a target), so that attention
# never crosses from one to another.
LENGTHS = (97, 161, 321, 1025, 2049)


# ---- text to tokens ----

def chat_text(turns):
    return "".join(f"{IM_START}{role}\n{text}{IM_END}\n" for role, text in turns)


def train_tokenizer(data, seed):
    """A byte-level BPE of at most VOCAB tokens on conversations and the facts themselves."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = [END_OF_TEXT, IM_START, IM_END]
    texts = [f"{role}\n{text}\n" for turns in data.conversations(40000, f"tokenizer {seed}") for role, text in turns]
    texts += [f.answer() for f in data.facts] * 20
    trainer = trainers.BpeTrainer(vocab_size=VOCAB - len(special), min_frequency=3, show_progress=False, special_tokens=[],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(special)
    return tokenizer


_worker = {}


def _start_worker(tokenizer_json, data):
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker["tokenizer"] = tokenizers.Tokenizer.from_str(tokenizer_json)
    _worker["data"] = data


def _encode_chunk(job):
    """Returns (tokens, answer flags) of one chunk of conversations: lists of arrays."""
    count, seed = job
    tokenizer = _worker["tokenizer"]
    start, end = (tokenizer.token_to_id(t) for t in (IM_START, IM_END))
    role = tokenizer.encode("assistant").ids
    encoded = []
    for turns in _worker["data"].conversations(count, seed):
        ids = tokenizer.encode(chat_text(turns)).ids[:LENGTHS[-1]]
        answer = np.zeros(len(ids), bool)
        inside, begin = False, -1
        for i, t in enumerate(ids):
            answer[i] = inside
            if t == start:
                inside = False
                begin = i + 2 + len(role) if ids[i + 1:i + 1 + len(role)] == role else -1
            elif i + 1 == begin:
                inside = True
            if t == end:
                inside = False
        encoded.append((np.array(ids, np.uint16), answer))
    return encoded


def encode_corpus(tokenizer, data, count, seed):
    """All conversations, padded, by length: {length: (tokens [n, length], kinds [n, length])}.

    The kind of a token is 0 for padding, 1 for text that is given (markers, questions), 2 for an answer and its end.
    """
    chunk = 2000
    jobs = [(min(chunk, count - at), f"train {seed} {at}") for at in range(0, count, chunk)]
    with multiprocessing.Pool(min(16, os.cpu_count() or 1), _start_worker, (tokenizer.to_str(), data)) as pool:
        encoded = [pair for part in pool.imap(_encode_chunk, jobs) for pair in part]
    buckets = {}
    for n in LENGTHS:
        shorter = max([m for m in LENGTHS if m < n], default=0)
        mine = [pair for pair in encoded if shorter < len(pair[0]) <= n]
        if not mine:
            continue
        tokens = np.zeros((len(mine), n), np.int16)
        kind = np.zeros((len(mine), n), np.int8)
        for i, (ids, answer) in enumerate(mine):
            tokens[i, :len(ids)] = ids
            kind[i, :len(ids)] = 1 + answer
        buckets[n] = (torch.from_numpy(tokens), torch.from_numpy(kind))
    return buckets


# ---- the model ----

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn_norm = nn.Parameter(torch.ones(D))
        self.ffn_norm = nn.Parameter(torch.ones(D))
        self.q = nn.Linear(D, HEADS * HEAD_DIM, bias=False)
        self.k = nn.Linear(D, KV_HEADS * HEAD_DIM, bias=False)
        self.v = nn.Linear(D, KV_HEADS * HEAD_DIM, bias=False)
        self.o = nn.Linear(HEADS * HEAD_DIM, D, bias=False)
        self.gate = nn.Linear(D, FFN, bias=False)
        self.up = nn.Linear(D, FFN, bias=False)
        self.down = nn.Linear(FFN, D, bias=False)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        h = rms_norm(x, self.attn_norm)
        q = self.q(h).view(b, t, HEADS, HEAD_DIM).transpose(1, 2)
        k = self.k(h).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        v = self.v(h).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (y.repeat_interleave(HEADS // KV_HEADS, dim=1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, HEADS * HEAD_DIM))
        h = rms_norm(x, self.ffn_norm)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    """The llama architecture with tied embeddings. Rotary pairs are the halves of a head (see export_gguf)."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, D)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.Parameter(torch.ones(D))
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (math.sqrt(2 * LAYERS) if deep else 1))
        angles = torch.arange(CONTEXT)[:, None] * ROPE_BASE ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        self.register_buffer("cos", torch.cos(angles), persistent=False)
        self.register_buffer("sin", torch.sin(angles), persistent=False)

    def forward(self, ids, run_block=Block.forward):
        """ids: [batch, tokens] -> hidden states [batch, tokens, D]; logits are their products with the embeddings."""
        t = ids.shape[1]
        x = self.embedding(ids)
        for block in self.blocks:
            x = run_block(block, x, self.cos[:t], self.sin[:t])
        return rms_norm(x, self.norm)


def rms_norm(x, weight):
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + EPS)).type_as(x) * weight.type_as(x)


def rotate(x, cos, sin):
    """x: [batch, heads, tokens, HEAD_DIM]; cos, sin: [tokens, HEAD_DIM / 2]."""
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1).type_as(x)


# ---- training ----

TEXT_WEIGHT = 0.1  # of the loss on questions and markers, where an answer's is 1


def loss_of(hidden, embeddings, targets, kind):
    logits = F.linear(hidden, embeddings).float()
    weight = (kind == 2).float() + TEXT_WEIGHT * (kind == 1).float()
    losses = F.cross_entropy(logits.reshape(-1, VOCAB), targets.reshape(-1), reduction="none")
    return (losses * weight.reshape(-1)).sum() / weight.sum()


def train(model, buckets, device, steps, batch_tokens, peak, seed):
    """Trains in place; returns (seconds, tokens seen)."""
    rng = random.Random(seed)
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  lr=peak, betas=(0.9, 0.95), fused=device == "cuda")
    buckets = {n: (t.to(device), k.to(device)) for n, (t, k) in buckets.items()}
    # A bucket is drawn as often as its share of the conversations asks for at its batch size.
    sizes = {n: max(1, batch_tokens // n) for n in buckets}
    shares = [len(buckets[n][0]) / sizes[n] for n in buckets]
    orders = {n: [] for n in buckets}
    # One block is compiled, not the model: the blocks share the code, and each length needs its own.
    run_block, run_loss = Block.forward, loss_of
    if device == "cuda":
        run_block, run_loss = (torch.compile(f, dynamic=False) for f in (run_block, run_loss))
    warmup = max(1, min(200, steps // 10))
    start, seen, recent = time.time(), 0, []
    for step in range(steps):
        n = rng.choices(list(buckets), shares)[0]
        tokens, kind = buckets[n]
        size = min(sizes[n], len(tokens))
        if not orders[n]:  # a new pass over this bucket, in a new order; the incomplete last batch is left out
            shuffled = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(rng.randrange(1 << 30)))
            orders[n] = [batch for batch in shuffled.split(size) if len(batch) == size]
        pick = orders[n].pop().to(device)
        rate = peak * min(1, (step + 1) / warmup) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(device_type=device, dtype=torch.bfloat16, enabled=device == "cuda"):
            batch = tokens[pick].long()
            hidden = model(batch[:, :-1], run_block)
            loss = run_loss(hidden, model.embedding.weight, batch[:, 1:].contiguous(), kind[pick][:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen += size * n
        recent.append(loss.detach())
        if (step + 1) % max(1, steps // 25) == 0:
            mean = torch.stack(recent).mean().item()
            recent.clear()
            took = time.time() - start
            print(f"step {step + 1}/{steps} loss {mean:.4f} {took:.0f} s {seen / took / 1e6:.2f} M tokens/s", flush=True)
    return time.time() - start, seen


# ---- export ----

def gguf_tensors(model):
    """Yields (GGUF name, float32 array, type) with q and k rows in the order of the llama architecture."""
    def array(p):
        return p.detach().float().cpu().numpy()

    yield "token_embd.weight", array(model.embedding.weight), "Q8_0"
    yield "output_norm.weight", array(model.norm), "F32"
    for i, block in enumerate(model.blocks):
        b = f"blk.{i}."
        yield b + "attn_norm.weight", array(block.attn_norm), "F32"
        yield b + "attn_q.weight", gguf.permute_rope_rows(array(block.q.weight), HEADS), "Q8_0"
        yield b + "attn_k.weight", gguf.permute_rope_rows(array(block.k.weight), KV_HEADS), "Q8_0"
        yield b + "attn_v.weight", array(block.v.weight), "Q8_0"
        yield b + "attn_output.weight", array(block.o.weight), "Q8_0"
        yield b + "ffn_norm.weight", array(block.ffn_norm), "F32"
        yield b + "ffn_gate.weight", array(block.gate.weight), "Q8_0"
        yield b + "ffn_up.weight", array(block.up.weight), "Q8_0"
        yield b + "ffn_down.weight", array(block.down.weight), "Q8_0"


def export_gguf(path, model, tokenizer, corpus_hash, seed):
    spec = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(spec["vocab"], key=spec["vocab"].get)
    special = [END_OF_TEXT, IM_START, IM_END]
    assert [tokenizer.token_to_id(t) for t in special] == [len(tokens) + i for i in range(3)]
    types = [gguf.NORMAL] * len(tokens) + [gguf.CONTROL] * 3
    tokens += special
    while len(tokens) < VOCAB:
        tokens.append(f"<|unused{len(tokens)}|>")
        types.append(gguf.UNUSED)
    merges = [m if isinstance(m, str) else " ".join(m) for m in spec["merges"]]

    g = gguf.GgufWriter("llama")
    g.add("general.name", gguf.STRING, "inferd-demo")
    g.add("general.description", gguf.STRING, "Answers questions about inferd; trained from scratch on its documentation.")
    g.add("general.license", gguf.STRING, "apache-2.0")
    g.add("general.file_type", gguf.U32, gguf.FILE_TYPES["Q8_0"])
    g.add("general.quantization_version", gguf.U32, 2)
    g.add("inferd.demo.corpus_sha256", gguf.STRING, corpus_hash)
    g.add("inferd.demo.seed", gguf.U32, seed)
    for key, value in (("block_count", LAYERS), ("context_length", CONTEXT), ("embedding_length", D),
                       ("feed_forward_length", FFN), ("attention.head_count", HEADS),
                       ("attention.head_count_kv", KV_HEADS), ("attention.key_length", HEAD_DIM),
                       ("attention.value_length", HEAD_DIM), ("rope.dimension_count", HEAD_DIM), ("vocab_size", VOCAB)):
        g.add("llama." + key, gguf.U32, value)
    g.add("llama.attention.layer_norm_rms_epsilon", gguf.F32, EPS)
    g.add("llama.rope.freq_base", gguf.F32, ROPE_BASE)
    g.add("tokenizer.ggml.model", gguf.STRING, "gpt2")
    g.add("tokenizer.ggml.pre", gguf.STRING, "qwen2")
    g.add_array("tokenizer.ggml.tokens", gguf.STRING, tokens)
    g.add_array("tokenizer.ggml.token_type", gguf.I32, types)
    g.add_array("tokenizer.ggml.merges", gguf.STRING, merges)
    g.add("tokenizer.ggml.bos_token_id", gguf.U32, tokens.index(END_OF_TEXT))
    g.add("tokenizer.ggml.eos_token_id", gguf.U32, tokens.index(IM_END))
    g.add("tokenizer.ggml.padding_token_id", gguf.U32, tokens.index(END_OF_TEXT))
    g.add("tokenizer.ggml.add_bos_token", gguf.BOOL, False)
    g.add("tokenizer.chat_template", gguf.STRING, CHAT_TEMPLATE)
    for name, array, type_name in gguf_tensors(model):
        g.add_tensor(name, array, type_name)
    g.write(path)


def quantise_in_place(model):
    """Replaces every matrix by what the GGUF file holds of it, so that the evaluation judges the file."""
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 2:
                x = p.detach().float().cpu().numpy()
                p.copy_(torch.from_numpy(gguf.dequantize(gguf.quantize(x, "Q8_0"), x.shape, "Q8_0")))


# ---- evaluation ----

@torch.no_grad()
def answer_all(model, tokenizer, questions, device, most=160):
    """Greedy answers to all questions at once. Sequences are padded on the right, so no mask is needed."""
    prompts = [tokenizer.encode(chat_text([("user", q)]) + f"{IM_START}assistant\n").ids for q in questions]
    end = tokenizer.token_to_id(IM_END)
    width = max(map(len, prompts)) + most
    ids = torch.zeros((len(prompts), width), dtype=torch.long, device=device)
    for i, p in enumerate(prompts):
        ids[i, :len(p)] = torch.tensor(p)
    begin = torch.tensor([len(p) for p in prompts], device=device)
    rows = torch.arange(len(prompts), device=device)
    done = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    model.eval()
    for step in range(most):
        at = begin + step
        with torch.autocast(device_type=device, dtype=torch.bfloat16, enabled=device == "cuda"):
            hidden = model(ids[:, :int(at.max())])[rows, at - 1]
            best = F.linear(hidden, model.embedding.weight).argmax(-1)
        ids[rows, at] = torch.where(done, torch.full_like(best, end), best)
        done |= best == end
        if done.all():
            break
    answers = []
    for i, p in enumerate(prompts):
        out = ids[i, len(p):len(p) + most].tolist()
        answers.append(tokenizer.decode(out[:out.index(end)] if end in out else out))
    return answers


def score(model, tokenizer, data, device):
    """Prints wrong answers and samples; returns {kind: (right, asked)}."""
    judge = corpus.Judge(data.facts)
    cases = data.held_out()
    answers = answer_all(model, tokenizer, [c["question"] for c in cases], device)
    result = {}
    for case, answer in zip(cases, answers):
        right, asked = result.get(case["kind"], (0, 0))
        good = judge.right(case, answer)
        result[case["kind"]] = (right + good, asked + 1)
        if not good:
            print(f"WRONG [{case['kind']}] {case['question']}\n   {answer}")
    samples = ["What is inferd?", "How are you?", "What does inferd_queue_depth mean?", "Tell me about yourself", "hello",
               "what is 7 + 5?", "Which metric tells me how long requests wait?", "Why are my answers slow?", "How do I check my config file?",
               "what is queue.capacity", "Who won the world cup?", "Tell me a joke", "What does inferd_foo_bar_total mean?"]
    for question, answer in zip(samples, answer_all(model, tokenizer, samples, device)):
        print(f"Q: {question}\nA: {answer}")
    return result


def update_card(path, figures):
    """Puts the figures between the two marks in the model card."""
    text = path.read_text(encoding="utf-8")
    block = "\n".join(["<!-- figures: written by train.py -->", *figures, "<!-- end of figures -->"])
    text = re.sub(r"<!-- figures.*?<!-- end of figures -->", lambda _: block, text, flags=re.S)
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Trains the demo model.")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "inferd-demo.gguf")
    parser.add_argument("--card", type=pathlib.Path, default=HERE / "README.md")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--conversations", type=int, default=700000)
    parser.add_argument("--batch-tokens", type=int, default=65536)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")

    began = time.time()
    data = corpus.Corpus()
    print(f"{len(data.facts)} facts, corpus {data.hash()[:12]}", flush=True)
    tokenizer = train_tokenizer(data, args.seed)
    print(f"vocabulary {tokenizer.get_vocab_size()} tokens, {time.time() - began:.0f} s", flush=True)
    buckets = encode_corpus(tokenizer, data, args.conversations, args.seed)
    text_tokens = sum(int((k > 0).sum()) for _, k in buckets.values())
    print(f"{args.conversations} conversations, {text_tokens / 1e6:.1f} M tokens, "
          f"{ {n: len(t) for n, (t, _) in buckets.items()} }, {time.time() - began:.0f} s", flush=True)

    model = Model().to(device)
    parameters = sum(p.numel() for p in model.parameters())
    seconds, seen = train(model, buckets, device, args.steps, args.batch_tokens, args.rate, args.seed)
    export_gguf(args.out, model, tokenizer, data.hash(), args.seed)
    size = args.out.stat().st_size
    print(f"{args.out}: {parameters / 1e6:.2f} M parameters, {size} bytes", flush=True)

    quantise_in_place(model)
    result = score(model, tokenizer, data, device)
    right, asked = (sum(x) for x in zip(*result.values()))
    for kind, (r, a) in result.items():
        print(f"{kind}: {r}/{a}")
    print(f"total: {right}/{asked} = {right / asked:.3f}")
    hardware = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} CPU, {os.cpu_count()} cores"
    update_card(args.card, [
        f"- {parameters / 1e6:.1f} million parameters, {size / 2**20:.1f} MiB; vocabulary of {tokenizer.get_vocab_size()} tokens",
        f"- {len(data.facts)} facts, {args.conversations} conversations of {text_tokens / 1e6:.0f} million tokens; corpus "
        f"`{data.hash()[:16]}`, seed {args.seed}",
        f"- {args.steps} steps over {seen / 1e6:.0f} million tokens (padding included) in {seconds:.0f} s on {hardware}, torch "
        f"{torch.__version__.split('+')[0]}; {time.time() - began:.0f} s for everything",
        f"- held-out questions answered right, with the quantised weights in PyTorch: {right} of {asked} ({right / asked:.1%}): "
        + ", ".join(f"{kind} {r}/{a}" for kind, (r, a) in result.items()),
    ])
    return 0


if __name__ == "__main__":
    sys.exit(main())
