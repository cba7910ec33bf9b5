"""A discrete flow in numpy: affine coupling layers (Dinh, Sohl-Dickstein, Bengio,
"Density estimation using Real NVP", 2017) with one hidden layer each, conditional on
columns. Layer k maps every second column, the others and the conditions say how:

    z_a = x_a exp(s) + t,   (s, t) = net(x_b, c),   log|det dz/dx| = sum s

and s is softly limited to +-2 by 2 tanh(s/2).
"""

from typing import Annotated

import numpy as np
import pathline


@pathline.model("coupling-flow", example="{layers: 4, hidden: 32}")
class CouplingFlow:
    """affine couplings in numpy, for the trainer mle"""

    layers: Annotated[int, pathline.Doc("coupling layers"), pathline.Bounds(min=1, max=64)] = 4
    hidden: Annotated[int, pathline.Doc("width of the hidden layer of each"), pathline.Bounds(min=1, max=4096)] = 32

    conditional = True

    def _halves(self, dim, k):
        """The columns that layer k maps, and those that say how."""
        a = np.arange(k % 2 if dim > 1 else 0, dim, 2)
        return a, np.setdiff1d(np.arange(dim), a)

    def tensors(self, dim, held):
        shapes = {}
        for k in range(self.layers):
            a, b = self._halves(dim, k)
            shapes |= {f"{k}.in": (self.hidden, len(b) + held + 1), f"{k}.out": (2 * len(a), self.hidden + 1)}
        return shapes

    def _net(self, w, k, b, c):
        """Scale and shift of layer k, and what the way back needs."""
        one = np.ones((len(b), 1), np.float32)
        u = np.concatenate([b, c, one], axis=1)
        h = np.concatenate([np.tanh(u @ w[f"{k}.in"].T), one], axis=1)
        s, t = np.split(h @ w[f"{k}.out"].T, 2, axis=1)
        return 2 * np.tanh(s / 2), t, u, h

    def normalize(self, w, x, c):
        z, logdet = x.copy(), np.zeros(len(x))
        for k in range(self.layers):
            a, b = self._halves(x.shape[1], k)
            s, t, _, _ = self._net(w, k, z[:, b], c)
            z[:, a] = z[:, a] * np.exp(s) + t
            logdet += s.sum(axis=1, dtype=np.float64)
        return z, logdet

    def generate(self, w, z, c):
        x, logdet = z.copy(), np.zeros(len(z))
        for k in reversed(range(self.layers)):
            a, b = self._halves(z.shape[1], k)
            s, t, _, _ = self._net(w, k, x[:, b], c)
            x[:, a] = (x[:, a] - t) * np.exp(-s)
            logdet -= s.sum(axis=1, dtype=np.float64)
        return x, logdet

    def train(self, w, x, c, weight):
        dim, z, logdet, kept = x.shape[1], x.copy(), np.zeros(len(x)), []
        for k in range(self.layers):
            a, b = self._halves(dim, k)
            s, t, u, h = self._net(w, k, z[:, b], c)
            kept.append((z[:, a], s, u, h))
            z[:, a] = z[:, a] * np.exp(s) + t
            logdet += s.sum(axis=1, dtype=np.float64)
        loss = np.square(z, dtype=np.float64).sum(axis=1) / 2 + dim * np.log(2 * np.pi) / 2 - logdet
        grad, dz = {}, z * weight[:, None]  # of |z|^2/2
        for k in reversed(range(self.layers)):
            a, b = self._halves(dim, k)
            za, s, u, h = kept[k]
            dt, e = dz[:, a], np.exp(s)
            ds = dt * za * e - weight[:, None]
            out = np.concatenate([ds * (1 - np.square(s / 2)), dt], axis=1)
            grad[f"{k}.out"] = out.T @ h
            dh = (out @ w[f"{k}.out"])[:, :-1] * (1 - np.square(h[:, :-1]))
            grad[f"{k}.in"] = dh.T @ u
            dz = dz.copy()
            dz[:, a] = dt * e
            dz[:, b] += (dh @ w[f"{k}.in"])[:, :len(b)]
        return loss, grad


if __name__ == "__main__":
    pathline.serve()
