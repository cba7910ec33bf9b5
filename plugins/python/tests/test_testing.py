"""The helpers with which authors test their plugins: laws hold of what is right and
name what is wrong."""

import numpy as np
import pyarrow as pa
import pytest

import pathline
from pathline import testing

import every_kind


class Lower:
    "z = exp(a) x + l x + m c, l below the diagonal"

    conditional = True

    def tensors(self, dim, held):
        return {"a": dim, "l": (dim, dim)} | ({"m": (dim, held)} if held else {})

    def depends(self, dim):
        return [list(range(i + 1)) for i in range(dim)]

    def _shift(self, w, x, c):
        return x @ np.tril(w["l"], -1).T + (c @ w["m"].T if c.shape[1] else 0)

    def normalize(self, w, x, c):
        return np.exp(w["a"]) * x + self._shift(w, x, c), w["a"].sum()

    def generate(self, w, z, c):
        x = np.zeros_like(z)
        for i in range(z.shape[1]):
            x[:, i] = (z - self._shift(w, x, c))[:, i] * np.exp(-w["a"][i])
        return x, -w["a"].sum()

    def train(self, w, x, c, weight):
        z, logdet = self.normalize(w, x, c)
        g = weight[:, None] * z
        grad = {"a": (g * np.exp(w["a"]) * x).sum(axis=0) - weight.sum(), "l": np.tril(g.T @ x, -1)}
        if c.shape[1]:
            grad["m"] = g.T @ c
        return np.square(z).sum(axis=1) / 2 + z.shape[1] * np.log(2 * np.pi) / 2 - logdet, grad


@pytest.mark.parametrize("cls", [every_kind.Straight, every_kind.Bent, every_kind.ByNorm, every_kind.Linear, every_kind.Normal, every_kind.Heun,
                                 every_kind.Midpoint, every_kind.Grid, every_kind.Shift, Lower])
def test_what_is_right_passes(cls):
    testing.check(testing.make(cls))


def test_make_configures_as_a_host_does():
    assert testing.make(every_kind.Heun, steps=3).steps == 3
    with pytest.raises(pathline.ConfigError, match="0 is below 1"):
        testing.make(every_kind.Heun, steps=0)
    assert testing.schema(every_kind.Heun)["properties"]["steps"]["default"] == 10


class WrongBack(Lower):
    def generate(self, w, z, c):
        x, logdet = super().generate(w, z, c)
        return x + 0.01, logdet


class WrongBackDeterminant(Lower):
    def generate(self, w, z, c):
        x, logdet = super().generate(w, z, c)
        return x, -logdet


class WrongDeterminant(Lower):
    def normalize(self, w, x, c):
        z, logdet = super().normalize(w, x, c)
        return z, logdet + 0.1

    def generate(self, w, z, c):
        x, logdet = super().generate(w, z, c)
        return x, logdet - 0.1


class WrongPromise(Lower):
    def depends(self, dim):
        return [[i] for i in range(dim)]


class WrongLikelihood(Lower):
    def train(self, w, x, c, weight):
        loss, grad = super().train(w, x, c, weight)
        return loss - 1, grad


class WrongSlope(Lower):
    def train(self, w, x, c, weight):
        loss, grad = super().train(w, x, c, weight)
        return loss, grad | {"l": -grad["l"]}


class WrongConditions(Lower):
    def train(self, w, x, c, weight):
        loss, grad = super().train(w, x, c, weight)
        return loss, {k: 0 * v if k == "m" else v for k, v in grad.items()}


class WrongCompany(Lower):
    def normalize(self, w, x, c):
        z, logdet = super().normalize(w, x, c)
        return z - 0.1 * x.mean(axis=0), logdet


class WrongDerivative(every_kind.Straight):
    def coefficients(self, t):
        return t, 1 - t, 1.1, -1.0


class WrongEnd(every_kind.Straight):
    def coefficients(self, t):
        return 0.9 * t, 1 - t, 0.9, -1.0


class WrongCurve(every_kind.Bent):
    def sample(self, t, x0, x1):
        xt, ut = super().sample(t, x0, x1)
        return xt, 1.1 * ut


class WrongOrder(every_kind.Heun):
    def tableau(self):
        return pathline.Tableau(c=[0, 1], a=[[], [1]], b=[0.25, 0.75], order=2)


class Backwards(every_kind.Midpoint):
    def solve(self, field, x, t0, t1):
        return super().solve(field, x, t1, t0)


class Outside(every_kind.Midpoint):
    def solve(self, field, x, t0, t1):
        field(t1 + 0.1, x)
        return super().solve(field, x, t0, t1)


class WrongTrace(every_kind.Linear):
    def divergence(self, w, t, x, probe):
        v, div = super().divergence(w, t, x, probe)
        return v, div + 0.5


class WrongGradient(every_kind.Linear):
    def gradient(self, w, t, x, target, weight):
        loss, g = super().gradient(w, t, x, target, weight)
        return loss, {k: v / 2 for k, v in g.items()}


class WrongLoss(every_kind.Linear):
    def gradient(self, w, t, x, target, weight):
        loss, g = super().gradient(w, t, x, target, weight)
        return loss / len(x), g


class WrongInverse(every_kind.Shift):
    def invert(self, state, z):
        return z * self.scale


class WrongLogDet(every_kind.Shift):
    def apply(self, state, x):
        z, logdet = super().apply(state, x)
        return z, -logdet


class WrongCount(every_kind.Grid):
    def splits(self):
        return {"": 7}

    def read(self, split):
        yield {"u": np.zeros(3, np.float32), "v": np.zeros(3, np.int16)}


@pytest.mark.parametrize(("cls", "says"), [
    (WrongDerivative, "dalpha is not the derivative"), (WrongEnd, "not the data: alpha"), (WrongCurve, "u_t is not the derivative"),
    (WrongOrder, "says order 2"), (Backwards, "the end of"), (Outside, "outside of"), (WrongTrace, "the divergence"),
    (WrongGradient, "the gradient"), (WrongLoss, "the loss"), (WrongInverse, "not the inverse"), (WrongLogDet, "log-determinant"),
    (WrongCount, "says that it has 7 rows and gives 3"), (WrongBack, "not the inverse"), (WrongBackDeterminant, "do not cancel"),
    (WrongDeterminant, "the log-determinant"), (WrongPromise, "leaves out"), (WrongLikelihood, "the loss is not"),
    (WrongSlope, "the gradient"), (WrongConditions, "the gradient"), (WrongCompany, "the rows beside it")])
def test_what_is_wrong_is_named(cls, says):
    with pytest.raises((AssertionError, pathline.Error), match=says):
        testing.check(testing.make(cls))


def test_one_method_at_a_time():
    t = testing.read(testing.make(every_kind.Grid, rows=10), "test")
    assert t.num_rows == 5 and t.schema.names == ["u", "v"]
    assert testing.evaluate(testing.make(every_kind.Means), {"a": [1.0], "b": [0.0]}, {"a": [4.0], "b": [4.0]}) == [
        {"name": "mean_distance", "value": 5.0, "se": None, "floor": None}]
    f = testing.transformed(testing.make(every_kind.Shift), [[1.0], [3.0]])
    assert f.state == {"mean": [2.0]} and f.apply([[4.0]])[0] == [[1.0]]


def test_write_counts_and_demands_all_rows(tmp_path):
    table = pa.table({"a": range(10)})
    assert testing.write(testing.make(every_kind.Lines), tmp_path / "x", table) == 10

    class Lazy(every_kind.Lines):
        def write(self, file, rows):
            next(iter(rows))

    class Boastful(every_kind.Lines):
        def write(self, file, rows):
            return super().write(file, rows) + 1

    for cls, says in ((Lazy, "before it had read all"), (Boastful, "11 rows of 10")):
        with pytest.raises(pathline.Error, match=says):
            testing.write(cls(), tmp_path / "x", table)
