"""JAX, optax and diffrax, compiled ahead of time (w1-w3, w5-w7)."""
import harness
from harness import case, figures, measure

args = harness.start()
import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tensors

OMEGAS = jnp.asarray(harness.omegas())


# ---- networks -----------------------------------------------------------------

def weights(key, sizes):
    """Uniform in +-1/sqrt(inputs), as the others begin."""
    out = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        key, k1, k2 = jax.random.split(key, 3)
        r = a ** -0.5
        out.append((jax.random.uniform(k1, (a, b), minval=-r, maxval=r),
                    jax.random.uniform(k2, (b,), minval=-r, maxval=r)))
    return out


def saved(name):
    z = tensors.read(name + "_weights")
    return [(jnp.asarray(z[f"layers.{i}.weight"].T), jnp.asarray(z[f"layers.{i}.bias"])) for i in range(len(z) // 2)]


def layers(p, h, activation):
    for w, b in p[:-1]:
        h = activation(h @ w + b)
    return h @ p[-1][0] + p[-1][1]


def small(p, x, t):
    t = jnp.broadcast_to(jnp.asarray(t, x.dtype)[..., None], x.shape[:-1] + (1,))
    return layers(p, jnp.concatenate([x, t], -1), jax.nn.selu)


def fourier(p, x, t):
    a = jnp.asarray(t, x.dtype)[..., None] * OMEGAS
    e = jnp.concatenate([jnp.cos(a), jnp.sin(a)], -1)
    return layers(p, jnp.concatenate([x, jnp.broadcast_to(e, x.shape[:-1] + e.shape[-1:])], -1), jax.nn.silu)


def network(name):
    return functools.partial(small if name == "small" else fourier, saved(name))


def compiled(f, *a):
    return f.lower(*a).compile()


# ---- w1, w2, w3 ------------------------------------------------------------------

def train(net, scan):
    model, b = small if net is harness.SMALL else fourier, net["batch"]
    data = jnp.asarray(harness.training_rows(net))
    rule = optax.adamw(1e-3, weight_decay=1e-2) if net is harness.SMALL else optax.adam(1e-3)
    p = weights(jax.random.key(0), harness.sizes(net))

    def loss(p, key):
        k1, k2, k3 = jax.random.split(key, 3)
        x1 = data[jax.random.randint(k1, (b,), 0, len(data))]
        x0, t = jax.random.normal(k2, x1.shape), jax.random.uniform(k3, (b,))
        xt = (1 - t[:, None]) * x0 + t[:, None] * x1
        return ((model(p, xt, t) - (x1 - x0)) ** 2).mean()

    def step(c, _):
        p, s, key = c
        key, k = jax.random.split(key)
        l, g = jax.value_and_grad(loss)(p, k)
        u, s = rule.update(g, s, p)
        return (optax.apply_updates(p, u), s, key), l

    if scan:
        f = jax.jit(lambda c: jax.lax.scan(step, c, None, length=100), donate_argnums=0)
    else:
        f = jax.jit(lambda c: step(c, None), donate_argnums=0)
    state = [(p, rule.init(p), jax.random.key(1))]
    f = compiled(f, state[0])

    def calls(n):
        for _ in range(n):
            state[0], l = f(state[0])
        jax.block_until_ready(l)

    calls(2)
    is_small, steps = net is harness.SMALL, 100 if scan else 1
    return figures(measure(calls), "train", harness.title(net), "steps/s" if is_small else "rows/s",
                   steps * (1 if is_small else b))


for workload, net in (("w1", harness.SMALL), ("w2", harness.WIDE), ("w3", harness.MID)):
    case(workload, "jax")(lambda net=net: train(net, False))
    if workload != "w2":
        case(workload, "jax-scan")(lambda net=net: train(net, True))


# ---- w5, w6 ----------------------------------------------------------------------

def repeated(f, x):
    """(seconds, result, evaluations) of f(x), which gives the last two."""
    f, last = compiled(jax.jit(f), x), {}

    def work(n):
        for _ in range(n):
            last["y"], last["nfe"] = jax.block_until_ready(f(x))

    seconds = measure(work)
    return seconds, np.asarray(last["y"]), int(last["nfe"])


def sample(name, solve, reference, params, rate):
    x0 = jnp.asarray(harness.first(tensors.read("inputs")["x0_" + name]))
    seconds, y, nfe = repeated(functools.partial(solve, network(name)), x0)
    more = dict(rows=len(x0), nfe=nfe, rms_error=harness.rms(y, tensors.read("reference")[reference + name]))
    return figures(seconds, "sample", f"net={name} rows={len(x0)} {params}",
                   *(("rows/s", len(x0)) if rate else ()), **more)


def loop(net, x):
    return jax.lax.fori_loop(0, 100, lambda i, x: x + 0.01 * net(x, i / 100), x), 100


def diffrax_euler(net, x):
    s = diffrax.diffeqsolve(diffrax.ODETerm(lambda t, y, a: net(y, t)), diffrax.Euler(), 0.0, 1.0, None, x,
                            stepsize_controller=diffrax.StepTo(jnp.linspace(0, 1, 101)), max_steps=100)
    return s.ys[-1], s.stats["num_steps"]


def dopri5(f, y, t0, t1):
    """The last state, and the evaluations: six a step, the first one, and one for the first step's size."""
    s = diffrax.diffeqsolve(diffrax.ODETerm(f), diffrax.Dopri5(), t0, t1, None, y, max_steps=4096,
                            stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5))
    return s.ys, 6 * s.stats["num_steps"] + 2


def diffrax_adaptive(net, x):
    ys, nfe = dopri5(lambda t, y, a: net(y, t), x, 0.0, 1.0)
    return ys[-1], nfe


for name in ("small", "wide"):
    case("w5-" + name, "jax")(lambda name=name: sample(name, loop, "euler100_", "steps=100", True))
    case("w5-" + name, "diffrax")(lambda name=name: sample(name, diffrax_euler, "euler100_", "steps=100", True))
    case("w6-" + name, "diffrax")(lambda name=name: sample(name, diffrax_adaptive, "samples_", "tol=1e-05", False))


# ---- w7 --------------------------------------------------------------------------

def exact(net):
    """The velocity and the trace of its Jacobian, d columns in forward mode after one linearisation."""
    def f(t, state, a):
        eye = jnp.eye(state[0].shape[1])

        def row(x):
            v, jvp = jax.linearize(lambda y: net(y, t), x)
            return v, jnp.trace(jax.vmap(jvp)(eye))
        return jax.vmap(row)(state[0])
    return f


def hutchinson(net, probe):
    def f(t, state, a):
        v, jv = jax.jvp(lambda y: net(y, t), (state[0],), (probe,))
        return v, (jv * probe).sum(1)
    return f


def density(name, kind):
    inputs = tensors.read("inputs")
    x1, net = jnp.asarray(harness.first(inputs["x1_" + name])), network(name)
    if kind == "exact":
        f = exact(net)
    else:
        f = hutchinson(net, jnp.asarray(harness.first(inputs["probe_" + name]), x1.dtype))

    def logp(x):
        (z, l), nfe = dopri5(f, (x, jnp.zeros(len(x))), 1.0, 0.0)
        z = z[-1]
        return -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * jnp.log(2 * jnp.pi) + l[-1], nfe

    seconds, y, nfe = repeated(logp, x1)
    return figures(seconds, "logp", f"net={name} {kind} rows={len(x1)} tol=1e-05", rows=len(x1), nfe=nfe,
                   rms_error=harness.rms(y, tensors.read("reference")[f"logp_{name}_{kind}"]))


for name, kind in (("small", "exact"), ("wide", "exact"), ("wide", "hutchinson")):
    case(f"w7-{name}-{kind}", "diffrax")(lambda name=name, kind=kind: density(name, kind))


# ---- w9 --------------------------------------------------------------------------

def likelihood(logp, params):
    """Ten steps from the saved weights, timed as a whole; each repeat begins from them again."""
    data, start, rule = jnp.asarray(harness.training_rows(harness.SMALL)) / 4, saved("cnf"), optax.adam(1e-3)

    def loss(p, key):
        return -logp(p, data[jax.random.randint(key, (512,), 0, len(data))]).mean()

    @jax.jit
    def step(p, s, key):
        key, k = jax.random.split(key)
        g = jax.grad(loss)(p, k)
        u, s = rule.update(g, s, p)
        return optax.apply_updates(p, u), s, key

    step = compiled(step, start, rule.init(start), jax.random.key(0))

    def work(n):
        for _ in range(n):
            p, s, key = start, rule.init(start), jax.random.key(0)
            for _ in range(10):
                p, s, key = step(p, s, key)
            jax.block_until_ready(p)

    return figures(measure(work), "train", f"{harness.title(dict(harness.SMALL, batch=512))} tanh {params}", "steps/s", 10,
                   rows=512)


def tanh_field(p):
    def net(x, t):
        t = jnp.broadcast_to(jnp.asarray(t, x.dtype)[..., None], x.shape[:-1] + (1,))
        return layers(p, jnp.concatenate([x, t], -1), jnp.tanh)
    return exact(net)


def standard(z, l):
    return -0.5 * (z * z).sum(1) - jnp.log(2 * jnp.pi) + l


def through(controller, max_steps, adjoint):
    def logp(p, x):
        y = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, s, q: tanh_field(q)(t, s, None)), diffrax.Dopri5(), 1.0, 0.0, None,
            (x, jnp.zeros(len(x))), args=p, stepsize_controller=controller, max_steps=max_steps, adjoint=adjoint).ys
        return standard(y[0][-1], y[1][-1])
    return logp


def rk4(wrap):
    """20 steps of the 3/8 rule in lax.scan; with remat each is computed again on the way back."""
    def logp(p, x):
        f, h = tanh_field(p), -0.05

        def add(s, *terms):
            return jax.tree.map(lambda y, *k: y + sum(c * v for (c, _), v in zip(terms, k)), s, *[k for _, k in terms])

        def step(s, i):
            t = 1 + h * i
            k1 = f(t, s, None)
            k2 = f(t + h / 3, add(s, (h / 3, k1)), None)
            k3 = f(t + 2 * h / 3, add(s, (h, k2), (-h / 3, k1)), None)
            k4 = f(t + h, add(s, (h, k1), (-h, k2), (h, k3)), None)
            return add(s, (h / 8, k1), (3 * h / 8, k2), (3 * h / 8, k3), (h / 8, k4)), None
        return standard(*jax.lax.scan(wrap(step), (x, jnp.zeros(len(x))), jnp.arange(20.0))[0])
    return logp


PID = diffrax.PIDController(rtol=1e-5, atol=1e-5)
case("w9-dopri5", "diffrax")(
    lambda: likelihood(through(PID, 256, diffrax.RecursiveCheckpointAdjoint()), "tol=1e-05"))
case("w9-adjoint", "diffrax")(lambda: likelihood(
    through(PID, 4096, diffrax.BacksolveAdjoint(solver=diffrax.Dopri5(), stepsize_controller=PID)), "tol=1e-05"))
case("w9-rk4", "jax")(lambda: likelihood(rk4(lambda f: f), "steps=20"))
case("w9-rk4", "jax-remat")(lambda: likelihood(rk4(jax.checkpoint), "steps=20"))

harness.main("jax", "jaxlib", "optax", "diffrax", "numpy")
