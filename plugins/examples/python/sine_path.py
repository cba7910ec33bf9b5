"""A probability path in a plugin: what `docs/plugins-python.md` walks through.

    plugins:
      sine: {command: [python3, sine_path.py]}
    stages:
      path: {kind: path, use: sine/sine}
"""

import numpy as np

import pathline


@pathline.path("sine", example="{}")
class Sine:
    "x_t = sin(pi t/2) x1 + cos(pi t/2) x0: noise and data on a quarter of a circle"

    def coefficients(self, t):
        a = np.pi / 2 * t
        return np.sin(a), np.cos(a), np.pi / 2 * np.cos(a), -np.pi / 2 * np.sin(a)


if __name__ == "__main__":
    pathline.serve()
