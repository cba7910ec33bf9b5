"""Writes updates.json: five steps of each update rule in float64.

    python3 updates.py > updates.json

Needs nothing but Python. The formulas are those of the documentation of
torch.optim.Adam, AdamW and SGD, and algorithm 2 of Chen et al. 2023 (Lion),
operation by operation.
"""

import json
import math
import random
import struct


def float32(v):
    return struct.unpack("f", struct.pack("f", v))[0]


def adam(c, decoupled):
    m, v, n = {}, {}, 0
    b1, b2 = c["betas"]

    def step(lr, w, g):
        nonlocal n
        n += 1
        for k in range(len(w)):
            gk = g[k]
            if decoupled:
                w[k] *= 1 - lr * c["weight_decay"]
            else:
                gk += c["weight_decay"] * w[k]
            m[k] = b1 * m.get(k, 0.0) + (1 - b1) * gk
            v[k] = b2 * v.get(k, 0.0) + (1 - b2) * gk * gk
            m_hat = m[k] / (1 - b1**n)
            v_hat = v[k] / (1 - b2**n)
            w[k] -= lr * m_hat / (math.sqrt(v_hat) + c["eps"])

    return step


def sgd(c):
    b = {}

    def step(lr, w, g):
        for k in range(len(w)):
            gk = g[k] + c["weight_decay"] * w[k]
            if c["momentum"] != 0:
                b[k] = gk if k not in b else c["momentum"] * b[k] + (1 - c["dampening"]) * gk
                gk = gk + c["momentum"] * b[k] if c["nesterov"] else b[k]
            w[k] -= lr * gk

    return step


def lion(c):
    m = {}
    b1, b2 = c["betas"]

    def step(lr, w, g):
        for k in range(len(w)):
            mean = m.get(k, 0.0)
            direction = b1 * mean + (1 - b1) * g[k]
            sign = (direction > 0) - (direction < 0)
            w[k] -= lr * (sign + c["weight_decay"] * w[k])
            m[k] = b2 * mean + (1 - b2) * g[k]

    return step


def main():
    rng = random.Random(20141222)
    start = [float32(rng.gauss(0, 1)) for _ in range(5)]
    grads = [[float32(rng.gauss(0, 1) * 10 ** rng.uniform(-4, 1)) for _ in range(5)] for _ in range(5)]
    rates = [0.1, 0.05, 0.2, 0.1, 0.01]
    rules = []
    for betas in [0.9, 0.999], [0.5, 0.9]:
        for eps in 1e-8, 1e-3:
            for decay in 0.0, 0.1:
                c = {"betas": betas, "eps": eps, "weight_decay": decay}
                rules += [("adam", c, adam(c, False)), ("adamw", c, adam(c, True))]
    for momentum, dampening, nesterov in [(0.0, 0.0, False), (0.9, 0.0, False), (0.9, 0.5, False), (0.9, 0.0, True)]:
        for decay in 0.0, 0.1:
            c = {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov}
            rules.append(("sgd", c, sgd(c)))
    for betas in [0.9, 0.99], [0.5, 0.8]:
        for decay in 0.0, 0.1:
            c = {"betas": betas, "weight_decay": decay}
            rules.append(("lion", c, lion(c)))
    cases = []
    for use, config, step in rules:
        w, trace = list(start), []
        for lr, g in zip(rates, grads):
            step(lr, w, g)
            trace.append(list(w))
        cases.append({"use": use, "config": config, "weights": trace})
    print(json.dumps({"start": start, "grads": grads, "rates": rates, "cases": cases}))


main()
