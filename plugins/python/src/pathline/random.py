"""The host's random numbers: a function of their address and of nothing else.

A row's draw depends on the key, the row's number and the step, never on the size
of a batch or on who asks. Philox4x32-10 (Salmon et al. 2011); the rules are those
of pathline's package stages/random, and the bits are the same.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["Key"]

_MUL = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Key:
    """One stream of random numbers. A value: there is no state to advance."""

    def __init__(self, value: int) -> None:
        self.value = value & 0xFFFFFFFFFFFFFFFF

    @classmethod
    def of(cls, seed: int, stage: str, stream: str) -> "Key":
        """The key that a stage uses for one purpose."""
        text = b"pathline-rng-v1\0" + seed.to_bytes(8, "little") + stage.encode() + b"\0" + stream.encode()
        return cls(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))

    def generator(self) -> np.random.Generator:
        """A numpy generator of this key, for draws that need no address."""
        return np.random.Generator(np.random.Philox(key=self.value))

    def blocks(self, row: np.ndarray, step: int, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Four words for every pair of row and block."""
        row, block = np.broadcast_arrays(np.asarray(row, np.uint64), np.asarray(block, np.uint64))
        c0, c1, c2, c3 = (row & _LOW, row >> _HALF, np.full(row.shape, step, np.uint64), block)
        k0, k1 = self.value & 0xFFFFFFFF, self.value >> 32
        for _ in range(10):
            p0, p1 = _MUL[0] * c0, _MUL[1] * c2
            c0, c1, c2, c3 = ((p1 >> _HALF) ^ c1 ^ np.uint64(k0), p1 & _LOW, (p0 >> _HALF) ^ c3 ^ np.uint64(k1), p0 & _LOW)
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        return c0, c1, c2, c3

    def _wide(self, count: int, first: int, rows: int, step: int) -> np.ndarray:
        """[rows, count] uniforms with 53 bits, two to a block."""
        row = np.arange(first, first + rows, dtype=np.uint64)[:, None]
        block = np.arange((count + 1) // 2, dtype=np.uint64)[None, :]
        w = self.blocks(row, step, block)
        u = np.stack([_uniform(w[0], w[1]), _uniform(w[2], w[3])], axis=-1)
        return u.reshape(rows, -1)[:, :count]

    def uniforms(self, count: int, row: int = 0, step: int = 0) -> np.ndarray:
        """Draws 0..count-1 of a row, uniform on [0, 1)."""
        return self._wide(count, row, 1, step)[0]

    def normals(self, count: int, first: int = 0, rows: int = 1, step: int = 0) -> np.ndarray:
        """[rows, count] standard normals in float64, for rows first, first+1, ..."""
        u = self._wide(count + count % 2, first, rows, step)
        r, a = np.sqrt(-2 * np.log1p(-u[:, 0::2])), 2 * np.pi * u[:, 1::2]
        return np.stack([r * np.cos(a), r * np.sin(a)], axis=-1).reshape(rows, -1)[:, :count]


def _uniform(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return ((low | high << _HALF) >> np.uint64(11)).astype(np.float64) * 2.0**-53
