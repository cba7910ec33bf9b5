"""The process: handshake, lifeline, signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PLUGIN = """
import sys, time, pathline

@pathline.path("p")
class P:
    def coefficients(self, t):
        return t, 1 - t, 1.0, -1.0

pathline.serve("mine")
print("served")
"""


def start(tmp_path, cookie=True, *arguments):
    file = tmp_path / "plug.py"
    file.write_text(PLUGIN)
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "PLUGIN_UNIX_SOCKET_DIR": str(tmp_path)}
    if cookie:
        env["PATHLINE_PLUGIN"] = "rows-become-other-rows"
    return subprocess.Popen([sys.executable, str(file), *arguments], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def test_by_hand_it_says_what_it_is(tmp_path):
    p = start(tmp_path, cookie=False)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 2 and out == "" and "mine is a plugin of pathline" in err and "serve --address unix:///tmp/mine.sock" in err


def test_an_address_that_cannot_be_listened_at(tmp_path):
    p = start(tmp_path, False, "serve", "--address=unix:///nowhere/at/all.sock")
    assert p.wait(20) == 1 and "cannot listen at unix:///nowhere/at/all.sock" in p.stderr.read()


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_handshake_lifeline_and_interrupt(tmp_path):
    p = start(tmp_path)
    core, version, network, address, protocol, _ = p.stdout.readline().split("|")
    assert (core, version, network, protocol) == ("1", "1", "unix", "grpc") and os.path.exists(address)
    assert p.stdout.read() == ""  # nothing else comes, and the pipe is closed
    p.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        p.wait(0.3)
    p.stdin.close()
    assert p.wait(10) == 0
    assert not os.path.exists(address) and not list(tmp_path.glob("plugin-*"))


@pytest.mark.skipif(not hasattr(signal, "SIGQUIT"), reason="signals of Unix")
def test_quit_dumps_the_stacks_and_ends(tmp_path):
    p = start(tmp_path)
    p.stdout.readline()
    p.send_signal(signal.SIGQUIT)
    _, err = p.communicate(timeout=20)
    assert p.returncode == -signal.SIGQUIT and "most recent call first" in err and "plug.py" in err


@pytest.mark.skipif(os.name == "nt", reason="sockets of Unix")
def test_shutdown_lets_the_program_go_on(tmp_path):
    import grpc

    p = start(tmp_path)
    address = p.stdout.readline().split("|")[3]
    with grpc.insecure_channel(f"unix:{address}") as channel:
        channel.unary_unary("/plugin.GRPCController/Shutdown")(b"", timeout=5)
        assert p.wait(20) == 0 and "served" in p.stderr.read()
