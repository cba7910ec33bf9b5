"""Two solvers in a plugin, in the two ways that there are.

    plugins:
      mine: {command: [python3, solvers.py]}
    stages:
      solver: {kind: solver, use: mine/ralston3, with: {steps: 50}}
"""

import numpy as np

import pathline


@pathline.solver("ralston3", example="{steps: 50}")
class Ralston3:
    """Ralston's method of order 3: a tableau, which the host runs at its own speed."""

    steps: int = pathline.field(50, doc="equal steps from start to end", min=1)

    def tableau(self):
        return pathline.Tableau(
            c=[0, 1 / 2, 3 / 4],
            a=[[], [1 / 2], [0, 3 / 4]],
            b=[2 / 9, 1 / 3, 4 / 9],
            order=3)


@pathline.solver("adams2", example="{steps: 200}")
class Adams2:
    """The method of Adams and Bashforth of order 2, which no tableau describes: it
    calls the field once a step and remembers the value before."""

    steps: int = pathline.field(100, doc="equal steps from start to end", min=1)

    def solve(self, field, x, t0, t1):
        h = (t1 - t0) / self.steps
        before = field(t0, x)
        x = x + h * field(t0 + h / 2, x + h / 2 * before)  # the first step is the midpoint rule's
        for i in range(1, self.steps):
            now = field(t0 + i * h, x)
            x = x + h * (1.5 * now - 0.5 * before)
            before = now
        return np.asarray(x)


if __name__ == "__main__":
    pathline.serve()
