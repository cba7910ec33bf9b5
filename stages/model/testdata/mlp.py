"""Writes mlp.json: forward passes of small multilayer perceptrons in float64.

    python3 mlp.py > mlp.json

Needs nothing but Python. Layers are y = x W^T + b, the activation follows all
but the last; the input is [x, cos(t w_k), sin(t w_k)], w_k = 64^(k/(K-1)), or
[x, t]. Weights are rounded to float32, so that both sides have the same ones.
"""

import json
import math
import random
import struct


def float32(v):
    return struct.unpack("f", struct.pack("f", v))[0]


ALPHA, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
ACTIVATIONS = {
    "silu": lambda z: z / (1 + math.exp(-z)),
    "relu": lambda z: max(z, 0.0),
    "tanh": math.tanh,
    "gelu": lambda z: 0.5 * z * (1 + math.erf(z / math.sqrt(2))),
    "selu": lambda z: SCALE * (z if z > 0 else ALPHA * (math.exp(z) - 1)),
    "softplus": lambda z: math.log(1 + math.exp(z)),
}


def features(t, time):
    if time["use"] == "concat":
        return [t]
    k = time["features"]
    w = [64 ** (i / (k - 1)) if k > 1 else 1.0 for i in range(k)]
    return [math.cos(t * v) for v in w] + [math.sin(t * v) for v in w]


def forward(weights, act, h):
    for i in range(0, len(weights), 2):
        w, b = weights[i], weights[i + 1]
        h = [sum(p * q for p, q in zip(row, h)) + c for row, c in zip(w, b)]
        if i + 2 < len(weights):
            h = [act(v) for v in h]
    return h


def case(rng, dim, hidden, activation, time):
    width = dim + len(features(0.0, time))
    weights = []
    for out in hidden + [dim]:
        weights.append([[float32(rng.uniform(-1, 1) / math.sqrt(width)) for _ in range(width)] for _ in range(out)])
        weights.append([float32(rng.uniform(-1, 1)) for _ in range(out)])
        width = out
    x = [[float32(rng.gauss(0, 1.5)) for _ in range(dim)] for _ in range(5)]
    t = [0.0, 0.125, rng.random(), rng.random(), 1.0]
    v = [forward(weights, ACTIVATIONS[activation], xi + features(ti, time)) for xi, ti in zip(x, t)]
    flat = [sum(w, []) if isinstance(w[0], list) else w for w in weights]
    config = {"hidden": hidden, "activation": activation, "time": time}
    return {"config": config, "dim": dim, "weights": flat, "t": t, "x": sum(x, []), "v": sum(v, [])}


def main():
    rng = random.Random(20221006)
    fourier = {"use": "fourier", "features": 3}
    concat = {"use": "concat"}
    cases = [case(rng, 2, [5, 4], a, fourier) for a in ACTIVATIONS]
    cases.append(case(rng, 3, [], "silu", concat))
    cases.append(case(rng, 1, [7], "tanh", {"use": "fourier", "features": 1}))
    cases.append(case(rng, 3, [6], "silu", concat))
    cases.append(case(rng, 3, [4, 6, 5], "gelu", concat))
    cases.append(case(rng, 5, [6, 4, 3, 5], "selu", {"use": "fourier", "features": 2}))
    print(json.dumps(cases))


main()
