"""Fresh processes on chosen cores: ours, and the peers'."""
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PEERS = os.path.join(HERE, "peers")


class Failed(Exception):
    pass


def cores(threads):
    """The last cores that this process may use."""
    have = sorted(os.sched_getaffinity(0))
    if threads > len(have):
        raise Failed(f"{threads} threads need as many cores, there are {len(have)}")
    return have[-threads:]


def environment(threads):
    """That of this process without settings of libraries that would change what is measured."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("OPENBLAS_", "OMP_", "MKL_", "XLA_", "GOMAXPROCS", "GODEBUG", "PATHLINE_", "PYTHON"))}
    env.update({k: str(threads) for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOMAXPROCS")})
    env.update(PYTHONWARNINGS="ignore", JAX_PLATFORMS="cpu")
    return env


def busy():
    """Seconds that all cores together have been busy, with what a hypervisor took."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) / os.sysconf("SC_CLK_TCK")


def run(command, threads, limit=900):
    """(standard output, {"wall", "peak_rss_mib", "foreign"}) of a process confined to its cores; foreign is how many
    cores other processes took meanwhile."""
    pinned = ["taskset", "-c", ",".join(map(str, cores(threads))), *command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        before, begin = busy(), time.perf_counter()
        p = subprocess.Popen(pinned, stdout=out, stderr=err, env=environment(threads), cwd=ROOT)
        deadline = begin + limit
        while True:
            pid, status, use = os.wait4(p.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() > deadline:
                p.kill()
                os.wait4(p.pid, 0)
                raise Failed(f"{command[0]} took more than {limit} s")
            time.sleep(0.002)
        wall = time.perf_counter() - begin
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text = out.read().decode()
        if p.returncode:
            raise Failed(f"exit code {p.returncode}: " + (err.read().decode().strip().splitlines() or [text])[-1])
    foreign = max(0.0, (busy() - before - use.ru_utime - use.ru_stime) / wall)
    return text, {"wall": wall, "peak_rss_mib": use.ru_maxrss / 1024, "foreign": round(foreign, 2)}


def ours(host, workload, threads, repeats, seconds, rows=0, tolerance=None):
    """(figures, machine) of a launch of host bench."""
    command = [host, "bench", workload, "--json", "--threads", str(threads), "--repeats", str(repeats),
               "--seconds", str(seconds), "--data", os.path.join(HERE, "data")]
    command += ["--rows", str(rows)] if rows else []
    command += ["--tolerance", repr(tolerance)] if tolerance else []
    text, use = run(command, threads)
    report = json.loads(text)["result"]
    return [{**r, "foreign": use["foreign"]} for r in report["results"]], report["machine"]


def peer(python, script, name, workload, threads, repeats, seconds, rows=0):
    """The figures of a launch of one peer."""
    command = [python, os.path.join(PEERS, script), workload, "--peer", name, "--threads", str(threads),
               "--repeats", str(repeats), "--seconds", str(seconds)]
    command += ["--rows", str(rows)] if rows else []
    text, use = run(command, threads)
    lines = [l for l in text.splitlines() if l.startswith("{")]
    if not lines:
        raise Failed(f"{script} has no {name} for {workload}")
    return {**json.loads(lines[-1]), "foreign": use["foreign"]}


def whole_process(command, threads, name):
    """The figures of W10: wall time and peak resident set of a process that writes into a folder, "{out}"."""
    with tempfile.TemporaryDirectory() as out:
        _, use = run([c.replace("{out}", out) for c in command], threads)
    return {"workload": "w10", "peer": name, "params": "1,000 steps", "metric": "wall", "unit": "s", "better": "lower",
            "value": use["wall"], "min": use["wall"], "max": use["wall"], "threads": threads,
            "peak_rss_mib": use["peak_rss_mib"], "foreign": use["foreign"]}


def build(target):
    """The command, built as a release is."""
    if subprocess.call(["go", "build", "-trimpath", "-o", target, "./host"], cwd=ROOT):
        sys.exit("host does not build")
    return target
