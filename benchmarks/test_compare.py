"""python3 -m unittest discover -s benchmarks"""
import unittest

import compare
import page
from lines import GROWTH, LINES, SCRIPTS


def rate(v, **more):
    return {"workload": "w1", "peer": "p", "params": "x", "unit": "rows/s", "better": "higher", "value": v, **more}


def seconds(v, **more):
    return {"workload": "w6", "peer": "p", "params": "x", "unit": "s", "better": "lower", "value": v, **more}


class Ratio(unittest.TestCase):
    def test_above_one_is_ours_faster(self):
        self.assertEqual(compare.ratio(rate(30), rate(10)), 3)
        self.assertEqual(compare.ratio(seconds(10), seconds(30)), 3)

    def test_units_must_agree(self):
        with self.assertRaises(ValueError):
            compare.ratio(rate(30), seconds(10))

    def test_fastest(self):
        self.assertEqual(compare.fastest([rate(1), rate(3), rate(2)])["value"], 3)
        self.assertEqual(compare.fastest([seconds(1), seconds(3)])["value"], 1)
        with self.assertRaises(ValueError):
            compare.fastest([])


class Accuracy(unittest.TestCase):
    def test_tighter_goes_down_ten_times_a_decade(self):
        tol = 1e-5
        for _ in range(10):
            tol = compare.tighter(tol)
        self.assertAlmostEqual(tol / 1e-6, 1, delta=0.01)

    def test_as_accurate(self):
        self.assertTrue(compare.as_accurate(seconds(1, rms_error=1e-3), seconds(1, rms_error=1e-3)))
        self.assertFalse(compare.as_accurate(seconds(1, rms_error=2e-3), seconds(1, rms_error=1e-3)))
        self.assertTrue(compare.as_accurate(seconds(1, rms_error=2e-3), seconds(1)))


class Pairs(unittest.TestCase):
    def test_quietest_looks_at_the_load_alone(self):
        pairs = [(rate(v, foreign=f), rate(1, foreign=0)) for v, f in ((9, 0.9), (1, 0.1), (2, 0), (3, 0.3), (4, 0.05))]
        kept = compare.quietest(pairs, 3, 0.15)
        self.assertEqual([o["value"] for o, _ in kept], [1, 2, 4])
        self.assertEqual([o["value"] for o, _ in compare.quietest(pairs, 4, 0.15)], [1, 2, 3, 4])
        self.assertEqual(compare.load(pairs[0]), 0.9)

    def test_summary(self):
        pairs = [(rate(30, peak_share=0.5, rms_error=1e-6), rate(10)), (rate(20, peak_share=0.25), rate(10)),
                 (rate(10, peak_share=0.5), rate(10, foreign=0.1))]
        s = compare.summary(pairs)
        self.assertEqual(s["ratio"], {"median": 2, "min": 1, "max": 3})
        self.assertEqual((s["launches"], s["foreign"], s["peak_share"], s["ratio_at_peak"]), (3, 0.1, 0.5, 4))
        self.assertEqual(s["ours"]["rms_error"], 1e-6)
        self.assertEqual((s["peer"]["name"], s["peer"]["median"]), ("p", 10))
        self.assertIsNone(compare.summary([(seconds(1), seconds(2))])["ratio_at_peak"])


class Page(unittest.TestCase):
    def test_figure(self):
        for v, want in ((None, "-"), (0, "0"), (0.0123, "0.0123"), (12.345, "12.3"), (240123.4, "240,000"),
                        (1234, "1,230"), (1023456, "1,020,000"), (6.8e-7, "6.8e-07"), (1.5e9, "1.5e+09")):
            self.assertEqual(page.figure(v), want)

    def test_page_of_nothing(self):
        self.assertIn("Nothing has been measured", page.page({"machine": {}, "lines": {}, "growth": {}}, []))

    def test_page_has_every_finished_line(self):
        entry = {"workload": "w1", "title": "training", "threads": 1, "looked": [rate(10)],
                 "summary": compare.summary([(rate(30, peak_share=0.5), rate(10))])}
        results = {"machine": {"cpu": "C", "cores": 2, "instruction_set": "avx2", "os": "linux", "arch": "amd64",
                               "go": "go1", "peaks": {"1": 100.0}}, "versions": {"jax": "1"}, "lines": {"w1@1": entry},
                   "growth": {"grow-train@1": {"workload": "grow-train", "threads": 1,
                                               "results": [{"params": "d=8", "value": 1.5, "peak_share": 0.5}]}}}
        text = page.page(results, [l.workload for l in LINES])
        for want in ("| training |", "**3.00** [3.00..3.00]", "| 50% |", "| 6 |", "jax 1", "| d=8 | 1.5 | 50% |"):
            self.assertIn(want, text)


class Lines(unittest.TestCase):
    def test_peers_have_scripts(self):
        for line in LINES:
            for which in line.peers:
                self.assertIn(which.partition(":")[0], SCRIPTS)
            self.assertLessEqual(line.looking_rows, line.rows or 10000)
        self.assertEqual(len({l.key for l in LINES}), len(LINES))
        self.assertEqual(len(set(GROWTH)), 3)


if __name__ == "__main__":
    unittest.main()
