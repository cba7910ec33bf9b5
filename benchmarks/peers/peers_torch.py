"""PyTorch and the libraries on it: torchcfm, torchdiffeq, flow_matching, zuko (w1-w3, w5-w7, w9, w11)."""
import harness
from harness import case, figures, measure

args = harness.start()
import numpy as np
import networks_torch as networks
import tensors
import torch

torch.set_num_threads(args.threads)
torch.manual_seed(0)
ENDS = torch.tensor([0.0, 1.0])


# ---- w1, w2, w3: one training step of conditional flow matching ------------

def train(net, fused=False, compiled=False):
    from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
    matcher, model = ConditionalFlowMatcher(sigma=0.0), networks.new(net)
    rule = torch.optim.AdamW if net is harness.SMALL else torch.optim.Adam
    opt = rule(model.parameters(), lr=1e-3, fused=fused)
    data, batch = torch.from_numpy(harness.training_rows(net)), net["batch"]

    def loss():
        x1 = data[torch.randint(0, len(data), (batch,))]
        x0 = torch.randn_like(x1)
        t, xt, ut = matcher.sample_location_and_conditional_flow(x0, x1)
        return ((model(xt, t) - ut) ** 2).mean()

    if compiled:
        loss = torch.compile(loss)

    def steps(n):
        for _ in range(n):
            value = loss()
            opt.zero_grad()
            value.backward()
            opt.step()

    steps(3)
    small = net is harness.SMALL
    return figures(measure(steps), "train", harness.title(net), "steps/s" if small else "rows/s", 1 if small else batch)


for workload, net in (("w1", harness.SMALL), ("w2", harness.WIDE), ("w3", harness.MID)):
    case(workload, "torchcfm")(lambda net=net: train(net))
    case(workload, "torchcfm-fused")(lambda net=net: train(net, fused=True))
    case(workload, "torchcfm-compile")(lambda net=net: train(net, fused=True, compiled=True))


# ---- w5, w6: sampling -------------------------------------------------------

def sample(name, make, reference, params, rate):
    """make(velocity, network) gives solve(x0)."""
    net, count, last = networks.trained(name), [0], {}

    def velocity(t, x):
        count[0] += 1
        return net(x, t)

    solve = make(velocity, net)
    x0 = torch.from_numpy(harness.first(tensors.read("inputs")["x0_" + name]))

    def work(n):
        for _ in range(n):
            count[0] = 0
            last["y"] = solve(x0)

    with torch.no_grad():
        solve(x0[:500])
        seconds = measure(work)
    error = harness.rms(last["y"].numpy(), tensors.read("reference")[reference + name])
    params = f"net={name} rows={len(x0)} {params}"
    more = dict(rows=len(x0), rms_error=error, nfe=count[0] or 100)
    return figures(seconds, "sample", params, *(("rows/s", len(x0)) if rate else ()), **more)


def loop(velocity, net):
    def solve(x):
        for i in range(100):
            x = x + 0.01 * velocity(torch.tensor(i / 100), x)
        return x
    return solve


def loop_compiled(velocity, net):
    step = torch.compile(lambda x, t: x + 0.01 * net(x, t))

    def solve(x):
        for i in range(100):
            x = step(x, torch.tensor(i / 100))
        return x
    return solve


def torchdiffeq(**how):
    from torchdiffeq import odeint
    return lambda velocity, net: lambda x: odeint(velocity, x, ENDS, **how)[-1]


def flow_matching(**how):
    def make(velocity, net):
        from flow_matching.solver import ODESolver
        solver = ODESolver(velocity_model=lambda x, t: velocity(t, x))
        return lambda x: solver.sample(x_init=x, **how)
    return make


def zuko(velocity, net):
    from zuko.utils import odeint
    return lambda x: odeint(velocity, x, 0.0, 1.0, atol=1e-5, rtol=1e-5)


def euler(name, make):
    return sample(name, make, "euler100_", "steps=100", True)


def adaptive(name, make):
    return sample(name, make, "samples_", "tol=1e-05", False)


DOPRI5 = dict(method="dopri5", rtol=1e-5, atol=1e-5)
for name in ("small", "wide"):
    case("w5-" + name, "torch")(lambda name=name: euler(name, loop))
    case("w5-" + name, "torch-compile")(lambda name=name: euler(name, loop_compiled))
    case("w5-" + name, "torchdiffeq")(
        lambda name=name: euler(name, torchdiffeq(method="euler", options=dict(step_size=0.01))))
    case("w5-" + name, "flow_matching")(lambda name=name: euler(name, flow_matching(method="euler", step_size=0.01)))
    case("w6-" + name, "torchdiffeq")(lambda name=name: adaptive(name, torchdiffeq(**DOPRI5)))
    case("w6-" + name, "flow_matching")(lambda name=name: adaptive(name, flow_matching(step_size=None, **DOPRI5)))
    case("w6-" + name, "zuko")(lambda name=name: adaptive(name, zuko))


# ---- w7: log-density ----------------------------------------------------------

def density(name, kind, make, own_probe=True):
    """make(velocity, probe) gives logp(x); probe is None for the exact trace. A peer that draws its own probes
    has no reference to be compared with."""
    net, count, last = networks.trained(name).requires_grad_(False), [0], {}

    def velocity(t, x):
        count[0] += 1
        return net(x, t)

    inputs = tensors.read("inputs")
    x1 = torch.from_numpy(harness.first(inputs["x1_" + name]))
    probe = torch.from_numpy(harness.first(inputs["probe_" + name])).float() if kind == "hutchinson" else None
    logp = make(velocity, probe)

    def work(n):
        for _ in range(n):
            count[0] = 0
            last["y"] = logp(x1)

    seconds = measure(work)
    more = dict(rows=len(x1), nfe=count[0])
    if kind == "exact" or not own_probe:
        more["rms_error"] = harness.rms(last["y"].detach().numpy(), tensors.read("reference")[f"logp_{name}_{kind}"])
    return figures(seconds, "logp", f"net={name} {kind} rows={len(x1)} tol=1e-05", **more)


def density_torchdiffeq(velocity, probe):
    """By hand: d products of a vector with the Jacobian, or one, and no graph of them."""
    from torchdiffeq import odeint

    def augmented(t, state):
        with torch.enable_grad():
            x = state[0].detach().requires_grad_()
            v = velocity(t, x)
            if probe is None:
                d = x.shape[1]
                div = sum(torch.autograd.grad(v[:, i].sum(), x, retain_graph=i < d - 1)[0][:, i] for i in range(d))
            else:
                div = (torch.autograd.grad((v * probe).sum(), x)[0] * probe).sum(1)
        return v.detach(), div

    def logp(x1):
        with torch.no_grad():
            z, l = odeint(augmented, (x1, torch.zeros(len(x1))), ENDS.flip(0), **DOPRI5)
        return networks.normal_logp(z[-1]) + l[-1]
    return logp


def density_flow_matching(velocity, probe):
    from flow_matching.solver import ODESolver
    solver = ODESolver(velocity_model=lambda x, t: velocity(t, x))
    return lambda x1: solver.compute_likelihood(x_1=x1, log_p0=networks.normal_logp, step_size=None,
                                                exact_divergence=probe is None, **DOPRI5)[1]


def density_zuko(velocity, probe):
    from zuko.transforms import FreeFormJacobianTransform
    transform = FreeFormJacobianTransform(velocity, 1.0, 0.0, (), 1e-5, 1e-5, probe is None)

    def logp(x1):
        with torch.no_grad():
            z, l = transform.call_and_ladj(x1)
        return networks.normal_logp(z) + l
    return logp


for name, kind in (("small", "exact"), ("wide", "exact"), ("wide", "hutchinson")):
    workload = f"w7-{name}-{kind}"
    case(workload, "torchdiffeq")(
        lambda name=name, kind=kind: density(name, kind, density_torchdiffeq, own_probe=False))
    case(workload, "flow_matching")(lambda name=name, kind=kind: density(name, kind, density_flow_matching))
    case(workload, "zuko")(lambda name=name, kind=kind: density(name, kind, density_zuko))


# ---- w9: steps of maximum likelihood of a continuous flow -------------------------

class Augmented(torch.nn.Module):
    """(t, (x, l)) -> (v, divergence of v), which can be differentiated."""

    def __init__(self):
        super().__init__()
        self.net, self.count = networks.load(networks.Small(torch.nn.Tanh), "cnf_weights"), 0

    def forward(self, t, state):
        self.count += 1
        x = state[0]
        if not (torch.is_grad_enabled() and x.requires_grad):  # the adjoint's way there keeps no graph
            x = x.detach().requires_grad_()
        with torch.enable_grad():
            v = self.net(x, t)
            div = sum(torch.autograd.grad(v[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1]))
        return v, div


def likelihood(solve, params, **how):
    """Ten steps from the saved weights, timed as a whole; each repeat begins from them again."""
    data, last = torch.from_numpy(harness.training_rows(harness.SMALL)) / 4, {}

    def ten():
        net = Augmented()
        opt = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        for _ in range(10):
            x = data[torch.randint(0, len(data), (512,))].requires_grad_()
            z, l = solve(net, (x, torch.zeros(len(x))), ENDS.flip(0), **how)
            loss = -(networks.normal_logp(z[-1]) + l[-1]).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
        last["nfe"] = net.count / 10

    def work(n):
        for _ in range(n):
            ten()

    return figures(measure(work), "train", f"{harness.title(dict(harness.SMALL, batch=512))} tanh {params}", "steps/s", 10,
                   rows=512, nfe=last["nfe"])


def adjoint(*a, **how):
    from torchdiffeq import odeint_adjoint
    return odeint_adjoint(*a, **how)


def through(*a, **how):
    from torchdiffeq import odeint
    return odeint(*a, **how)


case("w9-dopri5", "torchdiffeq")(lambda: likelihood(through, "tol=1e-05", **DOPRI5))
case("w9-adjoint", "torchdiffeq")(lambda: likelihood(adjoint, "tol=1e-05", **DOPRI5))
case("w9-adjoint", "torchdiffeq-seminorm")(
    lambda: likelihood(adjoint, "tol=1e-05 seminorm", adjoint_options=dict(norm="seminorm"), **DOPRI5))
case("w9-rk4", "torchdiffeq")(lambda: likelihood(through, "steps=20", method="rk4", options=dict(step_size=0.05)))


# ---- w11: products of matrices --------------------------------------------------

def product(m, n, k):
    a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)

    def work(count):
        for _ in range(count):
            torch.mm(a, b, out=c)

    seconds = measure(work)
    error = harness.rms(c[:8].numpy(), (a[:8].double() @ b.double()).numpy())
    return figures(seconds, "product", f"{m}x{n}x{k}", "GFLOP/s", 2e-9 * m * n * k, rms_error=error)


for m, n, k in ((4096, 512, 512), (512, 128, 128), (256, 64, 64)):
    case(f"w11-{m}x{n}x{k}", "torch")(lambda m=m, n=n, k=k: product(m, n, k))

harness.main("torch", "torchcfm", "torchdiffeq", "flow_matching", "zuko", "numpy")
