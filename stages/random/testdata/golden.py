#!/usr/bin/env python3
"""Reference for the random numbers of package random, and maker of golden.json.

Pure Python, written from the definitions and not from the Go code, so that the
two check each other and a plugin author can draw the same numbers:

    key      first 8 bytes, little-endian, of
             SHA-256(b"pathline-rng-v1\\0" + seed as 8 bytes LE + stage + b"\\0" + stream)
    block    Philox4x32-10 with counter (row low, row high, step, block) and
             key (key low, key high): four 32-bit words
    uniform  draw i is words 2(i % 2) and 2(i % 2) + 1 of block i // 2, low word
             first: the top 53 bits of the 64, over 2^53
    normal64 draws 2b and 2b+1 are r cos a and r sin a of block b, with
             r = sqrt(-2 ln(1 - u1)), a = 2 pi u2, u1 and u2 the block's uniforms
    normal32 draws 4b + 2j and 4b + 2j + 1 likewise of words 2j and 2j + 1, with
             u = (word + 1/2) / 2^32, r = sqrt(-2 ln u1), rounded to float32
    sign     draw i is bit i % 32 of word (i % 128) // 32 of block i // 128:
             0 is +1, 1 is -1
    permute  place i of pass p: cut i, of 2h bits with the least h such that
             2^(2h) >= n, into halves l and r of h bits; ten times
             (l, r) = (r, l xor low h bits of words 0 and 1 of the block at
             (row r, step p, block 2^31 + round)); join; again while >= n
    shuffle  of n places in pass p: start with 0..n-1; for i from n - 1 down to 1
             change places i and j = x (i + 1) // 2^64, x the words 2(i % 2)
             (low) and 2(i % 2) + 1 (high) of the block at (row i // 2, step p,
             block 3 * 2^30)

Run it in this folder: python3 golden.py > golden.json
"""
import hashlib
import json
import math
import struct

M32 = 0xFFFFFFFF


def philox(c, k):
    c, k = list(c), list(k)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & M32, (p0 >> 32) ^ c[3] ^ k[1], p0 & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c


def new_key(seed, stage, stream):
    data = b"pathline-rng-v1\0" + struct.pack("<Q", seed) + stage.encode() + b"\0" + stream.encode()
    return struct.unpack("<Q", hashlib.sha256(data).digest()[:8])[0]


def block(key, row, step, b):
    return philox((row & M32, row >> 32, step, b), (key & M32, key >> 32))


def uniform(key, row, step, i):
    w = block(key, row, step, i // 2)
    lo, hi = w[2 * (i % 2)], w[2 * (i % 2) + 1]
    return ((hi << 32 | lo) >> 11) / 2**53


def normal64(key, row, step, i):
    u1, u2 = (uniform(key, row, step, i // 2 * 2 + j) for j in range(2))
    r = math.sqrt(-2 * math.log1p(-u1))
    return r * (math.cos, math.sin)[i % 2](2 * math.pi * u2)


def normal32(key, row, step, i):
    w = block(key, row, step, i // 4)[i % 4 // 2 * 2:]
    u1, u2 = ((w[j] + 0.5) / 2**32 for j in range(2))
    r = math.sqrt(-2 * math.log(u1))
    return r * (math.cos, math.sin)[i % 2](2 * math.pi * u2)


def sign(key, row, step, i):
    w = block(key, row, step, i // 128)[i % 128 // 32]
    return 1 - 2 * (w >> i % 32 & 1)


def permute(key, i, n, p):
    if n < 2:
        return i
    h = 1
    while 1 << 2 * h < n:
        h += 1
    mask = (1 << h) - 1
    while True:
        l, r = i >> h, i & mask
        for rnd in range(10):
            w = block(key, r, p, 0x80000000 + rnd)
            l, r = r, l ^ (w[0] | w[1] << 32) & mask
        i = l << h | r
        if i < n:
            return i


def shuffle(key, n, p):
    a = list(range(n))
    for i in range(n - 1, 0, -1):
        w = block(key, i // 2, p, 3 << 30)[2 * (i % 2):]
        j = (w[0] | w[1] << 32) * (i + 1) >> 64
        a[i], a[j] = a[j], a[i]
    return a


def fletcher(a):
    """A sum that tells orders apart, for what is too long to write down."""
    s = t = 0
    for v in a:
        s = (s + v) % 65521
        t = (t + s) % 65521
    return t << 16 | s


def case(seed, stage, stream, row, step):
    k = new_key(seed, stage, stream)
    return {
        "seed": seed, "stage": stage, "stream": stream, "row": row, "step": step,
        "key": f"{k:016x}",
        "block7": [f"{w:08x}" for w in block(k, row, step, 7)],
        "uniform": [uniform(k, row, step, i).hex() for i in range(5)],
        "normal64": [normal64(k, row, step, i) for i in range(5)],
        "normal32": [normal32(k, row, step, i) for i in range(7)],
        "sign": "".join("+" if sign(k, row, step, i) > 0 else "-" for i in range(150)),
        "permute": [[n, [permute(k, i, n, step) for i in range(min(n, 12))]] for n in (1, 2, 3, 10, 1000, 2**33 + 5, 2**64 - 1)],
        "shuffle": [shuffle(k, n, step) for n in (0, 1, 2, 3, 10, 16)],
        "shuffle5000": fletcher(shuffle(k, 5000, step)),
    }


if __name__ == "__main__":
    print(json.dumps([
        case(0, "", "", 0, 0),
        case(7, "train", "noise", 12345, 67),
        case(2**64 - 1, "samples", "Rademacher \u00b1", 2**40 + 3, 2**32 - 1),
    ], indent=1))
