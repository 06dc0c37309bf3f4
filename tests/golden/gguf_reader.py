"""A small reader of GGUF version 3 files: metadata, and tensors decoded to float32. Needs numpy.

It trusts its input and is meant for files of our own making.
"""

import struct

import numpy as np

from gguf_writer import ALIGNMENT, ARRAY, STRING, TENSOR_TYPES, dequantize

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TYPE_NAMES = {number: name for name, (number, _, _) in TENSOR_TYPES.items()}


def read(path):
    """Returns (metadata: key -> value, tensors: name -> (float32 array [rows, columns] or [n], type name))."""
    with open(path, "rb") as f:
        data = f.read()
    at = 0

    def take(form):
        nonlocal at
        value, = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        size = take("<Q")
        at += size
        return data[at - size:at].decode("utf-8")

    def value(value_type):
        if value_type == STRING:
            return text()
        if value_type == ARRAY:
            element_type, count = take("<I"), take("<Q")
            return [value(element_type) for _ in range(count)]
        return take(_SCALARS[value_type])

    if take("<4s") != b"GGUF" or take("<I") != 3:
        raise ValueError(f"{path}: not a GGUF version 3 file")
    n_tensors, n_metadata = take("<Q"), take("<Q")
    metadata = {}
    for _ in range(n_metadata):
        key = text()
        metadata[key] = value(take("<I"))
    infos = []
    for _ in range(n_tensors):
        name = text()
        dims = [take("<Q") for _ in range(take("<I"))]
        infos.append((name, tuple(reversed(dims)), _TYPE_NAMES[take("<I")], take("<Q")))
    start = at + -at % ALIGNMENT
    tensors = {}
    for name, shape, type_name, offset in infos:
        _, per_block, block_bytes = TENSOR_TYPES[type_name]
        size = int(np.prod(shape)) // per_block * block_bytes
        tensors[name] = (dequantize(data[start + offset:start + offset + size], shape, type_name), type_name)
    return metadata, tensors
