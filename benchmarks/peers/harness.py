"""Command line, threads, timing and output of the peers' scripts.

Import this module and call start() before numpy, torch or jax: the number of threads is read when they load.
A script registers cases (workload, peer, function); one launch runs one workload with one peer and prints JSON
lines: {"peer", "workload", "params", "metric", "unit", "value", "min", "max", "repeats", "threads", "rows",
"rms_error", "nfe", "versions"}. Compile time is not part of a rate and is not reported."""
import argparse
import importlib.metadata
import json
import math
import os
import statistics
import time

ARGS = None
CASES = []

# Networks of the workloads: columns, hidden layers, width, batch of a training step.
SMALL = dict(d=2, depth=3, width=64, batch=256)
WIDE = dict(d=21, depth=4, width=512, batch=4096)
MID = dict(d=8, depth=3, width=128, batch=512)
NAMED = {"small": SMALL, "wide": WIDE}


def start():
    global ARGS
    p = argparse.ArgumentParser()
    p.add_argument("workload", nargs="?", default="", help="for example w5-small")
    p.add_argument("--peer", default="", help="one peer; all without")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--seconds", type=float, default=1.0, help="least time of one repeat")
    p.add_argument("--rows", type=int, default=0, help="take the first rows in w5, w6 and w7; 0 is all")
    p.add_argument("--list", action="store_true")
    ARGS = p.parse_args()
    for v in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[v] = str(ARGS.threads)
    if ARGS.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    return ARGS


def case(workload, peer):
    def add(f):
        CASES.append((workload, peer, f))
        return f
    return add


def main(*packages):
    versions = {p: importlib.metadata.version(p) for p in packages}
    for workload, peer, f in CASES:
        if ARGS.list:
            print(workload, peer, sep="\t")
        elif workload == ARGS.workload and ARGS.peer in ("", peer):
            print(json.dumps(dict(peer=peer, workload=workload, threads=ARGS.threads, **f(), versions=versions)),
                  flush=True)


def measure(work):
    """Seconds of one unit of work, of each repeat; work(n) does n units and returns when they are done.

    As host bench does it: n grows until a repeat lasts long enough, which warms up on the way."""
    got, n = [], 1
    while len(got) < ARGS.repeats:
        begin = time.perf_counter()
        work(n)
        took = max(time.perf_counter() - begin, 1e-9)
        if took >= ARGS.seconds or got:
            got.append(took / n)
            continue
        n = math.ceil(n * min(max(1.2 * ARGS.seconds / took, 1.05), 100))
    return got


def figures(seconds, metric, params, unit="s", work=None, **more):
    """A line: seconds a unit, or work units a second."""
    v = [work / t for t in seconds] if work else seconds
    return dict(params=params, metric=metric, unit=unit, better="higher" if work else "lower",
                value=statistics.median(v), min=min(v), max=max(v), repeats=len(v), **more)


def sizes(net):
    return [net["d"] + (1 if net is SMALL else 64)] + [net["width"]] * net["depth"] + [net["d"]]


def title(net):
    return f"d={net['d']} hidden={net['depth']}x{net['width']} batch={net['batch']}"


def omegas():
    """32 frequencies from 1 to 64, geometric; the features of t are cos(t w), then sin(t w)."""
    import numpy as np
    return np.exp(np.log(64.0) * np.arange(32) / 31).astype(np.float32)


def training_rows(net):
    import numpy as np
    import tensors
    if net is SMALL:
        return tensors.read("eight_gaussians")["x"]
    return np.random.default_rng(0).standard_normal((65536, net["d"]), dtype=np.float32)


def first(a):
    return a[:ARGS.rows] if ARGS.rows else a


def rms(got, reference):
    """Root mean square distance from a reference, which may hold the first rows only."""
    import numpy as np
    n = min(len(got), len(reference))
    d = np.asarray(got, np.float64)[:n] - reference[:n]
    return float(np.sqrt((d * d).mean()))
