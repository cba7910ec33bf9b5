"""Flow files: reading, writing, and the flow that they describe."""

import json

import numpy as np
import pytest

import pathline
from pathline import flow, testing
from pathline.kinds.trainer import Trained as _  # noqa: F401 - the name that authors use
from pathline.random import Key


def description(model, with_, dim=2, target="velocity", transforms=()):
    return {"version": 1, "columns": [{"name": f"c{i}", "type": "float32"} for i in range(dim)], "transforms": list(transforms),
            "path": {"use": "condot", "with": {}}, "model": {"use": model, "with": with_}, "dim": dim, "target": target, "base_std": 1.0}


MLP = {"hidden": [7, 5], "activation": "silu", "time": {"use": "fourier", "features": 3}}
RES = {"width": 6, "blocks": 2, "expansion": 2, "activation": "gelu", "time": {"use": "concat"}}


def dense(name, out, into, random, scale=1.0):
    return {f"{name}.weight": (scale * random.standard_normal((out, into))).astype(np.float32), f"{name}.bias": random.standard_normal(out).astype(np.float32)}


def mlp_tensors(random, with_=MLP, dim=2):
    t = 1 if with_["time"]["use"] == "concat" else 2 * with_["time"]["features"]
    widths = [dim + t, *with_["hidden"], dim]
    return {k: v for i, (a, b) in enumerate(zip(widths, widths[1:])) for k, v in dense(f"layers.{i}", b, a, random, 0.4).items()}


def res_tensors(random, with_=RES, dim=2):
    w = with_["width"]
    out = dense("time", w, 1, random) | dense("in", w, dim, random)
    for i in range(with_["blocks"]):
        out |= dense(f"blocks.{i}.time", 2 * w, w, random, 0.3) | dense(f"blocks.{i}.up", 2 * w, w, random, 0.3) | dense(f"blocks.{i}.down", w, 2 * w, random, 0.3)
    return out | dense("out.time", 2 * w, w, random, 0.3) | dense("out", dim, w, random, 0.3)


@pytest.fixture(params=["mlp", "resmlp"])
def trained(request):
    random = np.random.default_rng(2)
    if request.param == "mlp":
        return flow.Trained(description("mlp", MLP), mlp_tensors(random))
    return flow.Trained(description("resmlp", RES), res_tensors(random))


def test_files_come_back_as_they_went(tmp_path):
    d, t = description("mlp", MLP), mlp_tensors(np.random.default_rng(0))
    file = tmp_path / "f.safetensors"
    flow.write(file, d, t)
    got, tensors = flow.read(file)
    assert got == d and list(tensors) == list(t) and all((tensors[n] == t[n]).all() for n in t)
    assert not list(tmp_path.glob("*.partial"))
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(file, "numpy") as f:
        assert set(f.keys()) == set(t) and json.loads(f.metadata()["pathline.flow"]) == d


def test_damaged_files_are_refused(tmp_path):
    file = tmp_path / "f.safetensors"
    flow.write(file, description("mlp", MLP), mlp_tensors(np.random.default_rng(0)))
    raw = file.read_bytes()
    random = np.random.default_rng(1)
    cases = [b"", raw[:7], raw[:100], raw[:-1], raw + b"\0", (1 << 60).to_bytes(8, "little") + raw[8:]]
    for _ in range(200):
        bad = bytearray(raw)
        bad[random.integers(0, len(raw))] ^= 1 << random.integers(0, 8)
        cases.append(bytes(bad))
    for bad in cases:
        file.write_bytes(bad)
        try:
            flow.read(file)
        except pathline.Error as e:
            assert e.diagnostics[0].reason == "corrupt_file" and "f.safetensors" in str(e)
            continue
        # What the checksum does not cover: spaces and the words around it.
        assert bad[:8] == raw[:8] and flow.read(file)[0]["dim"] == 2
    with pytest.raises(pathline.Error, match="there is no file") as e:
        flow.read(tmp_path / "none")
    assert e.value.diagnostics[0].reason == "file_not_found"


def test_sample_and_density_of_a_field_in_closed_form():
    # v = a x is that of x(1) = e^a x(0): N(0, e^2a).
    a = 0.5
    w = {"layers.0.weight": np.array([[a, 0, 0], [0, a, 0]], np.float32), "layers.0.bias": np.zeros(2, np.float32)}
    d = description("mlp", {"hidden": [], "activation": "silu", "time": {"use": "concat"}},
                    transforms=[{"use": "standardize", "state": {"mean": [1, 2], "sd": [3, 0.5]}}])
    f = flow.Trained(d, w)
    x = f.sample(2000, seed=3)
    z = (x - [1, 2]) / [3, 0.5]
    np.testing.assert_allclose(z, np.exp(a) * Key.of(3, "sample", "base").normals(2, 0, 2000), rtol=1e-4, atol=1e-5)
    want = -np.square(z * np.exp(-a)).sum(axis=1) / 2 - np.log(2 * np.pi) - 2 * a - np.log(3 * 0.5)
    np.testing.assert_allclose(f.log_prob(x[:50]), want[:50], atol=1e-4)


@pytest.mark.parametrize("target", ["data", "noise"])
def test_velocity_of_a_network_that_predicts_data_or_noise(target):
    # Of the truth x1 = m or x0 = m, on straight lines: v = (m - x)/(1-t), (x - m)/t.
    m = np.array([0.5, -1], np.float32)
    w = {"layers.0.weight": np.zeros((2, 3), np.float32), "layers.0.bias": m}
    f = flow.Trained(description("mlp", {"hidden": [], "activation": "silu", "time": {"use": "concat"}}, target=target), w)
    x, t = np.random.default_rng(0).standard_normal((6, 2)), np.linspace(0.1, 0.9, 6)
    want = (m - x) / (1 - t)[:, None] if target == "data" else (x - m) / t[:, None]
    np.testing.assert_allclose(f.velocity(t, x), want, rtol=1e-6)


def test_what_is_not_known_is_named():
    d = description("mine/net", {})
    with pytest.raises(pathline.Error, match="mine/net"):
        flow.Trained(d, {})
    with pytest.raises(pathline.Error, match="mine/squash"):
        flow.Trained(description("mlp", MLP, transforms=[{"use": "mine/squash", "state": 1}]), mlp_tensors(np.random.default_rng(0)))


@pytest.mark.parametrize("lacking, what", [({"target": "base"}, "discrete"), ({"base": "table"}, "table"),
                                           ({"conditions": [{"name": "label", "type": "int64", "kind": "category", "categories": ["0"]}]}, "conditional")])
def test_flows_that_only_the_host_can_evaluate_are_refused(lacking, what):
    d = {**description("mlp", MLP), **lacking}
    with pytest.raises(pathline.Error, match=what):
        flow.Trained(d, mlp_tensors(np.random.default_rng(0)))


def test_torch_has_the_same_outputs_and_derivatives(trained, tmp_path):
    torch = pytest.importorskip("torch")
    file = tmp_path / "f.safetensors"
    flow.write(file, trained.description, trained.tensors)
    f = pathline.load(file)
    assert set(f.state_dict()) == set(trained.tensors)
    random = np.random.default_rng(1)
    x, t = random.standard_normal((40, 2)).astype(np.float32), random.uniform(0, 1, 40)
    np.testing.assert_allclose(f(torch.tensor(t), torch.tensor(x)).detach(), trained.velocity(t, x), atol=1e-5)
    np.testing.assert_allclose(f(0.25, torch.tensor(x)).detach(), trained.velocity(0.25, x), atol=1e-5)
    _, div = f.divergence(torch.tensor(t), torch.tensor(x))
    np.testing.assert_allclose(div.detach(), trained.divergence(t, x)[1], atol=1e-3)
    np.testing.assert_allclose(f.sample(20, seed=1, steps=40), trained.sample(20, seed=1), atol=1e-3)
    y = trained.sample(5, seed=1)
    np.testing.assert_allclose(f.log_prob(y, steps=40), trained.log_prob(y), atol=1e-3)
    with torch.no_grad():
        for p in f.parameters():
            p.zero_()
    assert not f.numpy().velocity(0.5, x).any()
    assert len(list(f.parameters())) == len(trained.tensors)


def test_torch_example_holds_the_laws():
    pytest.importorskip("torch")
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "python"))
    import torch_field

    for cls in (torch_field.MLP, torch_field.ResNet):
        testing.check(testing.make(cls, device="cpu"))


# What the host's transforms make of two rows, numbers 3 and 4 of their table.
HOST_TRANSFORMS = [
    {"logdet": [2.7569792555019483, 2.7569792555019483], "state": {"root": "pca", "mean": [5.208510696439824, 0.0868346667977309, -6.977284992110553], "scale": [2.499552690205614, 0.46515071569377275, 0.05460131887458324], "matrix": "86+kD0t/7D+C654OgRjdPweCaEoeipC//58+1B6W0D+1Ku5v+5Tev82J0NTq2+o/NU6UKmrt1784S8zgjw3oP1CkCF0xY+E/"}, "use": "whiten", "x": [1.5667184845278936, -1.5474348638908868, -7.336811875173989, 5.300501209847697, 0.3244925239873605, -7.230842248181538], "z": [-1.592413945858796, -0.9989432112854637, -1.139509315859298, 0.07763817184017682, -0.6504231344860739, 0.11853665451340716]},
    {"logdet": [2.7569792555019483, 2.7569792555019483], "state": {"root": "zca", "mean": [5.208510696439824, 0.0868346667977309, -6.977284992110553], "scale": [2.499552690205614, 0.46515071569377275, 0.05460131887458324], "matrix": "86+kD0t/7D+C654OgRjdPweCaEoeipC//58+1B6W0D+1Ku5v+5Tev82J0NTq2+o/NU6UKmrt1784S8zgjw3oP1CkCF0xY+E/"}, "use": "whiten", "x": [1.5667184845278936, -1.5474348638908868, -7.336811875173989, 5.300501209847697, 0.3244925239873605, -7.230842248181538], "z": [-1.2509716388686378, -1.103124501532996, -1.431899957445671, -0.14374235040957756, 0.43519488374483684, -0.48277575324953254]},
    {"logdet": [2.7569792555018653, 2.7569792555018653], "state": {"root": "cholesky", "mean": [5.208510696439824, 0.0868346667977309, -6.977284992110553], "matrix": "2TVIPJ3VAUAAAAAAAAAAAAAAAAAAAAAA5sx25LT08T+y2qlLp27SPwAAAAAAAAAAf/tMEkjwk7/NUIjjMFrYv0KRvCvzT7k/"}, "use": "whiten", "x": [1.5667184845278936, -1.5474348638908868, -7.336811875173989, 5.300501209847697, 0.3244925239873605, -7.230842248181538], "z": [-1.633600677041225, 0.6910573405097673, -1.2984374360618518, 0.04126423371793028, 0.6643988649739202, 0.0005378676770908689]},
    {"logdet": [-0.3770119236934917, -1.31108524594134], "state": {"alpha": 0.05, "low": [-0.08826246694627216, -2.8005710881728225, -8.130246638837235], "high": [12.022290083117674, 3.384616753519688, -5.641130647908453]}, "use": "logit", "x": [1.5667184845278936, -1.5474348638908868, -7.336811875173989, 5.300501209847697, 0.3244925239873605, -7.230842248181538], "z": [-1.5645795355119487, -1.1951311050460283, -0.6772045620917645, -0.1987804480703802, 0.01889908130724005, -0.5099665008906241]},
    {"logdet": [0, 0], "state": {"key": "17341927565618520051", "bins": [{"step": 5, "unit": 1, "offset": 2}, {"step": 1, "unit": 100}, {"step": 0}]}, "use": "dequantize", "x": [17, -1.33, -0.17754714247752992, 7, 0.36, -2.745903923301436], "z": [19.369710606281142, -1.326837427216943, -0.17754714247752992, 10.5970197012277, 0.3613299468355433, -2.745903923301436]},
]


@pytest.mark.parametrize("case", HOST_TRANSFORMS, ids=lambda c: c["state"].get("root", c["use"]))
def test_transforms_are_those_of_the_host(case):
    f = flow._TRANSFORMS[case["use"]](case["state"])
    x, want = np.reshape(case["x"], (2, 3)), np.reshape(case["z"], (2, 3))
    z, logdet = f.apply(x, 3)
    np.testing.assert_allclose(z, want, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(logdet, case["logdet"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(f.invert(z), x, rtol=1e-12, atol=1e-12)
    if case["use"] == "dequantize":
        assert (f.apply(x, 4)[0] != z).any()
