"""W10 in JAX with diffrax: what benchmarks/minimal.yaml does, training in one scan. Arguments: source and target."""
import sys

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pyarrow as pa
import pyarrow.parquet as pq

source, target = sys.argv[1:3]
data = jnp.asarray(np.stack([c.to_numpy() for c in pq.read_table(source).columns], 1))
rule = optax.adamw(1e-3, weight_decay=1e-2)
sizes = [3, 64, 64, 64, 2]
p = [(jax.random.uniform(k, (a, b), minval=-1, maxval=1) * a ** -0.5, jnp.zeros(b))
     for k, a, b in zip(jax.random.split(jax.random.key(0), 4), sizes[:-1], sizes[1:])]


def net(p, x, t):
    h = jnp.concatenate([x, jnp.broadcast_to(jnp.asarray(t)[..., None], x.shape[:-1] + (1,))], -1)
    for w, b in p[:-1]:
        h = jax.nn.selu(h @ w + b)
    return h @ p[-1][0] + p[-1][1]


def loss(p, key):
    k1, k2, k3 = jax.random.split(key, 3)
    x1 = data[jax.random.randint(k1, (256,), 0, len(data))]
    x0, t = jax.random.normal(k2, x1.shape), jax.random.uniform(k3, (256,))
    xt = (1 - t[:, None]) * x0 + t[:, None] * x1
    return ((net(p, xt, t) - (x1 - x0)) ** 2).mean()


@jax.jit
def train(p, key):
    def step(c, k):
        g = jax.grad(loss)(c[0], k)
        u, s = rule.update(g, c[1], c[0])
        return (optax.apply_updates(c[0], u), s), None
    return jax.lax.scan(step, (p, rule.init(p)), jax.random.split(key, 1000))[0][0]


@jax.jit
def sample(p, x):
    return jax.lax.fori_loop(0, 100, lambda i, x: x + 0.01 * net(p, x, i / 100), x)


@jax.jit
def log_prob(p, x):
    def f(t, s, a):
        def row(xi):
            v, jvp = jax.linearize(lambda y: net(p, y, t), xi)
            return v, jnp.trace(jax.vmap(jvp)(jnp.eye(2)))
        return jax.vmap(row)(s[0])
    s = diffrax.diffeqsolve(diffrax.ODETerm(f), diffrax.Dopri5(), 1.0, 0.0, None, (x, jnp.zeros(len(x))),
                            stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5))
    z, l = s.ys[0][-1], s.ys[1][-1]
    return -0.5 * (z * z).sum(1) - jnp.log(2 * jnp.pi) + l


p = train(p, jax.random.key(1))
y = sample(p, jax.random.normal(jax.random.key(2), (10000, 2)))
scores = np.full(len(y), np.nan, np.float32)
scores[:1000] = np.asarray(log_prob(p, y[:1000]))
y = np.asarray(y)
pq.write_table(pa.table({"x": y[:, 0], "y": y[:, 1], "log_prob": scores}), target)
