"""A small writer of GGUF version 3 files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).

A file is built in memory and written in one go:

    g = GgufWriter("llama")
    g.add("llama.block_count", U32, 2)
    g.add_tensor("token_embd.weight", matrix, "Q8_0")   # matrix: float32 [rows, columns]
    g.write("out.gguf")

Quantisation follows the reference formulas of the format: a row is cut into blocks of 32 values, each block has one
float16 scale, and the scale that is stored is the one used to decode. `quantize` and `dequantize` are exact
inverses in layout, so `dequantize(quantize(x))` is what any reader of the file must see.

Needs numpy.
"""

import struct

import numpy as np

# Metadata value types.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9

# Tensor types: name -> (type number, values per block, bytes per block).
TENSOR_TYPES = {
    "F32": (0, 1, 4),
    "F16": (1, 1, 2),
    "Q4_0": (2, 32, 18),
    "Q8_0": (8, 32, 34),
    "BF16": (30, 1, 2),
}

# general.file_type of a file whose matrices have this type.
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "BF16": 32}

ALIGNMENT = 32

# Token types of tokenizer.ggml.token_type.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def quantize(x, type_name):
    """Encodes a float32 array whose last axis is a multiple of the block size; returns bytes."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    if type_name == "F32":
        return x.astype("<f4").tobytes()
    if type_name == "F16":
        return x.astype("<f2").tobytes()
    if type_name == "BF16":
        # Round to nearest even on the upper 16 bits (the values here are finite).
        bits = x.view(np.uint32)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        return rounded.astype("<u2").tobytes()
    if x.shape[-1] % 32:
        raise ValueError(f"{type_name}: row length {x.shape[-1]} is not a multiple of 32")
    blocks = x.reshape(-1, 32)
    if type_name == "Q8_0":
        # scale = max|x| / 127, values rounded half away from zero.
        scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
        scaled = blocks * _inverse(scale)
        values = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
        return _join(scale, values.view(np.uint8))
    if type_name == "Q4_0":
        # scale = (the value of largest magnitude) / -8, so that this value becomes code 0 exactly.
        at = np.abs(blocks).argmax(axis=1)[:, None]
        scale = np.take_along_axis(blocks, at, axis=1) / np.float32(-8)
        codes = np.minimum(15, (blocks * _inverse(scale) + np.float32(8.5)).astype(np.int8)).astype(np.uint8)
        # Byte j holds value j in its low half and value j + 16 in its high half.
        return _join(scale, codes[:, :16] | (codes[:, 16:] << 4))
    raise ValueError(f"unknown tensor type {type_name}")


def dequantize(data, shape, type_name):
    """Decodes bytes made by `quantize` into float32 of the given shape."""
    if type_name == "F32":
        return np.frombuffer(data, "<f4").reshape(shape).copy()
    if type_name == "F16":
        return np.frombuffer(data, "<f2").astype(np.float32).reshape(shape)
    if type_name == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    _, per_block, block_bytes = TENSOR_TYPES[type_name]
    raw = np.frombuffer(data, np.uint8).reshape(-1, block_bytes)
    scale = raw[:, :2].copy().view("<f2").astype(np.float32)
    body = raw[:, 2:]
    if type_name == "Q8_0":
        values = body.copy().view(np.int8).astype(np.float32)
    else:
        values = np.concatenate([body & 15, body >> 4], axis=1).astype(np.float32) - 8
    assert values.shape[1] == per_block
    return (values * scale).reshape(shape)


def _inverse(scale):
    """1/scale in float32, 0 where the scale is 0 (an all-zero block)."""
    return np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)


def _join(scale, body):
    head = scale.astype("<f2").view(np.uint8).reshape(-1, 2)
    return np.concatenate([head, body], axis=1).tobytes()


def permute_rope_rows(weight, heads):
    """Reorders the rows of a q or k projection from half-split to interleaved rotary pairs.

    Files of architecture `llama` store rotary pairs as neighbours (2i, 2i+1); checkpoints store the halves of a head
    (i, i + head_dim/2). weight: [heads * head_dim, columns].
    """
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def byte_to_unicode():
    """The GPT-2 table: each byte's stand-in character in byte-level vocabularies."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return table


class GgufWriter:
    """Collects metadata and tensors in the order they are added."""

    def __init__(self, architecture):
        self._metadata = []
        self._tensors = []
        self.add("general.architecture", STRING, architecture)

    def add(self, key, value_type, value):
        """Adds a scalar or string."""
        self._metadata.append(_string(key) + struct.pack("<I", value_type) + _value(value_type, value))

    def add_array(self, key, element_type, values):
        """Adds an array of one element type."""
        head = _string(key) + struct.pack("<IIQ", ARRAY, element_type, len(values))
        self._metadata.append(head + b"".join(_value(element_type, v) for v in values))

    def add_tensor(self, name, array, type_name="F32"):
        """Adds a float32 array, row-major; a matrix [rows, columns] gets the dimensions (columns, rows)."""
        self.add_encoded_tensor(name, array.shape, quantize(array, type_name), type_name)

    def add_encoded_tensor(self, name, shape, data, type_name):
        """Adds a tensor whose bytes are already encoded."""
        _, per_block, block_bytes = TENSOR_TYPES[type_name]
        count = int(np.prod(shape))
        assert len(data) == count // per_block * block_bytes, name
        self._tensors.append((name, tuple(reversed(shape)), TENSOR_TYPES[type_name][0], data))

    def to_bytes(self):
        out = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(self._tensors), len(self._metadata)))
        for entry in self._metadata:
            out += entry
        offset = 0
        for name, dims, number, data in self._tensors:
            out += _string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
            out += struct.pack("<IQ", number, offset)
            offset += len(data) + -len(data) % ALIGNMENT
        for _, _, _, data in self._tensors:
            out += bytes(-len(out) % ALIGNMENT) + data
        out += bytes(-len(out) % ALIGNMENT)
        return bytes(out)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(self.to_bytes())


def _string(text):
    data = text.encode("utf-8") if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def _value(value_type, value):
    if value_type == STRING:
        return _string(value)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[value_type], value)
