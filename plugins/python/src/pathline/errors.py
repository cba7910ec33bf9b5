"""What can go wrong, as users of a pipeline read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Cancelled", "ConfigError", "Diagnostic", "Error", "HostError", "Interrupted", "ProtocolError"]


@dataclass
class Diagnostic:
    """One error that a user reads: where, what, and what to do.

    ``reason`` is one of the closed list of pathline's reasons (``out_of_range``,
    ``unknown_key``, ``non_finite``, ...); others are read as ``plugin_fault``.
    """

    reason: str
    message: str
    path: str = ""
    suggestion: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text}; {self.suggestion}" if self.suggestion else text


class Error(Exception):
    """An error with a reason of pathline's list and advice for the user.

    Any other exception of a plugin is reported too, with its message; use this
    one to choose the reason or to say what to do.
    """

    def __init__(self, message: str, *, reason: str = "plugin_fault", path: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.diagnostics = [Diagnostic(reason, message, path, suggestion)]

    @classmethod
    def of(cls, diagnostics: Iterable[Diagnostic]) -> "Error":
        """An error of several diagnostics."""
        listed = list(diagnostics)
        error = cls.__new__(cls)
        Exception.__init__(error, "; ".join(str(d) for d in listed) or "a failure without a message")
        error.diagnostics = listed
        return error


class ConfigError(Error):
    """A configuration that is wrong.

    ``key`` names the place inside of ``with:``, as ``"gamma"``, ``"time.features"``
    or ``"hidden[2]"``; the host shows the line of the pipeline file with a caret
    under it.
    """

    def __init__(self, key: str, message: str, suggestion: str = "", *, reason: str = "out_of_range") -> None:
        super().__init__(message, reason=reason, path=key, suggestion=suggestion)


class HostError(Error):
    """The host answered a call with an error."""


class Interrupted(Error):
    """What a long method raises when it stopped at a safe point because
    ``context.stopping`` was set, and saved what it had."""

    def __init__(self) -> None:
        super().__init__("interrupted", reason="interrupted",
                         suggestion="run again with --resume to go on where it stopped")


class ProtocolError(Error):
    """The other side does not keep to the protocol."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="plugin_protocol")


class Cancelled(BaseException):
    """The host gave the call up. It is no ``Exception``, so that ``except
    Exception`` in a plugin does not swallow it."""
