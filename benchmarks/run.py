#!/usr/bin/env python3
"""Compare pathline with Python's libraries at the same work: results.json and README.md.

For each line and number of threads one launch of every peer finds the fastest; where accuracy depends on a tolerance,
ours is tightened until it is as near to the reference as that peer; then both are launched in turn. Finished lines
are kept: an interrupted run goes on, and --only measures some again."""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
import venv

import compare
import launch
import page
from lines import GROWTH, LINES, SCRIPTS

QUIET = 0.15  # cores that others may take during a pair of launches that counts
STATE = os.path.join(launch.ROOT, ".task")


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--venv", default=os.path.join(STATE, "peers-venv"), help="virtual environment of the peers")
    p.add_argument("--host", default="", help="the command to measure; built when left out")
    p.add_argument("--threads", default="1,2", help="numbers of threads, with commas")
    p.add_argument("--launches", type=int, default=5, help="of each side")
    p.add_argument("--seconds", type=float, default=0.6, help="least time of a repeat")
    p.add_argument("--only", default="", help="measure the workloads that match this expression, again if need be")
    p.add_argument("--quick", action="store_true", help="one short launch, few rows: to see that it works")
    p.add_argument("--out", default="", help="folder of results.json and README.md (default: this one; with "
                                             "--quick .task/benchmarks)")
    a = p.parse_args()
    if a.quick:
        a.launches, a.seconds = 1, 0.05
    a.out = a.out or (os.path.join(STATE, "benchmarks") if a.quick else launch.HERE)
    a.threads = [int(t) for t in a.threads.split(",")]
    return a


def peers_python(folder):
    """The interpreter of the peers' environment, which is made when it is not there."""
    python, check = os.path.join(folder, "bin", "python"), os.path.join(launch.PEERS, "versions.py")
    if not os.path.exists(python):
        print(f"installing the peers in {os.path.relpath(folder)} (about 7 GB)", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.check_call([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r",
                               os.path.join(launch.PEERS, "requirements.txt")])
    found = subprocess.run([python, check], capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"the peers are not what peers/requirements.txt says:\n{found.stdout}{found.stderr}")
    return python


class Comparison:
    def __init__(self, args, host, python):
        self.args, self.host, self.python = args, host, python
        self.file = os.path.join(args.out, "results.json")
        self.results = {"machine": {}, "versions": {}, "lines": {}, "growth": {}}
        self.failed = []

    def load(self, machine):
        """Finished lines of the same machine are kept."""
        try:
            with open(self.file) as f:
                before = json.load(f)
        except FileNotFoundError:
            before = None
        same = ("cpu", "instruction_set", "os", "arch")
        if before and all(before["machine"].get(k) == machine[k] for k in same):
            self.results = before
        elif before:
            print("results.json is another machine's: beginning anew", flush=True)
        peaks = self.results["machine"].get("peaks", {})
        machine["cores"] = os.cpu_count()
        self.results["machine"] = {**{k: v for k, v in machine.items() if k != "fma_peak_gflops"}, "peaks": peaks,
                                   "python": platform.python_version()}

    def save(self):
        os.makedirs(self.args.out, exist_ok=True)
        with open(self.file + ".partial", "w") as f:
            json.dump(self.results, f, indent=1, sort_keys=True)
            f.write("\n")
        os.replace(self.file + ".partial", self.file)
        with open(os.path.join(self.args.out, "README.md"), "w") as f:
            f.write(page.page(self.results, [l.key for l in LINES]))

    # ---- one launch ------------------------------------------------------------

    def ours(self, line, threads, rows, repeats, tolerance=None):
        if line.workload == "w10":
            command = [self.host, "run", os.path.join(launch.HERE, "minimal.yaml"), "--out", "{out}", "--quiet",
                       "--threads", str(threads)]
            return launch.whole_process(command, threads, "pathline")
        results, machine = launch.ours(self.host, line.workload, threads, repeats, self.args.seconds, rows, tolerance)
        peaks = self.results["machine"]["peaks"]
        peaks[str(threads)] = max(peaks.get(str(threads), 0), machine["fma_peak_gflops"])
        return results[0]

    def peer(self, line, which, threads, rows, repeats):
        script, _, name = which.partition(":")
        if line.workload == "w10":
            command = [self.python, os.path.join(launch.PEERS, f"minimal_{script}.py"),
                       os.path.join(launch.HERE, "data", "eight_gaussians.parquet"), "{out}/out.parquet"]
            return launch.whole_process(command, threads, {"torch": "flow_matching", "jax": "jax"}[script])
        f = launch.peer(self.python, SCRIPTS[script], name, line.workload, threads, repeats, self.args.seconds, rows)
        self.results["versions"].update(f.pop("versions"))
        return f

    # ---- one line ----------------------------------------------------------------

    def find(self, line, threads, rows):
        """One launch of every peer, the fastest first; each figure knows its peer."""
        found = []
        for which in line.peers:
            try:
                f = self.peer(line, which, threads, rows, 1)
            except launch.Failed as e:
                print(f"    {which}: {e}", flush=True)
                continue
            found.append({**f, "which": which})
        best = compare.fastest(found)
        return sorted(found, key=lambda f: f["value"], reverse=best["better"] == "higher")

    def tolerance(self, line, threads, rows, peer):
        """A tolerance at which ours is as accurate as the peer at 1e-5: 1e-5 or less, or with loosen the greatest."""
        tol, good = 1e-5, None
        for _ in range(20):
            f = self.ours(line, threads, rows, 1, tol)
            if compare.as_accurate(f, peer):
                good = tol
                if not line.loosen:
                    return good
                tol = compare.looser(tol)
            elif good:
                return good
            else:
                tol = compare.tighter(tol)
        raise launch.Failed(f"{line.workload}: not as accurate as {peer['peer']} even at {tol:g}")

    def measure(self, line, threads):
        quick = self.args.quick
        rows = 50 if quick and line.workload.startswith(("w5", "w6", "w7")) else line.rows
        looked = self.find(line, threads, min(rows, line.looking_rows) if rows and line.looking_rows
                           else rows or line.looking_rows)
        which, tol, repeats = looked[0]["which"], None, 1 if quick else line.repeats
        pairs = []
        if line.fixed_tolerance:
            first = self.peer(line, which, threads, rows, 1)
            tol = self.tolerance(line, threads, rows, first)
        wanted = self.args.launches
        while len(pairs) < (wanted if quick else 2 * wanted) and sum(compare.load(p) <= QUIET for p in pairs) < wanted:
            o = self.ours(line, threads, rows, repeats, tol)
            pairs.append((o, self.peer(line, which, threads, rows, repeats)))
        pairs = compare.quietest(pairs, wanted, QUIET)
        keep = ("workload", "peer", "params", "unit", "better", "value", "rms_error", "nfe", "peak_rss_mib",
                "foreign")
        return {"workload": line.workload, "title": line.title, "threads": threads, "summary": compare.summary(pairs),
                "looked": [{k: f[k] for k in keep if k in f} for f in looked],
                "pairs": [[{k: f[k] for k in keep + ("gflops", "peak_share") if k in f} for f in p] for p in pairs]}

    def grow(self, workload, threads):
        repeats, seconds = (1, 0.01) if self.args.quick else (3, 0.2)
        results, _ = launch.ours(self.host, workload, threads, repeats, seconds, 16 if self.args.quick else 0)
        keep = ("params", "value", "min", "max", "unit", "gflops", "peak_share", "nfe")
        return {"workload": workload, "threads": threads,
                "results": [{k: r[k] for k in keep if k in r} for r in results]}

    def everything(self):
        wanted = re.compile(self.args.only)
        work = [(self.results["lines"], l.key, t, lambda l=l, t=t: self.measure(l, t))
                for l in LINES for t in self.args.threads]
        work += [(self.results["growth"], g, t, lambda g=g, t=t: self.grow(g, t))
                 for g in GROWTH for t in self.args.threads]
        for into, workload, threads, do in work:
            key = f"{workload}@{threads}"
            if not wanted.search(workload) or key in into and not self.args.only:
                continue
            begin = time.perf_counter()
            try:
                into[key] = do()
            except (launch.Failed, ValueError) as e:
                print(f"{key}: {e}", flush=True)
                self.failed.append(key)
                continue
            self.save()
            s = into[key].get("summary")
            text = f"ratio {s['ratio']['median']:.2f} to {s['peer']['name']}" if s else "done"
            print(f"{key}: {text} ({time.perf_counter() - begin:.0f} s)", flush=True)


def main():
    args = arguments()
    os.makedirs(STATE, exist_ok=True)
    python = peers_python(args.venv)
    host = os.path.abspath(args.host) if args.host else launch.build(os.path.join(STATE, "benchmarks-host"))
    c = Comparison(args, host, python)
    c.load(launch.ours(host, "w11-256x64x64", 1, 1, 0.05)[1])
    c.everything()
    c.save()
    print(f"written: {os.path.relpath(args.out)}/README.md, results.json", flush=True)
    if c.failed:
        sys.exit("failed: " + ", ".join(c.failed))


if __name__ == "__main__":
    main()
