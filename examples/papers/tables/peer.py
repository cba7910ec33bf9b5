"""The same tables with torchcfm: the network, the steps and the test rows of a sweep of `host run --seeds`.

    python -m pip install -r requirements.txt
    python peer.py letter runs/tables/letter 10000 --update results/torchcfm.json

torchcfm's MLP (3 x 128, SELU, time beside x), its ConditionalFlowMatcher without noise around the straight lines, and
torchdiffeq's dopri5 at 1e-5 with the exact trace: what its examples do for log-likelihoods. Optimizer, cosine schedule
and moving average of the weights are those of the pipeline. Test rows are those of each seed's test-scores.parquet;
valid-scores.parquet, where there is one, is left out as well; all other rows are trained on. Log-densities are those of
the rows as they are, with uniform noise of one step on discrete columns.
"""
import argparse
import collections
import copy
import json
import math
import pathlib
import platform
import time

import numpy as np
import pyarrow.parquet as pq
import torch
import torchcfm
import torchdiffeq
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
from torchcfm.models.models import MLP

BATCH, LR, DECAY, EMA = 512, 1e-3, 1e-5, 0.999
STEPS_OF = {"shuttle": 1.0, "letter": 1.0, "digits": 1.0, "miniboone": 0.0, "power": np.array([0.001, 0.01, 1, 1, 1, 0])}


def rows(name, columns):
    t = pq.read_table(name, columns=columns)
    return np.stack([t[c].to_numpy().astype(np.float64) for c in columns], 1)


def split(data, run):
    """Training and test rows: all rows of the file without those that were scored, as often as they were."""
    columns = [c for c in pq.read_schema(run / "test-scores.parquet").names if c not in ("log_prob", "log_prob_se", "status")]
    test = rows(run / "test-scores.parquet", columns)
    held = [test] + [rows(f, columns) for f in run.glob("valid-scores.parquet")]
    left = collections.Counter(r.tobytes() for h in held for r in h)
    every, kept = rows(data, columns), []
    for i, r in enumerate(every):
        key = r.tobytes()
        if left[key] > 0:
            left[key] -= 1
        else:
            kept.append(i)
    assert len(kept) == len(every) - sum(map(len, held)), "the scored rows are not rows of this file"
    return every[kept], test


def train(x, steps, generator):
    net = MLP(dim=x.shape[1], time_varying=True, w=128)
    mean = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    matcher = ConditionalFlowMatcher(sigma=0.0)
    order, at = torch.randperm(len(x), generator=generator), 0
    for step in range(steps):
        if at + BATCH > len(x):
            order, at = torch.randperm(len(x), generator=generator), 0
        x1 = x[order[at:at + BATCH]]
        at += BATCH
        t, xt, ut = matcher.sample_location_and_conditional_flow(torch.randn_like(x1), x1)
        loss = ((net(torch.cat([xt, t[:, None]], 1)) - ut) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        decay = min(EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            for m, p in zip(mean.parameters(), net.parameters()):
                m.lerp_(p, 1 - decay)
    return mean


def log_prob(net, x):
    d = x.shape[1]

    def field(t, state):
        y = state[0].detach().requires_grad_(True)
        with torch.enable_grad():
            v = net(torch.cat([y, t.expand(len(y), 1)], 1))
            trace = sum(torch.autograd.grad(v[:, i].sum(), y, retain_graph=True)[0][:, i] for i in range(d))
        return v.detach(), trace.detach()

    start = x, torch.zeros(len(x))
    y, change = torchdiffeq.odeint(field, start, torch.tensor([1.0, 0.0]), rtol=1e-5, atol=1e-5, method="dopri5")
    return -0.5 * (y[-1] ** 2).sum(1) - 0.5 * d * math.log(2 * math.pi) + change[-1]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("table", choices=STEPS_OF)
    p.add_argument("run", type=pathlib.Path, help="output folder of host run --seeds")
    p.add_argument("steps", type=int)
    p.add_argument("--rows", type=int, default=2000, help="test rows that are scored at most")
    p.add_argument("--seeds", type=int, default=1000, help="how many of the sweep's seeds, the first ones")
    p.add_argument("--update", type=pathlib.Path, required=True, help="the JSON file that gets the figures")
    a = p.parse_args()
    torch.set_num_threads(1)
    means, seconds = [], []
    folders = sorted(a.run.glob("seed-*"))[:a.seeds]
    for folder in folders:
        seed = int(folder.name.split("-")[1])
        torch.manual_seed(seed)
        noise = np.random.default_rng(seed)
        known, test = split(pathlib.Path(__file__).with_name(a.table + ".parquet"), folder)
        spread = lambda x: x + noise.random(x.shape) * STEPS_OF[a.table]
        known, test = spread(known), spread(test[:a.rows])
        shift, scale = known.mean(0), known.std(0)
        unit = lambda x: torch.tensor((x - shift) / scale, dtype=torch.float32)
        begin = time.perf_counter()
        net = train(unit(known), a.steps, torch.Generator().manual_seed(seed))
        seconds.append(time.perf_counter() - begin)
        means.append(float(log_prob(net, unit(test)).double().mean()) - float(np.log(scale).sum()))
        print(a.table, seed, means[-1], seconds[-1], flush=True)
    n = len(means)
    found = json.loads(a.update.read_text()) if a.update.exists() else {}
    found.setdefault("Metrics", [])
    found["Versions"] = {"python": platform.python_version(), "torch": torch.__version__, "torchcfm": torchcfm.__version__,
                         "torchdiffeq": torchdiffeq.__version__}
    found["Metrics"] = [m for m in found["Metrics"] if m["Stage"] != a.table]
    for metric, values in (("mean_log_prob", means), ("seconds", seconds)):
        found["Metrics"].append({"Stage": a.table, "Metric": metric, "N": n, "Mean": float(np.mean(values)),
                                 "SD": float(np.std(values, ddof=1)) if n > 1 else None, "Values": values})
    a.update.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
