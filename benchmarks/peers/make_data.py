"""Write benchmarks/data: rows, trained weights and float64 references.

The rows are the same on every machine; weights depend on the last bits of torch's products, so a second run gives
others, with references that belong to them. About six minutes on two cores. Argument: a folder, or none for
benchmarks/data."""
import os
import sys

folder = sys.argv[1] if len(sys.argv) > 1 else None
sys.argv = [sys.argv[0], "--threads", str(os.cpu_count())]
import harness

harness.start()
import networks_torch as networks
import numpy as np
import tensors
import torch
from torchdiffeq import odeint

folder = folder or tensors.DATA
os.makedirs(folder, exist_ok=True)
torch.manual_seed(0)
rng = np.random.default_rng(1)


def eight_gaussians(n):
    """Eight round Gaussians of variance 0.1 on a circle of radius 5."""
    k = rng.integers(0, 8, n)
    c = 5 * np.stack([np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)], 1)
    return (c + np.sqrt(0.1) * rng.standard_normal((n, 2))).astype(np.float32)


SHAPES = rng.standard_normal((4, 21, 21)) / np.sqrt(21) * 0.6
MEANS = rng.standard_normal((4, 21)) * 1.5


def mixture(n):
    """Four Gaussians with full covariances in 21 columns."""
    k = rng.integers(0, 4, n)
    return (np.einsum("nij,nj->ni", SHAPES[k], rng.standard_normal((n, 21))) + MEANS[k]).astype(np.float32)


def train(net, rows, batch, steps, rule):
    rows, opt = torch.from_numpy(rows), rule(net.parameters(), lr=1e-3)
    for _ in range(steps):
        x1 = rows[torch.randint(0, len(rows), (batch,))]
        x0, t = torch.randn_like(x1), torch.rand(batch)
        loss = ((net(torch.lerp(x0, x1, t[:, None]), t) - (x1 - x0)) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()


def save_weights(net, name):
    out = {}
    for i, m in enumerate(networks.linears(net)):
        out[f"layers.{i}.weight"] = m.weight.detach().numpy()
        out[f"layers.{i}.bias"] = m.bias.detach().numpy()
    tensors.write(name, out, folder)


def augmented(net, probe):
    """(t, (x, l)) -> (v, divergence of v): the exact trace by d tangents through the layers, or one probe's."""
    def first(x, t):
        if isinstance(net, networks.Small):
            return torch.cat([x, t.expand(x.shape[0])[:, None]], 1)
        a = t * net.w
        return torch.cat([x, torch.cat([a.cos(), a.sin()]).expand(x.shape[0], -1)], 1)

    def f(t, state):
        x = state[0]
        n, d = x.shape
        if probe is not None:
            v, jz = torch.func.jvp(lambda y: net(y, t), (x,), (probe,))
            return v, (jz * probe).sum(1)
        h = first(x, t)
        tangents = torch.zeros(n, d, h.shape[1], dtype=x.dtype)
        tangents[:, :, :d] = torch.eye(d, dtype=x.dtype)
        for m in net.net:
            if isinstance(m, torch.nn.Linear):
                h, tangents = m(h), tangents @ m.weight.T
                continue
            with torch.enable_grad():
                a = h.detach().requires_grad_()
                y = m(a)
                slope, = torch.autograd.grad(y.sum(), a)
            h, tangents = y.detach(), tangents * slope[:, None, :]
        return h, torch.einsum("nii->n", tangents)
    return f


def references(name, net, inputs):
    """Tolerance 1e-9, but for the log-density of the small network 1e-7: SELU has a kink, its divergence jumps, and
    more is not affordable; that reference is good to about 3e-3 at its worst row."""
    net.double()
    ends, method = torch.tensor([0.0, 1.0], dtype=torch.float64), "dopri5" if name == "small" else "dopri8"
    field = lambda t, x: net(x, t)
    x0 = torch.from_numpy(inputs["x0_" + name])[:10000 if name == "small" else 2000].double()
    out = {
        "samples_" + name: odeint(field, x0, ends, method=method, rtol=1e-9, atol=1e-9)[-1],
        "euler100_" + name: odeint(field, x0, ends, method="euler", options=dict(step_size=0.01))[-1],
    }
    x1 = torch.from_numpy(inputs["x1_" + name]).double()
    cases = {"exact": (x1[:256] if name == "wide" else x1, None)}
    if name == "wide":
        cases["hutchinson"] = x1, torch.from_numpy(inputs["probe_wide"]).double()
    tol = 1e-7 if name == "small" else 1e-9
    for kind, (x, probe) in cases.items():
        z, l = odeint(augmented(net, probe), (x, torch.zeros(len(x), dtype=torch.float64)), ends.flip(0),
                      method=method, rtol=tol, atol=tol)
        out[f"logp_{name}_{kind}"] = networks.normal_logp(z[-1]) + l[-1]
    return {k: v.numpy() for k, v in out.items()}


def main():
    import pyarrow as pa
    import pyarrow.parquet as pq
    x8 = eight_gaussians(10000)
    tensors.write("eight_gaussians", {"x": x8}, folder)
    pq.write_table(pa.table({"x": x8[:, 0], "y": x8[:, 1]}), os.path.join(folder, "eight_gaussians.parquet"))
    small, wide = networks.new(harness.SMALL), networks.new(harness.WIDE)
    train(small, x8, 256, 2000, torch.optim.AdamW)
    train(wide, mixture(65536), 4096, 200, torch.optim.Adam)
    save_weights(small, "small_weights")
    save_weights(wide, "wide_weights")
    cnf = networks.Small(torch.nn.Tanh)
    train(cnf, x8 / 4, 256, 1000, torch.optim.Adam)
    save_weights(cnf, "cnf_weights")
    inputs = dict(
        x0_small=rng.standard_normal((10000, 2), dtype=np.float32),
        x0_wide=rng.standard_normal((10000, 21), dtype=np.float32),
        x1_small=eight_gaussians(2000), x1_wide=mixture(2000),
        probe_wide=(rng.integers(0, 2, (2000, 21)) * 2 - 1).astype(np.int8))
    tensors.write("inputs", inputs, folder)
    with torch.no_grad():
        refs = {**references("small", small, inputs), **references("wide", wide, inputs)}
    tensors.write("reference", refs, folder)


main()
