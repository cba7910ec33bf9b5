"""A plugin with an implementation of every kind, for tests."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.ipc

import pathline


@pathline.path("straight")
class Straight:
    "x_t = t x1 + (1-t) x0"

    def coefficients(self, t):
        return t, 1 - t, 1.0, -1.0


@pathline.path("bent")
class Bent:
    "a path that is not affine: it leaves along a circle"

    def sample(self, t, x0, x1):
        t = t[:, None]
        xt = (1 - t) * x0 + t * x1 + np.sin(np.pi * t) * x0 * x1
        ut = x1 - x0 + np.pi * np.cos(np.pi * t) * x0 * x1
        return xt.astype(np.float32), ut.astype(np.float32)


@pathline.coupling("by-norm")
class ByNorm:
    "pairs rows in the order of their norms"

    def pair(self, x0, x1):
        index = np.empty(len(x1), np.int32)
        index[np.argsort(np.square(x1).sum(axis=1), kind="stable")] = np.argsort(np.square(x0).sum(axis=1), kind="stable")
        return index


@pathline.model("linear")
class Linear:
    "v = A x + t b"

    def tensors(self, dim):
        return {"a.weight": (dim, dim), "a.bias": (dim,)}

    def eval(self, w, t, x):
        return x @ w["a.weight"].T + t.astype(np.float32)[:, None] * w["a.bias"]

    def divergence(self, w, t, x, probe):
        v = self.eval(w, t, x)
        if probe is None:
            return v, np.full(len(x), np.trace(w["a.weight"]))
        return v, np.einsum("kni,ij,knj->nk", probe, w["a.weight"], probe)

    def gradient(self, w, t, x, target, weight):
        r = self.eval(w, t, x) - target
        g = 2 * r * weight[:, None]
        return (weight * np.square(r).sum(axis=1)).sum(), {"a.weight": g.T @ x, "a.bias": g.T @ t.astype(np.float32)}


@pathline.model("normal")
class Normal:
    "the exact field of N(0, std^2 I) under a straight path"

    std: float = pathline.field(2.0, doc="standard deviation", above=0)
    columns = ["u", "v"]

    def connect(self, path):
        self.path = path

    def _factor(self, t):
        c = self.path.coefficients(t)
        a, s = c["alpha"], c["sigma"]
        var = (a * self.std) ** 2 + s * s
        return ((c["dalpha"] * a * self.std ** 2 + c["dsigma"] * s) / var)[:, None]

    def eval(self, t, x):
        return self._factor(t) * x

    def divergence(self, t, x, probe):
        f = self._factor(t)
        if probe is None:
            return f * x, 2 * f[:, 0]
        return f * x, f * np.square(probe).sum(axis=2).T

    def sample(self, key, first, rows):
        return key.normals(2, first, rows)

    def log_prob(self, x):
        return -np.square(x).sum(axis=1) / 2 - np.log(2 * np.pi)


@pathline.solver("heun")
class Heun:
    "Heun's method, which the host runs"

    steps: int = pathline.field(10, doc="equal steps", min=1)

    def tableau(self):
        return pathline.Tableau(c=[0, 1], a=[[0, 0], [1, 0]], b=[0.5, 0.5], order=2)


@pathline.solver("midpoint")
class Midpoint:
    "the midpoint rule, which calls the field"

    steps: int = pathline.field(10, doc="equal steps", min=1)

    def solve(self, field, x, t0, t1):
        h = (t1 - t0) / self.steps
        for i in range(self.steps):
            t = t0 + i * h
            x = x + h * field(t + h / 2, x + h / 2 * field(t, x))
        return x


@pathline.loader("grid")
class Grid:
    "points of a grid, with splits"

    rows: int = pathline.field(100, doc="rows of train; test has half as many", min=2)

    def schema(self):
        return pa.schema([pa.field("u", pa.float32()), pa.field("v", pa.int16()), pa.field("name", pa.utf8())][:2])

    def splits(self):
        return {"train": self.rows, "test": self.rows // 2}

    def read(self, split):
        start, n = (0, self.rows) if split == "train" else (self.rows, self.rows + self.rows // 2)
        for first in range(start, n, 30):
            i = np.arange(first, min(first + 30, n))
            yield {"u": (i % 10).astype(np.float32), "v": (i // 10).astype(np.int16)}

    def fingerprint(self):
        return f"grid of {self.rows}"


@pathline.transform("shift")
class Shift:
    "moves every column to mean 0 and scale"

    scale: float = pathline.field(2.0, doc="what values are divided by", above=0)

    def fit(self, batches):
        n, total = 0, 0.0
        for x in batches:
            n, total = n + len(x), total + x.sum(axis=0)
        return {"mean": total / n}

    def apply(self, state, x):
        return (x - state["mean"]) / self.scale, np.full(len(x), -x.shape[1] * np.log(self.scale))

    def invert(self, state, z):
        return z * self.scale + state["mean"]


@pathline.trainer("descent")
class Descent:
    "gradient descent"

    steps: int = pathline.field(30, doc="steps of the descent", min=1)
    rate: float = pathline.field(0.05, doc="length of a step", above=0)

    def setup(self, context):
        self.random = context.random("batches")

    def train(self, network, data, path, coupling, valid):
        w, x1 = network.init(self.random), data.array().astype(np.float32)
        losses = []
        for step in range(self.steps):
            x0 = self.random.normals(x1.shape[1], 0, len(x1), step + 1).astype(np.float32)
            x0 = x0[coupling.pair(x0, x1)]
            t = self.random._wide(1, 0, len(x1), step + 1)[:, 0]
            xt, ut = path.sample(t, x0, x1)
            loss, grad = network.gradient(t, xt, ut)
            losses.append(loss / len(x1))
            w = {n: w[n] - self.rate / len(x1) * grad[n] for n in w}
            network.write(w)
        return pathline.Trained(w, {"steps": self.steps, "loss": losses[-1]}, {"loss": losses[-1]})


@pathline.sampler("ode")
class Ode:
    "draws along the field"

    rows: int = pathline.field(50, doc="rows to make", min=1)

    def setup(self, context):
        self.key = context.random("base")

    def sample(self, flow, solver, first, rows):
        return flow.generate(solver.solve(flow.velocity, flow.base(self.key, first, rows), 0.0, 1.0).x)


@pathline.likelihood("ode")
class Score:
    "the integral of the divergence"

    def log_prob(self, flow, solver, x, first):
        z, logdet = flow.normalize(x)

        def field(t, y):
            v, div = flow.divergence(t, y[:, :-1])
            return np.concatenate([v, div[:, None]], axis=1)

        y = solver.solve(field, np.concatenate([z, np.zeros((len(z), 1))], axis=1), 1.0, 0.0).x
        return flow.base_log_prob(y[:, :-1]) + y[:, -1] + logdet


@pathline.evaluator("means")
class Means:
    "the distance of the means"

    def evaluate(self, data, sample):
        return {"mean_distance": np.linalg.norm(data.array().mean(axis=0) - sample.array()[:, :2].mean(axis=0))}


@pathline.writer("ipc")
class Ipc:
    "Arrow IPC files"

    def write(self, file, rows):
        with pa.OSFile(file, "wb") as f, pa.ipc.new_file(f, rows.schema) as w:
            for b in rows:
                w.write_batch(b)

    def open(self, file):
        with pa.OSFile(file, "rb") as f:
            return pa.ipc.open_file(f).read_all()


@pathline.writer("lines")
class Lines:
    "a line of names and one line of JSON for each row; not read back"

    def write(self, file, rows):
        n = 0
        with open(file, "w", encoding="utf-8") as f:
            f.write(json.dumps(rows.schema.names) + "\n")
            for b in rows:
                for row in b.to_pylist():
                    f.write(json.dumps(row) + "\n")
                    n += 1
        return n


if __name__ == "__main__":
    pathline.serve("every-kind", "1")
