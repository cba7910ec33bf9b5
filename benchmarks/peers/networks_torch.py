"""The networks of the workloads in torch, and their saved weights."""
import harness
import tensors
import torch
from torch import nn


class Small(nn.Module):
    """[x, t] -> 3 x 64, SELU or another -> d."""

    def __init__(self, activation=nn.SELU):
        super().__init__()
        self.net = layers(harness.sizes(harness.SMALL), activation)

    def forward(self, x, t):
        t = t.expand(x.shape[0]) if t.dim() == 0 else t
        return self.net(torch.cat([x, t[:, None]], 1))


class Fourier(nn.Module):
    """[x, cos(t w), sin(t w)] -> hidden layers, SiLU -> d."""

    def __init__(self, net):
        super().__init__()
        self.register_buffer("w", torch.from_numpy(harness.omegas()))
        self.net = layers(harness.sizes(net), nn.SiLU)

    def forward(self, x, t):
        a = t[..., None] * self.w
        e = torch.cat([a.cos(), a.sin()], -1)
        return self.net(torch.cat([x, e.expand(x.shape[0], -1)], 1))


def layers(sizes, activation):
    out = []
    for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        out.append(nn.Linear(a, b))
        if i < len(sizes) - 2:
            out.append(activation())
    return nn.Sequential(*out)


def new(net):
    return Small() if net is harness.SMALL else Fourier(net)


def linears(net):
    return [m for m in net.net if isinstance(m, nn.Linear)]


def trained(name):
    return load(new(harness.NAMED[name]), name + "_weights")


def load(net, file):
    saved = tensors.read(file)
    with torch.no_grad():
        for i, m in enumerate(linears(net)):
            m.weight.copy_(torch.from_numpy(saved[f"layers.{i}.weight"]))
            m.bias.copy_(torch.from_numpy(saved[f"layers.{i}.bias"]))
    return net


def normal_logp(z):
    return -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * 1.8378770664093453
