"""Discrete normalizing flows (w8): zuko, nflows, normflows."""
import harness
from harness import case, figures, measure

args = harness.start()
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(args.threads)
torch.manual_seed(0)
D, H, BATCH = 8, 128, 512
NET = dict(d=D, depth=2, width=H, batch=BATCH)


def checker(i):
    return torch.arange(D) % 2 == i % 2


class Conditioner(nn.Sequential):
    """in -> 128 -> 128 -> out, ReLU."""
    hidden_features = H  # nflows and normflows scale spline parameters by it

    def __init__(self, i, o):
        super().__init__(nn.Linear(i, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(), nn.Linear(H, o))

    def forward(self, x, context=None):
        return super().forward(x)


def zuko_flow(kind):
    import zuko
    from zuko.flows.coupling import GeneralCouplingTransform as Coupling
    from zuko.transforms import MonotonicRQSTransform as Spline
    h = dict(hidden_features=(H, H))
    if kind == "maf":
        f = zuko.flows.MAF(D, transforms=5, **h)
    elif kind == "realnvp":
        f = zuko.flows.NICE(D, transforms=8, **h)
    else:
        base = zuko.flows.NICE(D, transforms=1).base
        f = zuko.lazy.Flow([Coupling(D, mask=checker(i), univariate=Spline, shapes=[(8,), (8,), (7,)], **h)
                            for i in range(5)], base)
    return f, lambda x: f().log_prob(x), lambda n: f().sample((n,))


def nflows_flow(kind):
    from nflows import transforms as T
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow
    layers = []
    if kind == "maf":
        for _ in range(5):
            layers += [T.ReversePermutation(D), T.MaskedAffineAutoregressiveTransform(
                D, H, num_blocks=1, use_residual_blocks=False)]
    elif kind == "realnvp":
        layers = [T.AffineCouplingTransform(checker(i).int(), Conditioner) for i in range(8)]
    else:
        layers = [T.PiecewiseRationalQuadraticCouplingTransform(
            checker(i).int(), Conditioner, num_bins=8, tails="linear", tail_bound=5.0) for i in range(5)]
    f = Flow(T.CompositeTransform(layers), StandardNormal([D]))
    return f, f.log_prob, f.sample


def normflows_flow(kind):
    import normflows as nf
    from normflows.flows.neural_spline.coupling import PiecewiseRationalQuadraticCoupling
    layers = []
    if kind == "maf":
        for _ in range(5):
            # Reverse: without it log_prob takes D passes and sampling one.
            layers += [nf.flows.Reverse(nf.flows.MaskedAffineAutoregressive(
                D, H, num_blocks=1, use_residual_blocks=False)), nf.flows.Permute(D, mode="swap")]
    elif kind == "realnvp":
        for _ in range(8):
            layers += [nf.flows.AffineCouplingBlock(Conditioner(D // 2, D)), nf.flows.Permute(D, mode="swap")]
    else:
        layers = [nf.flows.Reverse(PiecewiseRationalQuadraticCoupling(
            checker(i).int(), Conditioner, num_bins=8, tails="linear", tail_bound=5.0)) for i in range(5)]
    f = nf.NormalizingFlow(nf.distributions.DiagGaussian(D, trainable=False), layers)
    return f, f.log_prob, lambda n: f.sample(n)[0]


def run(make, kind, metric):
    flow, log_prob, sample = make(kind)
    data = torch.from_numpy(harness.training_rows(NET))
    opt = torch.optim.Adam(flow.parameters(), lr=1e-3)

    def train(n):
        for _ in range(n):
            loss = -log_prob(data[torch.randint(0, len(data), (BATCH,))]).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()

    def evaluate(n):
        with torch.no_grad():
            for i in range(n):
                k = i % 100 * BATCH
                log_prob(data[k:k + BATCH])

    def draw(n):
        with torch.no_grad():
            for _ in range(n):
                sample(BATCH)

    work = {"train": train, "log_prob": evaluate, "sample": draw}[metric]
    return figures(measure(work), metric, f"{kind} d={D} batch={BATCH}", "rows/s", BATCH)


for kind in ("maf", "realnvp", "nsf"):
    for metric in ("train", "log_prob", "sample"):
        for peer, make in (("zuko", zuko_flow), ("nflows", nflows_flow), ("normflows", normflows_flow)):
            case(f"w8-{kind}-{metric.replace('_', '-')}", peer)(
                lambda make=make, kind=kind, metric=metric: run(make, kind, metric))

harness.main("torch", "zuko", "nflows", "normflows", "numpy")
