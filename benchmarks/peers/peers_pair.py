"""Optimal transport within a batch: exact by SciPy, POT and torchcfm, entropic by OTT and torchcfm (w4).

The entropy weighs 0.05 of the greatest cost, and each library stops where it does of itself: OTT when the marginals
are wrong by 1e-3 in sum."""
import harness
from harness import case, figures, measure

harness.start()
import numpy as np
import tensors

ROWS = (64, 256, 512, 1024)


def batches(net, rows):
    """Noise and data of as many batches as the files hold, up to 16."""
    z = tensors.read("inputs")
    x0, x1 = z[f"x0_{net}"], z[f"x1_{net}"]
    return [(x0[k * rows:(k + 1) * rows], x1[k * rows:(k + 1) * rows]) for k in range(min(16, len(x1) // rows))]


def squares(x0, x1):
    return (x0 * x0).sum(1)[:, None] + (x1 * x1).sum(1)[None, :] - 2 * x0 @ x1.T


def timed(net, rows, pair):
    work, at = batches(net, rows), [0]

    def run(n):
        for _ in range(n):
            pair(*work[at[0] % len(work)])
            at[0] += 1

    d = harness.NAMED[net]["d"]
    return figures([1e3 * t for t in measure(run)], "pair", f"d={d} batch={rows}", "ms", rows=rows)


def scipy(net, rows):
    from scipy.optimize import linear_sum_assignment
    return timed(net, rows, lambda x0, x1: linear_sum_assignment(squares(x1, x0))[1])


def pot(net, rows):
    """The network simplex, the pairs read from its plan."""
    import ot
    return timed(net, rows, lambda x0, x1: ot.emd([], [], squares(x1, x0).astype(np.float64)).argmax(1))


def torchcfm(net, rows):
    """As a training with torchcfm calls it: the plan, and pairs drawn from it with replacement."""
    import torch
    from torchcfm.optimal_transport import OTPlanSampler
    sampler = OTPlanSampler(method="exact")
    return timed(net, rows, lambda x0, x1: sampler.sample_plan(torch.from_numpy(x0), torch.from_numpy(x1)))


def ott(net, rows):
    """The plan alone, on one device."""
    import jax
    import jax.numpy as jnp
    from ott.geometry import geometry
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import sinkhorn

    @jax.jit
    def plan(x0, x1):
        c = squares(x1, x0)
        g = geometry.Geometry(cost_matrix=c / c.max(), epsilon=0.05)
        return sinkhorn.Sinkhorn()(linear_problem.LinearProblem(g)).matrix

    def run(x0, x1):
        return jax.block_until_ready(plan(jnp.asarray(x0), jnp.asarray(x1)))

    run(*batches(net, rows)[0])  # compiles
    return timed(net, rows, run)


def torchcfm_sinkhorn(net, rows):
    """The plan, and pairs drawn from it with replacement."""
    import torch
    from torchcfm.optimal_transport import OTPlanSampler
    sampler = OTPlanSampler(method="sinkhorn", reg=0.05, normalize_cost=True)
    return timed(net, rows, lambda x0, x1: sampler.sample_plan(torch.from_numpy(x0), torch.from_numpy(x1)))


for net in ("small", "wide"):
    for rows in ROWS:
        for f in (scipy, pot, torchcfm):
            case(f"w4-{harness.NAMED[net]['d']}x{rows}", f.__name__)(lambda f=f, net=net, rows=rows: f(net, rows))
        for f in (ott, torchcfm_sinkhorn):
            case(f"w4-{harness.NAMED[net]['d']}x{rows}-sinkhorn", f.__name__.replace("_", "-"))(
                lambda f=f, net=net, rows=rows: f(net, rows))

harness.main("scipy", "POT", "torchcfm", "ott-jax", "jax", "numpy")
