"""A plugin whose paths do what their names say, for tests of the host."""

import ctypes
import json
import os
import signal
import sys
import threading
import time

import numpy as np

import pathline


def path_that(does):
    @pathline.path(does.__name__.replace("_", "-"))
    class Path:
        __doc__ = f"a path that {does.__name__}"

        def coefficients(self, t):
            return does(t) or (t, 1 - t, 1.0, -1.0)

    return Path


@path_that
def raises(t):
    raise ValueError("out of paint")


@path_that
def exits(t):
    sys.exit(7)


@path_that
def exits_at_once(t):
    print("a last word", file=sys.stderr, flush=True)
    os._exit(7)


@path_that
def is_killed(t):
    os.kill(os.getpid(), signal.SIGKILL)


@path_that
def crashes(t):
    ctypes.string_at(0)


@path_that
def hangs(t):
    time.sleep(3600)


@path_that
def holds_the_lock(t):
    ctypes.PyDLL(None).sleep(3600)  # without giving the interpreter up


@path_that
def talks(t):
    print("on standard output")
    print("x" * (1 << 20), end="")
    sys.stdout.flush()
    os.write(1, b"\x00\xff{\n")
    print(json.dumps({"@message": 5, "@level": None}), file=sys.stderr)
    print(json.dumps({"level": "error", "message": "in JSON"}), file=sys.stderr)


@path_that
def lies(t):
    return t * np.nan, 1 - t, 1.0, -1.0


@path_that
def starts_threads(t):
    threading.Thread(target=time.sleep, args=(3600,)).start()


@pathline.path("configured")
class Configured:
    "a path with a configuration that is checked twice"

    power: float = pathline.field(1.0, above=0)

    def validate(self):
        if self.power == 3:
            raise pathline.ConfigError("power", "three is taken", "take two")

    def coefficients(self, t):
        return t**self.power, 1 - t, self.power * t ** (self.power - 1), -1.0


if __name__ == "__main__":
    pathline.serve("misbehaving", "1")
