"""Read and write plain safetensors files: 8 bytes of length, a JSON header, little-endian arrays.

Metadata and alignment are left out on purpose: the benchmark's own files are all that is read here."""
import json
import os

import numpy as np

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
TYPES = {"F32": "<f4", "F64": "<f8", "I8": "i1"}


def read(name, folder=DATA):
    """The arrays of a file, by name."""
    with open(os.path.join(folder, name + ".safetensors"), "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    out = {}
    for key, t in header.items():
        begin, end = t["data_offsets"]
        out[key] = np.frombuffer(data[begin:end], TYPES[t["dtype"]]).reshape(t["shape"]).copy()
    return out


def write(name, arrays, folder=DATA):
    """Write arrays of float32, float64 or int8."""
    header, blocks, at = {}, [], 0
    for key, a in arrays.items():
        dtype = next(k for k, v in TYPES.items() if np.dtype(v) == a.dtype)
        blocks.append(np.ascontiguousarray(a, TYPES[dtype]).tobytes())
        header[key] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [at, at + len(blocks[-1])]}
        at += len(blocks[-1])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, name + ".safetensors"), "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blocks))
