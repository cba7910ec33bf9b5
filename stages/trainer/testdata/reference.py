"""Writes reference.json: the first ten training losses of small networks by PyTorch.

Conditional flow matching on the straight path (Lipman et al. 2023): the network v(x_t, t) of
[x_t, t] -> 16 -> 16 -> 2 with SELU or SiLU, x_t = (1 - t) x0 + t x1, loss = mean (v - (x1 - x0))^2,
all in float32. Weights, rows x1, noise x0 and times t are written beside the losses.

    python reference.py        # with the torch and numpy that "versions" in reference.json names
"""

import json
import pathlib

import numpy
import torch

STEPS, BATCH, DIM, HIDDEN = 10, 80, 2, [16, 16]

torch.manual_seed(1)
torch.set_num_threads(1)


def rounded(tensor):
    """Numbers that are float32 to the bit when they are read as float64 and rounded."""
    return [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]


def network(activation):
    sizes = [DIM + 1, *HIDDEN, DIM]
    layers = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        layers += [activation()] if i else []
        layers += [torch.nn.Linear(inputs, outputs)]
    return torch.nn.Sequential(*layers)


batches = []
for _ in range(STEPS):
    angle = 2 * numpy.pi * torch.randint(8, (BATCH,)) / 8
    x1 = 2 * torch.stack([angle.cos(), angle.sin()], 1).float() + 0.1 * torch.randn(BATCH, DIM)
    batches.append((x1, torch.randn(BATCH, DIM), torch.rand(BATCH)))

optimizers = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
}
cases = []
for name, activation in {"selu": torch.nn.SELU, "silu": torch.nn.SiLU}.items():
    start = network(activation)
    weights = [rounded(p) for p in start.parameters()]
    for rule, make in optimizers.items():
        net = network(activation)
        net.load_state_dict(start.state_dict())
        optimizer = make(net.parameters())
        losses = []
        for x1, x0, t in batches:
            xt = (1 - t[:, None]) * x0 + t[:, None] * x1
            loss = ((net(torch.cat([xt, t[:, None]], 1)) - (x1 - x0)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(f"{loss.item():.9g}"))
        cases.append({"activation": name, "rule": rule, "weights": weights, "losses": losses})

text = {
    "versions": {"torch": torch.__version__.split("+")[0], "numpy": numpy.__version__},
    "hidden": HIDDEN,
    "dim": DIM,
    "batches": [{"x1": rounded(x1), "x0": rounded(x0), "t": rounded(t)} for x1, x0, t in batches],
    "cases": cases,
}
pathlib.Path(__file__).with_name("reference.json").write_text(json.dumps(text, separators=(",", ":")) + "\n")
