"""python3 -m unittest discover -s benchmarks"""
import argparse
import json
import os
import tempfile
import unittest
from unittest import mock

import compare
import launch
import run

MACHINE = {"cpu": "C", "cores": 1, "instruction_set": "avx2", "os": "linux", "arch": "amd64", "go": "go1",
           "fma_peak_gflops": 1.0}


def figures(value, **more):
    return {"workload": "w", "peer": "p", "params": "x", "unit": "s", "better": "lower", "value": value, **more}


class Comparing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = folder.name
        self.done = []

    def comparison(self, only="", launches=3, machine=MACHINE):
        args = argparse.Namespace(out=self.out, threads=[1], only=only, launches=launches, seconds=1, quick=False)
        c = run.Comparison(args, "host", "python")
        c.load(dict(machine))
        return c

    def finish(self, c):
        """Go through everything with a stand-in for the measurements."""
        def line(l, t):
            self.done.append(l.workload)
            if l.workload == "w2":
                raise launch.Failed("no")
            return {"workload": l.workload, "title": "", "threads": t, "looked": [],
                    "summary": compare.summary([(figures(1), figures(2))])}

        def grow(name, t):
            self.done.append(name)
            return {"workload": name, "threads": t, "results": []}
        with mock.patch.object(c, "measure", line), mock.patch.object(c, "grow", grow), mock.patch("builtins.print"):
            c.everything()

    def test_goes_on_where_it_was(self):
        self.finish(self.comparison())
        everything = len(run.LINES) + len(run.GROWTH)
        self.assertEqual(len(self.done), everything)
        self.done.clear()
        c = self.comparison()
        self.finish(c)
        self.assertEqual((self.done, c.failed), (["w2"], ["w2@1"]))
        self.done.clear()
        self.finish(self.comparison(only="^w5"))
        self.assertEqual(self.done, ["w5-small", "w5-wide"])
        with open(os.path.join(self.out, "results.json")) as f:
            self.assertEqual(len(json.load(f)["lines"]), len(run.LINES) - 1)

    def test_another_machine_begins_anew(self):
        self.finish(self.comparison())
        with mock.patch("builtins.print"):
            c = self.comparison(machine={**MACHINE, "cpu": "D"})
        self.assertEqual(c.results["lines"], {})

    def test_a_line(self):
        """The fastest peer is taken, ours is made as accurate, noisy pairs are measured again."""
        c = self.comparison(launches=2)
        line = run.LINES[[l.workload for l in run.LINES].index("w6-small")]
        loads = iter([0, 0.5, 0])
        asked = []

        def ours(line, threads, rows, repeats, tolerance=None):
            asked.append(tolerance)
            counts = len(asked) > 5  # the first five look for the tolerance
            return figures(1, rms_error=100 * tolerance, foreign=next(loads) if counts else 0)

        def peer(line, which, threads, rows, repeats):
            if which == "torch:zuko":
                raise launch.Failed("no")
            return figures(2 if which == "torch:torchdiffeq" else 3, rms_error=4e-4, foreign=0, peer=which)
        with mock.patch.object(c, "ours", ours), mock.patch.object(c, "peer", peer), mock.patch("builtins.print"):
            entry = c.measure(line, 1)
        self.assertEqual(asked[:5], [1e-5, 7.94e-6, 6.31e-6, 5.01e-6, 3.98e-6])
        self.assertEqual(asked[5:], [3.98e-6] * 3)
        self.assertEqual([p["peer"] for p in entry["looked"]], ["torch:torchdiffeq", "jax:diffrax", "torch:flow_matching"])
        self.assertEqual(entry["summary"]["ratio"], {"median": 2, "min": 2, "max": 2})
        self.assertEqual((entry["summary"]["launches"], entry["summary"]["foreign"]), (2, 0))

    def test_equal_error(self):
        """Where ours would be better at the same tolerance, it gets the greatest at which it is not worse."""
        c = self.comparison()
        line = run.LINES[[l.key for l in run.LINES].index("w6-wide-equal-error")]
        with mock.patch.object(c, "ours", lambda l, t, rows, n, tol: figures(1, rms_error=100 * tol)):
            self.assertEqual(c.tolerance(line, 1, 0, figures(1, rms_error=1.6e-3)), 1.59e-5)
            self.assertEqual(c.tolerance(line, 1, 0, figures(1, rms_error=6e-4)), 5.01e-6)


if __name__ == "__main__":
    unittest.main()
