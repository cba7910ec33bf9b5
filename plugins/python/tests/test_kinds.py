"""Every kind, as the host calls it."""

import json

import numpy as np
import pyarrow as pa
import pytest

import pathline
from pathline import testing
from pathline.errors import HostError
from pathline.random import Key
from pathline.wire import batch as batches
from pathline.wire import plugin_pb2 as pb
from pathline.wire import schema as schemas
from pathline.wire.session import Message

import every_kind


def ask(o, target, method, values=None, /, **columns):
    out = o.call(target, method, values, *([batches.make(**columns)] if columns else [])).batches
    return {n: batches.column(b, n) for b in out for n in b.schema.names}


def rows_port(o, name, table):
    target = f"table/{name}"
    o.objects[target] = lambda method, m: Message(rows=lambda: table.to_batches())
    return pb.Port(name=name, rows=pb.Rows(target=target, schema=schemas.to_proto(table.schema), count=table.num_rows))


def table_of(o, rows):
    b = list(o.session.read(rows.target))
    assert rows.count in (-1, sum(x.num_rows for x in b))
    return pa.Table.from_batches(b).cast(schemas.from_proto(rows.schema))


def test_describe_tells_everything_and_health_answers(every):
    d = every.describe()
    assert d.name == "test" and len(d.code) == 64 and int(d.code, 16) and "shm" in d.capabilities
    kinds = {(i.kind, i.name): i for i in d.implementations}
    assert {k for k, _ in kinds} == {"path", "coupling", "model", "solver", "loader", "transform", "trainer", "sampler", "likelihood", "evaluator", "writer"}
    i = kinds["solver", "heun"]
    assert i.doc == "Heun's method, which the host runs" and i.capabilities == ["tableau", "stateless"]
    assert json.loads(i.config_schema)["properties"]["steps"] == {"type": "integer", "minimum": 1, "default": 10, "description": "equal steps"}
    assert kinds["path", "bent"].capabilities == ["sample", "stateless"] and kinds["model", "normal"].capabilities == ["exact"]
    assert every.raw("/grpc.health.v1.Health/Check") == b"\x08\x01"
    every.raw("/plugin.GRPCController/Shutdown")
    assert every.done.is_set()


def test_the_digest_follows_the_source(tmp_path, monkeypatch):
    import importlib.util
    import sys

    from pathline.serving import code_of

    digests = []
    for text in ("1 - t", "1 - t", "2 - t"):
        file = tmp_path / "own_path.py"
        file.write_text(f'import pathline\nr = pathline.Registry()\n@pathline.path("own", registry=r)\nclass Own:\n    def coefficients(self, t): return t, {text}, 1, -1\n')
        spec = importlib.util.spec_from_file_location("own_path", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "own_path", module)
        spec.loader.exec_module(module)
        digests.append(code_of(module.r))
    assert digests[0] == digests[1] != digests[2]


def test_validate(every):
    assert every.validate("solver", "heun", {"steps": 3}) == []
    [d] = every.validate("solver", "heun", {"steps": 0})
    assert (d.reason, d.path) == ("out_of_range", "steps")
    [d] = every.validate("solver", "nobody", {})
    assert d.reason == "unknown_use"


def test_open_refuses_and_says_why(every):
    for kind, use, config, reason in (("path", "nobody", {}, "unknown_use"), ("solver", "heun", {"steps": -1}, "out_of_range"), ("solver", "heun", {"stesp": 1}, "unknown_key")):
        with pytest.raises(HostError) as e:
            every.open(kind, use, config)
        assert e.value.diagnostics[0].reason == reason


def test_path(every):
    o = every.open("path", "straight")
    target, facts = o.service()
    assert facts == {"lo": 0, "hi": 1, "use": "straight", "config": {}}
    t = np.array([0, 0.25, 1])
    c = ask(o, target, "coefficients", t=t)
    assert list(c) == ["alpha", "sigma", "gamma", "dalpha", "dsigma", "dgamma"]
    np.testing.assert_array_equal(np.stack(list(c.values())), [t, 1 - t, 0 * t, 0 * t + 1, 0 * t - 1, 0 * t])
    with pytest.raises(HostError, match="no method"):
        ask(o, target, "sample", {"dim": 1}, t=t)


def test_path_that_is_not_affine(every):
    o = every.open("path", "bent")
    target, facts = o.service()
    assert facts["form"] == "sample"
    x0, x1 = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    got = ask(o, target, "sample", {"dim": 3}, t=np.array([0, 0.2, 0.5, 1]), x0=x0, x1=x1)
    np.testing.assert_allclose(got["xt"][3], x1[3], rtol=1e-6)
    assert got["xt"].dtype == got["ut"].dtype == np.float32


def test_coupling(every):
    o = every.open("coupling", "by-norm")
    target, _ = o.service()
    x0, x1 = np.random.default_rng(0).standard_normal((2, 30, 2)).astype(np.float32)
    index = ask(o, target, "pair", {"dim": 2}, x0=x0, x1=x1)["index"]
    assert index.dtype == np.int32 and sorted(index) == list(range(30))
    order = np.argsort(np.square(x1).sum(axis=1))
    assert (np.diff(np.square(x0[index[order]]).sum(axis=1)) >= 0).all()


def test_model(every):
    o = every.open("model", "linear")
    target, facts = o.service()
    assert facts == {"form": "definition", "use": "linear", "config": {}}
    built = o.call(target, "build", {"dim": 3}).values
    assert built["tensors"] == [{"name": "a.weight", "shape": [3, 3]}, {"name": "a.bias", "shape": [3]}]
    net = built["target"]
    w = ask(o, net, "init", {"key": str(2**63 + 5)})["w"]
    assert w.dtype == np.float32 and np.abs(w).max() <= 3**-0.5 and np.std(w) > 0.2
    np.testing.assert_array_equal(w[:9], ((2 * Key(2**63 + 5).uniforms(9, row=0) - 1) / 3**0.5).astype(np.float32))
    random = np.random.default_rng(0)
    w, x, u, z = (random.standard_normal(s).astype(np.float32) for s in (12, (5, 3), (5, 3), (2, 5, 3)))
    t = random.uniform(0, 1, 5)
    ask(o, net, "write", w=w)
    a, b = w[:9].reshape(3, 3), w[9:]
    v = x @ a.T + t[:, None].astype(np.float32) * b
    np.testing.assert_allclose(ask(o, net, "eval", t=t, x=x)["v"], v, rtol=1e-5)
    exact = ask(o, net, "divergence", {"probes": 0}, t=t, x=x)
    np.testing.assert_allclose(exact["div"], np.full((5, 1), np.trace(a)), rtol=1e-5)
    probed = ask(o, net, "divergence", {"probes": 2}, t=t, x=x, probe0=z[0], probe1=z[1])
    np.testing.assert_allclose(probed["div"], np.stack([np.einsum("ni,ij,nj->n", p, a, p) for p in z], axis=1), rtol=1e-4)
    weight = random.uniform(1, 2, 5).astype(np.float32)
    loss = (weight * np.square(v - u).sum(axis=1)).sum()
    only = ask(o, net, "gradient", {"loss": True, "zero": True, "weight": True}, t=t, x=x, target=u, weight=weight)
    assert list(only) == ["loss"]
    np.testing.assert_allclose(only["loss"], [loss], rtol=1e-5)
    got = ask(o, net, "gradient", {"loss": False, "zero": True, "weight": True}, t=t, x=x, target=u, weight=weight)
    np.testing.assert_allclose(got["grad"][9:], (2 * (v - u) * weight[:, None]).T @ t, rtol=1e-4)
    before = np.ones(12, np.float32)
    out = o.call(net, "gradient", {"loss": False, "zero": False, "weight": True}, batches.make(t=t, x=x, target=u, weight=weight), batches.make(grad=before)).batches
    np.testing.assert_allclose(batches.column(out[1], "grad"), got["grad"] + 1, rtol=1e-5)


def test_exact_model(every):
    o = every.open("model", "normal", {"std": 3.0})
    o.objects["path"] = lambda method, m: Message(batches=[batches.make(**testing.coefficients(every_kind.Straight(), batches.column(m.batches[0], "t")))])
    target, facts = o.service(pb.Port(name="path", service=pb.Service(kind="path", target="path", facts=b'{"lo":0,"hi":1}')))
    assert facts == {"form": "exact", "dim": 2, "columns": ["u", "v"]}
    x = ask(o, target, "sample", {"key": "7", "first": 3, "rows": 4})["x"]
    np.testing.assert_array_equal(x, Key(7).normals(2, 3, 4))
    t = np.full(4, 1.0)
    np.testing.assert_allclose(ask(o, target, "eval", t=t, x=x)["v"], x, rtol=1e-12)
    assert ask(o, target, "divergence", {"probes": 0}, t=t, x=x)["div"].shape == (4, 1)
    np.testing.assert_allclose(ask(o, target, "log_prob", x=x)["log_prob"], -np.square(x).sum(axis=1) / 2 - np.log(2 * np.pi))


def test_solver_that_is_a_tableau_is_its_facts(every):
    o = every.open("solver", "heun", {"steps": 4})
    target, facts = o.service()
    assert target == "" and facts == {"tableau": {"name": "heun", "order": 2, "c": [0, 1], "a": [[], [1]], "b": [0.5, 0.5]}, "options": {"steps": 4}}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("quads", [0, 2])
def test_solver_calls_the_field(every, wide, quads):
    o = every.open("solver", "midpoint", {"steps": 6})
    target, _ = o.service()
    dtype = np.float64 if wide else np.float32
    seen = []

    def field(method, m):
        b = m.batches[0]
        t, x = batches.column(b, "t"), batches.column(b, "x")
        assert x.dtype == dtype and t.dtype == np.float64
        seen.append((method, t[0]))
        out = {"v": -2 * t[:, None].astype(dtype) * x}
        if method == "eval_quad":
            out["dq"] = np.stack([batches.column(b, "id").astype(float), t], axis=1)
        return Message(batches=[batches.make(**out)])

    o.objects["field"] = field
    x = np.random.default_rng(0).standard_normal((3, 2)).astype(dtype)
    columns = {"x": x} | ({"q": np.zeros((3, 2))} if quads else {})
    got = ask(o, target, "solve", {"field": "field", "t0": 0, "t1": 1, "dim": 2, "quads": quads, "first": 10, "float64": wide}, **columns)
    np.testing.assert_allclose(got["x"], x * np.exp(-1), rtol=2e-2)
    assert got["x"].dtype == dtype and got["status"].dtype == np.uint8 and not got["status"].any()
    assert list(got["evaluations"]) == [12, 12, 12] and got["evaluations"].dtype == np.int32 == got["accepted"].dtype
    if quads:
        np.testing.assert_allclose(got["q"], [[i, 0.5] for i in (10, 11, 12)], rtol=1e-12)
    assert {m for m, _ in seen} == {"eval_quad" if quads else "eval"} and all(0 <= t <= 1 for _, t in seen)


def test_loader(every):
    o = every.open("loader", "grid", {"rows": 70})
    assert "fingerprint" in o.capabilities and o.call("", "fingerprint").values == "grid of 70"
    out = o.call("", "run").outputs
    assert set(out.rows) == {"", "train", "test"} and out.rows["train"].count == 70
    assert schemas.from_proto(out.rows["train"].schema) == every_kind.Grid().schema()
    for _ in range(2):
        t = table_of(o, out.rows["train"])
        assert t["u"].to_pylist() == [float(i % 10) for i in range(70)] and t["v"].type == pa.int16()
    assert table_of(o, out.rows[""]).num_rows == 105


def test_transform(every):
    o = every.open("transform", "shift", {"scale": 4.0})
    table = pa.table({"a": pa.array([1, 2, 6], pa.int32()), "b": pa.array([0.5, 1.5, 1.0], pa.float64())})
    port = rows_port(o, "data", table)
    planned = o.call("", "check", ports=[port]).outputs.rows[""]
    assert json.loads(schemas.from_proto(planned.schema).metadata[b"pathline.transforms"]) == [{"use": "shift", "with": {"scale": 4.0}, "state": None}]
    out = o.call("", "run", ports=[port]).outputs
    schema = schemas.from_proto(out.rows[""].schema)
    assert schema.field("x").type == pa.list_(pa.float32(), 2)
    assert json.loads(schema.metadata[b"pathline.columns"]) == [{"name": "a", "type": "int32"}, {"name": "b", "type": "float64"}]
    state = {"mean": [3.0, 1.0]}
    assert json.loads(schema.metadata[b"pathline.transforms"])[0]["state"] == state
    np.testing.assert_allclose(table_of(o, out.rows[""])["x"].to_pylist(), [[-0.5, -0.125], [-0.25, 0.125], [0.75, 0]])
    target = o.call("", "fitted", {"state": state, "dim": 2}).values["target"]
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    got = ask(o, target, "apply", x=x)
    np.testing.assert_allclose(got["z"], (x - [3, 1]) / 4)
    np.testing.assert_allclose(got["logdet"], -2 * np.log(4) * np.ones(2))
    np.testing.assert_array_equal(ask(o, target, "invert", z=got["z"])["x"], x)


def test_null_values_are_named_by_row(every):
    o = every.open("transform", "shift")
    with pytest.raises(HostError, match="row 4 has a null in column 'a'"):
        o.call("", "run", ports=[rows_port(o, "data", pa.table({"a": pa.array([1.0, 2, 3, 4, None])}))])


def test_evaluator(every):
    o = every.open("evaluator", "means")
    t = pa.table({"a": [1.0, 3.0], "b": [0.0, 0.0]})
    u = pa.table({"a": [2.0, 8.0], "b": [4.0, 4.0]})
    out = o.call("", "run", ports=[rows_port(o, "data", t), rows_port(o, "sample", u)]).outputs
    assert dict(out.metrics) == {"mean_distance": 5.0} and list(out.files) == ["the-stage.json"]
    with open(f"{every.folder.name}/the-stage.json") as f:
        assert json.load(f) == {"metrics": [{"name": "mean_distance", "value": 5.0, "se": None, "floor": None}]}


@pytest.mark.parametrize("use", ["ipc", "lines"])
def test_writer(every, use):
    o = every.open("writer", use)
    target, facts = o.service()
    table = pa.table({"a": pa.array(range(100), pa.int16()), "s": ["x"] * 100})
    file = f"{every.folder.name}/out"
    port = rows_port(o, "rows", table)
    assert o.call(target, "write", {"file": file}, ports=[port]).values == {"rows": 100}
    if use == "lines":
        assert facts == {}
        with open(file) as f:
            assert json.loads(next(f)) == ["a", "s"] and [json.loads(line)["a"] for line in f] == list(range(100))
        return
    assert facts == {"readable": True}
    assert table_of(o, o.call(target, "open", {"file": file}).outputs.rows[""]).equals(table)



@pytest.mark.parametrize(("got", "says"), [
    ((1, 2, 3), "gave 3 arrays"), ({"alpha": 1}, "no dalpha, dsigma, sigma"), ((1, 2, 3, np.zeros(7)), r"dsigma of coefficients\(\) has shape \[7\], not \[5\]"),
    ({"alpha": 1, "beta": 2}, "beta"), (None, "gave a NoneType"), (("a", 1, 1, 1), "alpha of")])
def test_coefficients_of_another_shape_are_refused(registry, host, got, says):
    @pathline.path("x", registry=registry)
    class X:
        def coefficients(self, t):
            return got

    o = host.open("path", "x")
    target, _ = o.service()
    with pytest.raises(HostError, match=says):
        ask(o, target, "coefficients", t=np.zeros(5))


@pytest.mark.parametrize(("index", "says"), [([0, 1, 1], "row 1 of x0 2 times"), ([0, 1, 3], "row 3 of x0"), ([0, 1], "shape"), ([0.0, 1.0, 2.0], "of float64")])
def test_a_pairing_that_is_no_permutation_is_refused(index, says):
    class Pairs:
        def pair(self, x0, x1):
            return np.array(index)

    with pytest.raises(pathline.Error, match=says):
        testing.pair(Pairs(), np.zeros((3, 1)), np.zeros((3, 1)))


def test_classes_that_lack_what_their_kind_calls_are_refused_when_they_are_made(registry):
    class Nothing:
        pass

    for decorate, says in ((pathline.path, r"coefficients\(\) or sample\(\)"), (pathline.coupling, r"pair\(\)"), (pathline.solver, r"tableau\(\) or solve\(\)"),
                           (pathline.model, r"tensors\(\) and eval\(\) or module\(\)"), (pathline.transform, r"fit\(\) and apply\(\) and invert\(\)")):
        with pytest.raises(TypeError, match=says):
            decorate("x", registry=registry)(Nothing)
    with pytest.raises(ValueError, match="no name"):
        pathline.path("a/b", registry=registry)
    with pytest.raises(ValueError, match="no name"):
        pathline.path(Nothing)
    pathline.path("x", registry=registry)(every_kind.Straight)
    with pytest.raises(ValueError, match="two implementations"):
        pathline.path("x", registry=registry)(every_kind.Bent)


@pytest.mark.parametrize("key", ["overshoot", "controller", "max_steps", "max_time"])
def test_a_solver_with_options_that_only_the_host_knows_is_refused(key):
    from pathline.kinds.runge_kutta import solve
    from pathline.kinds.solver import Tableau

    euler = Tableau([0.0], [[]], [1.0], 1)
    assert np.allclose(solve(euler, {"steps": 2, key: None}, lambda t, x: -x, np.ones((1, 1)), 0.0, 1.0).x, 0.25)
    with pytest.raises(pathline.Error, match=key):
        solve(euler, {"steps": 2, key: 1}, lambda t, x: -x, np.ones((1, 1)), 0.0, 1.0)
