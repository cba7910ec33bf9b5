"""Random numbers: those of the host, by the reference that its own test compares with."""

import json
from pathlib import Path

import numpy as np

from pathline.random import Key

CASES = json.loads((Path(__file__).parents[3] / "stages" / "random" / "testdata" / "golden.json").read_text())


def test_numbers_are_those_of_the_host():
    assert len(CASES) >= 3
    for c in CASES:
        c = {k.lower(): v for k, v in c.items()}
        k = Key.of(c["seed"], c["stage"], c["stream"])
        assert f"{k.value:016x}" == c["key"]
        assert [f"{int(w):08x}" for w in k.blocks(c["row"], c["step"], 7)] == c["block7"]
        want = [float.fromhex(u) for u in c["uniform"]]
        assert list(k.uniforms(len(want), c["row"], c["step"])) == want
        z = c["normal64"]
        np.testing.assert_allclose(k.normals(len(z), c["row"], 1, c["step"])[0], z, atol=4e-15, rtol=0)


def test_a_row_depends_on_its_number_only():
    k = Key(9)
    all_ = k.normals(3, 0, 20, 4)
    np.testing.assert_array_equal(k.normals(3, 7, 5, 4), all_[7:12])
    np.testing.assert_array_equal(k.normals(2, 7, 5, 4), all_[7:12, :2])
