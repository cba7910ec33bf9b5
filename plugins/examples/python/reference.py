"""Three built-in stages once more, in numpy: the path condot, the solver euler and the
model mlp. A pipeline that uses them gives what the built-in ones give, up to the
rounding of float32; a test of the repository holds them to that.

    plugins:
      ref: {command: [python3, reference.py]}
    stages:
      path: {kind: path, use: ref/condot}
      field: {kind: model, use: ref/mlp, with: {hidden: [64, 64]}}
      solver: {kind: solver, use: ref/euler, with: {steps: 50}}
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

import pathline


@pathline.path("condot")
class CondOT:
    "straight lines: x_t = t x1 + (1-t) x0"

    def coefficients(self, t):
        return t, 1 - t, 1.0, -1.0


@pathline.solver("euler", example="{steps: 50}")
class Euler:
    "x(t+h) = x + h v(t, x)"

    steps: int = pathline.field(100, doc="equal steps from start to end", min=1, max=1_000_000)

    def solve(self, field, x, t0, t1):
        grid = np.linspace(t0, t1, self.steps + 1)
        for a, b in zip(grid[:-1], grid[1:]):
            x = (x + (b - a) * field(a, x)).astype(x.dtype)
        return x


@dataclass
class Time:
    use: Annotated[Literal["fourier", "concat"], "fourier: cosines and sines of t; concat: t itself"] = "fourier"
    features: Annotated[int, "frequencies, of use: fourier", pathline.Bounds(min=1, max=65536)] = 32


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normal(x):
    """The normal distribution function and its density."""
    erf = np.frompyfunc(math.erf, 1, 1)(x.astype(np.float64) / math.sqrt(2)).astype(np.float64)
    return ((1 + erf) / 2).astype(x.dtype), np.exp(-x * x / 2) / np.float32(math.sqrt(2 * math.pi))


ALPHA, SCALE = np.float32(1.6732632423543772), np.float32(1.0507009873554805)


def silu(x):
    s = sigmoid(x)
    return x * s, s * (1 + x * (1 - s))


def gelu(x):
    cdf, pdf = normal(x)
    return x * cdf, cdf + x * pdf


def selu(x):
    e = ALPHA * np.exp(np.minimum(x, 0))
    return SCALE * np.where(x > 0, x, e - ALPHA), SCALE * np.where(x > 0, np.float32(1), e)


def tanh(x):
    y = np.tanh(x)
    return y, 1 - y * y


# Every activation with its slope.
ACTIVATIONS = {
    "silu": silu, "gelu": gelu, "selu": selu, "tanh": tanh,
    "relu": lambda x: (np.maximum(x, 0), (x > 0).astype(x.dtype)),
    "softplus": lambda x: (np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid(x)),
}


@pathline.model("mlp", example="{hidden: [256, 256, 256], activation: silu}")
class MLP:
    "a multilayer perceptron of x and features of t"

    hidden: Annotated[list[int], "widths of the hidden layers", pathline.Bounds(min=1, max=65536)] = [128, 128, 128]
    activation: Annotated[Literal["silu", "relu", "tanh", "gelu", "selu", "softplus"], "follows every hidden layer"] = "silu"
    time: Annotated[Time, "how the time enters the first layer"] = Time()

    def tensors(self, dim):
        # Without init(), weights are drawn as the built-in one draws them.
        widths = [dim + (1 if self.time.use == "concat" else 2 * self.time.features), *self.hidden, dim]
        out = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            out[f"layers.{i}.weight"] = (b, a)
            out[f"layers.{i}.bias"] = (b,)
        return out

    def features(self, t):
        t = t.astype(np.float32)[:, None]
        if self.time.use == "concat":
            return t
        n = self.time.features
        w = 64.0 ** (np.arange(n) / (n - 1)) if n > 1 else np.ones(1)
        phase = t * w.astype(np.float32)
        return np.concatenate([np.cos(phase), np.sin(phase)], axis=1)

    def layers(self, w):
        n = len(self.hidden)
        return [(w[f"layers.{i}.weight"], w[f"layers.{i}.bias"]) for i in range(n + 1)]

    def forward(self, w, t, x):
        """v, what every layer got, and the slopes of every activation."""
        act = ACTIVATIONS[self.activation]
        h, inputs, slopes = np.concatenate([x, self.features(t)], axis=1), [], []
        *hidden, last = self.layers(w)
        for a, b in hidden:
            inputs.append(h)
            h, slope = act(h @ a.T + b)
            slopes.append(slope)
        inputs.append(h)
        return h @ last[0].T + last[1], inputs, slopes

    def eval(self, w, t, x):
        return self.forward(w, t, x)[0]

    def tangent(self, w, slopes, z):
        """The derivative of v along z."""
        *hidden, last = self.layers(w)
        dh = z @ hidden[0][0][:, :z.shape[1]].T if hidden else z @ last[0][:, :z.shape[1]].T
        for i, slope in enumerate(slopes):
            after = hidden[i + 1][0] if i + 1 < len(hidden) else last[0]
            dh = (dh * slope) @ after.T
        return dh

    def divergence(self, w, t, x, probe):
        v, _, slopes = self.forward(w, t, x)
        if probe is not None:
            return v, np.stack([(self.tangent(w, slopes, z).astype(np.float64) * z).sum(axis=1) for z in probe], axis=1)
        div = np.zeros(len(x))
        for i in range(x.shape[1]):
            e = np.zeros_like(x)
            e[:, i] = 1
            div += self.tangent(w, slopes, e)[:, i]
        return v, div

    def gradient(self, w, t, x, target, weight):
        v, inputs, slopes = self.forward(w, t, x)
        r = v - target
        loss = (np.square(r, dtype=np.float64).sum(axis=1) * weight).sum()
        back, grads = 2 * r * weight[:, None], {}
        for i, (a, _) in reversed(list(enumerate(self.layers(w)))):
            grads[f"layers.{i}.weight"] = back.T @ inputs[i]
            grads[f"layers.{i}.bias"] = back.sum(axis=0)
            if i:
                back = (back @ a) * slopes[i - 1]
        return loss, grads


if __name__ == "__main__":
    pathline.serve()
