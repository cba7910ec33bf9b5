"""Writes zuko.json: flows of zuko 1.6.0 with random weights, rows, their log-densities and what the
flows make of noise, in float64. Weights are named and laid out as package bijection has them: hidden
units of a masked network come in the order of their degrees, outputs with the parameter slowest.

    python export_zuko.py > zuko.json
"""
import json

import torch
import zuko

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
D, H = 4, [9, 7]


def linears(net):
    return [m for m in net if hasattr(m, "weight")]


def export(flow, masked):
    """Weights of a zuko flow by the names of this package, rounded to float32 first."""
    out = {}
    for t, transform in enumerate(flow.transform.transforms):
        layers = linears(transform.hyper)
        before = None
        for i, layer in enumerate(layers):
            w, b = layer.weight.data, layer.bias.data
            last = i == len(layers) - 1
            if masked:
                if before is not None:
                    w = w[:, before]
                if not last:
                    seen = layer.mask if before is None else layer.mask[:, before]
                    # The degree of a unit grows with what it sees.
                    before = torch.argsort(seen.sum(1), stable=True)
                    w, b = w[before], b[before]
            if last:
                n = w.shape[0] // transform.total
                order = torch.arange(w.shape[0]).reshape(n, transform.total).T.reshape(-1)
                w, b = w[order], b[order]
            out[f"{t}.layers.{i}.weight"] = w.flatten().tolist()
            out[f"{t}.layers.{i}.bias"] = b.tolist()
    return out


def case(model, config, flow, masked, held=0, more={}):
    """A case; held columns of conditions stand behind x and z, more are weights that zuko does not have."""
    for p in flow.parameters():
        p.data = torch.randn_like(p.data).mul(0.5).float().double()
    x = torch.randn(16, D).mul(1.5).float().double()
    z = torch.randn(16, D).float().double()
    c = torch.randn(16, held).float().double() if held else None

    def rows(v):
        return (torch.cat((v, c), 1) if held else v).flatten().tolist()

    with torch.no_grad():
        f = flow(c)
        return {"model": model, "config": config, "dim": D, "held": held, "weights": {**export(flow, masked), **more}, "x": rows(x),
                "log_prob": f.log_prob(x).tolist(), "z": rows(z), "sample": rows(f.transform.inv(z))}


hidden = dict(hidden_features=H)
common = {"transforms": 3, "hidden": H, "activation": "relu", "mix": "none"}
rqs = {**common, "bins": 5, "bound": 5}
shapes = dict(univariate=zuko.transforms.MonotonicRQSTransform, shapes=[(5,), (5,), (4,)])
shift = dict(univariate=zuko.transforms.AdditiveTransform, shapes=[()])
unscaled = {"3.shift": [0.0] * D, "3.log_scale": [0.0] * D}
cases = [
    case("maf", common, zuko.flows.MAF(D, transforms=3, **hidden), True),
    case("realnvp", common, zuko.flows.NICE(D, transforms=3, **hidden), False),
    case("nsf", {**rqs, "kind": "autoregressive"}, zuko.flows.NSF(D, transforms=3, bins=5, **hidden), True),
    case("nsf", {**rqs, "kind": "coupling"}, zuko.flows.NICE(D, transforms=3, **shapes, **hidden), False),
    case("nice", {**common, "base": "normal"}, zuko.flows.NICE(D, transforms=3, **shift, **hidden), False, more=unscaled),
    case("maf", common, zuko.flows.MAF(D, context=2, transforms=3, **hidden), True, held=2),
    case("realnvp", common, zuko.flows.NICE(D, context=2, transforms=3, **hidden), False, held=2),
    case("nsf", {**rqs, "kind": "autoregressive"}, zuko.flows.NSF(D, context=2, transforms=3, bins=5, **hidden), True, held=2),
]
print(json.dumps({"zuko": zuko.__version__, "cases": cases}))
