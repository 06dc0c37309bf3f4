"""Golden token ids: small vocabularies of each pre-tokenizer family, encoded by the libraries the families come from.

The byte-level BPE families are run by Hugging Face tokenizers, set up as the family's tokenizer.json is; the
SentencePiece family by sentencepiece. For each one this writes `<pre>.gguf` (metadata only, no tensors) and
`<pre>.cases`; the layout of the latter is documented in make_goldens.py.

Needs tokenizers and sentencepiece.
"""

import io
import json
import struct

import tokenizer_texts
from gguf_writer import (BOOL, BYTE, CONTROL, F32, I32, NORMAL, STRING, U32, UNKNOWN, USER_DEFINED, GgufWriter)

# Regular expressions as the families' tokenizer.json files have them.
_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3_REGEX = _WORDS.format(digits="{1,3}")
QWEN2_REGEX = _WORDS.format(digits="")
# Letters of scripts with upper and lower case, as DeepSeek LLM lists them (first-last, code points in hexadecimal;
# spelled out because a normalising editor would change some of the characters).
_DEEPSEEK_LETTERS = """
41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A 38C 38E-3A1 3A3-3F5
3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15
1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3
1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139
213C-213F 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D A680-A69B A722-A76F A771-A787
A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 104D8-104FB 10C80-10CB2 10CC0-10CF2
118A0-118DF 1E900-1E943"""


def _character_class(ranges):
    """A bracket expression of code point ranges."""
    return "[" + "".join("-".join(chr(int(end, 16)) for end in r.split("-")) for r in ranges.split()) + "]"


# The steps of DeepSeek LLM before single digits are cut apart.
DEEPSEEK_LLM_REGEXES = (
    r"[\r\n]",
    r"\s?" + _character_class(_DEEPSEEK_LETTERS) + "+",
    r"\s?[!-/:-~" + _character_class("FF01-FF0F FF1A-FF5E 2018-201F 3000-3002")[1:] + "+",
    r"\s+$",
    _character_class("4E00-9FA5 800-4E00 AC00-D7FF") + "+",
)


def _split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _byte_level(use_regex=False):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


# pre: how the family's tokenizer.json is set up. `control` tokens are special there, `user` ones are not; the first
# control token is the beginning of a sequence, the second one its end.
FAMILIES = {
    "llama-bpe": dict(
        pre_tokenizer=_sequence(_split(LLAMA3_REGEX), _byte_level()), ignore_merges=True, vocab=2200, add_bos=True,
        control=["<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"],
        user=["<think>", "</think>", "<｜User｜>", "<｜Assistant｜>"]),
    "qwen2": dict(
        pre_tokenizer=_sequence(_split(QWEN2_REGEX), _byte_level()), normalizer={"type": "NFC"}, vocab=2000,
        control=["<|endoftext|>", "<|im_end|>", "<|im_start|>"],
        user=["<tool_call>", "</tool_call>", "<think>", "</think>"]),
    "deepseek-llm": dict(
        pre_tokenizer=_sequence(*[_split(r) for r in DEEPSEEK_LLM_REGEXES], {"type": "Digits", "individual_digits": True},
                                _byte_level()),
        vocab=1800, add_bos=True, control=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"], user=["<|EOT|>"]),
    "deepseek-r1-qwen": dict(
        pre_tokenizer=_sequence(_split(QWEN2_REGEX), _byte_level()), vocab=1700, add_bos=True,
        control=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<|▁pad▁|>"],
        user=["<｜User｜>", "<｜Assistant｜>", "<|EOT|>", "<think>", "</think>", "<tool_call>"]),
    "gpt-2": dict(
        pre_tokenizer=_byte_level(use_regex=True), vocab=1500,
        control=["<|endoftext|>", "<|im_end|>", "<|im_start|>"], user=["<think>", "</think>"]),
}

SPM_CONTROL = ["<|im_start|>", "<|im_end|>"]
SPM_USER = ["<think>", "</think>"]
SPM_VOCAB = 1500

PARSE_SPECIAL = 1


def make(out, log):
    """Writes every family's two files into folder `out` (a Path)."""
    out.mkdir(parents=True, exist_ok=True)
    for pre, family in FAMILIES.items():
        make_byte_level(out, pre, family, log)
    make_spm(out, log)


def tokenizer_json(family, vocab, merges):
    """The tokenizer.json of a family with the given vocabulary; added tokens get the ids after it."""
    added = []
    for text in family["control"] + family["user"]:
        added.append({"id": len(vocab) + len(added), "content": text, "single_word": False, "lstrip": False,
                      "rstrip": False, "normalized": False, "special": text in family["control"]})
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": family.get("normalizer"), "pre_tokenizer": family["pre_tokenizer"], "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": family.get("ignore_merges", False), "vocab": vocab,
                  "merges": [list(m) for m in merges]}})


def train_bpe(family):
    """Returns (vocab: token -> id, merges: list of pairs)."""
    from tokenizers import Tokenizer, pre_tokenizers, trainers
    tokenizer = Tokenizer.from_str(tokenizer_json(dict(family, control=[], user=[]), {}, []))
    trainer = trainers.BpeTrainer(vocab_size=family["vocab"], show_progress=False, special_tokens=[],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(tokenizer_texts.training_lines(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    if family.get("ignore_merges"):
        merges = drop_some_merges(merges)
    return model["vocab"], merges


def drop_some_merges(merges):
    """Removes every third merge that no other merge builds on: its token is then reachable only as a whole word."""
    parts = {p for pair in merges for p in pair}
    final = [m for m in merges if m[0] + m[1] not in parts]
    dropped = set(final[::3])
    return [m for m in merges if m not in dropped]


def make_byte_level(out, pre, family, log):
    from tokenizers import Tokenizer
    vocab, merges = train_bpe(family)
    tokenizer = Tokenizer.from_str(tokenizer_json(family, vocab, merges))
    special = family["control"] + family["user"]
    tokens = sorted(vocab, key=vocab.get) + special
    types = [NORMAL] * len(vocab) + [CONTROL] * len(family["control"]) + [USER_DEFINED] * len(family["user"])
    assert [tokenizer.token_to_id(t) for t in tokens] == list(range(len(tokens)))

    g = GgufWriter("llama" if pre in ("llama-bpe", "deepseek-llm", "gpt-2") else "qwen2")
    g.add("general.name", STRING, f"golden vocabulary {pre}")
    g.add("tokenizer.ggml.model", STRING, "gpt2")
    g.add("tokenizer.ggml.pre", STRING, pre)
    g.add_array("tokenizer.ggml.tokens", STRING, tokens)
    g.add_array("tokenizer.ggml.token_type", I32, types)
    g.add_array("tokenizer.ggml.merges", STRING, [" ".join(m) for m in merges])
    g.add("tokenizer.ggml.bos_token_id", U32, len(vocab))
    g.add("tokenizer.ggml.eos_token_id", U32, len(vocab) + 1)
    g.add("tokenizer.ggml.add_bos_token", BOOL, family.get("add_bos", False))
    g.write(out / f"{pre}.gguf")

    cases = []
    for text, holds_special in tokenizer_texts.test_strings(special):
        for flags in (0, PARSE_SPECIAL) if holds_special else (0,):
            # False (the library's default) finds special tokens in text; True reads them as plain text.
            tokenizer.encode_special_tokens = not flags & PARSE_SPECIAL
            cases.append((text, flags, tokenizer.encode(text, add_special_tokens=False).ids))
    write_cases(out / f"{pre}.cases", cases)
    log(f"tokenizer {pre}: {len(tokens)} tokens, {len(merges)} merges, {len(cases)} cases")


def make_spm(out, log):
    import sentencepiece
    model = io.BytesIO()
    lines = [line for text in tokenizer_texts.training_lines() for line in text.splitlines() if line]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=SPM_VOCAB, byte_fallback=True,
        character_coverage=0.995, normalization_rule_name="identity", add_dummy_prefix=True,
        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, num_threads=1,
        control_symbols=SPM_CONTROL, user_defined_symbols=SPM_USER, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        minloglevel=2)
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = range(sp.get_piece_size())
    pieces = [sp.id_to_piece(i) for i in ids]

    def token_type(i):
        if sp.is_unknown(i):
            return UNKNOWN
        if sp.is_control(i):
            return CONTROL
        if sp.is_byte(i):
            return BYTE
        return USER_DEFINED if pieces[i] in SPM_USER else NORMAL

    g = GgufWriter("llama")
    g.add("general.name", STRING, "golden vocabulary spm")
    g.add("tokenizer.ggml.model", STRING, "llama")
    g.add("tokenizer.ggml.pre", STRING, "default")
    g.add_array("tokenizer.ggml.tokens", STRING, pieces)
    g.add_array("tokenizer.ggml.scores", F32, [sp.get_score(i) for i in ids])
    g.add_array("tokenizer.ggml.token_type", I32, [token_type(i) for i in ids])
    g.add("tokenizer.ggml.bos_token_id", U32, sp.bos_id())
    g.add("tokenizer.ggml.eos_token_id", U32, sp.eos_id())
    g.add("tokenizer.ggml.unknown_token_id", U32, sp.unk_id())
    g.add("tokenizer.ggml.add_bos_token", BOOL, True)
    g.add("tokenizer.ggml.add_space_prefix", BOOL, True)
    g.write(out / "spm.gguf")

    control = ["<s>", "</s>", *SPM_CONTROL]
    cases = []
    for text, holds_special in tokenizer_texts.test_strings(control):
        # Readers disagree about the space prefix next to a user-defined token, so it is only tried at the end.
        cases.append((text, 0, sp.encode(text)))
        if holds_special:
            cases.append((text, PARSE_SPECIAL, encode_spm_parts(sp, text, control)))
    for word in tokenizer_texts.ENGLISH[:40]:
        for tail in ("<think>", " </think>", "<think></think>"):
            cases.append((word + tail, 0, sp.encode(word + tail)))
    write_cases(out / "spm.cases", cases)
    log(f"tokenizer spm: {len(pieces)} pieces, {len(cases)} cases")


def encode_spm_parts(sp, text, control):
    """Cuts text at control tokens; each stretch between them is encoded alone, with its own space prefix."""
    ids = []
    while text:
        found = [(text.find(c), -len(c), c) for c in control if c in text]
        if not found:
            return ids + sp.encode(text)
        at, _, token = min(found)
        ids += sp.encode(text[:at]) + [sp.piece_to_id(token)]
        text = text[at + len(token):]
    return ids


def write_cases(path, cases):
    with open(path, "wb") as f:
        f.write(struct.pack("<4sI", b"IGT1", len(cases)))
        for text, flags, ids in cases:
            data = text.encode("utf-8")
            f.write(struct.pack("<I", len(data)) + data)
            f.write(struct.pack(f"<II{len(ids)}i", flags, len(ids), *ids))
