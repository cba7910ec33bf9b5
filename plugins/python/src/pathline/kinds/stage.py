"""What all kinds have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..context import Context
from ..errors import Error, ProtocolError
from ..wire import plugin_pb2 as pb
from ..wire.session import Message, Session, _write_json

__all__ = ["Kind", "Opening", "Service", "Stage", "array", "one_batch"]

Object = Callable[[str, Message], Message]


class Opening:
    """An instance that is being opened, and its end of the session."""

    def __init__(self, use: str, config: bytes, context: Context) -> None:
        self.use = use
        self.config = config
        self.context = context
        self.session: Session  # set before the first call arrives
        self.objects: dict[str, Object] = {}
        self._next = 0

    def offer(self, what: str, answer: Object) -> str:
        """Name an object for the other side."""
        self._next += 1
        target = f"{what}/{self._next}"
        self.objects[target] = answer
        return target

    def withdraw(self, target: str) -> None:
        """Forget an object."""
        self.objects.pop(target, None)

    def handle(self, target: str, method: str, m: Message) -> Message:
        """Answer a call of the other side."""
        answer = self.objects.get(target)
        if answer is None:
            raise ProtocolError(f"there is no object {target!r} to {method}")
        return answer(method, m)


class Stage:
    """An instance: the object "" of a session."""

    def __init__(self, instance: Any, opening: Opening) -> None:
        self.instance = instance
        self.opening = opening

    def capabilities(self) -> list[str]:
        """Of the instance: fingerprint, restore."""
        return ["fingerprint"] if callable(getattr(self.instance, "fingerprint", None)) else []

    def answer(self, method: str, m: Message) -> Message:
        """The methods of an instance."""
        if method in ("check", "run", "restore"):
            do = getattr(self, method, None)
            if do is None:
                raise ProtocolError(f"a {type(self).__name__} has no method {method!r}")
            return Message(outputs=do({p.name: p for p in m.ports}))
        if method == "finish":
            return Message(outputs=self.finish())
        if method == "fingerprint":
            return Message(values=str(self.instance.fingerprint()))
        raise ProtocolError(f"a stage has no method {method!r}")

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        """What the stage would give."""
        raise NotImplementedError

    def run(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        """What the stage gives."""
        return self.check(ports)

    def finish(self) -> pb.Outputs:
        """Summary, metrics and report as they are now."""
        return pb.Outputs()


class Service(Stage):
    """A stage that gives an object which others call."""

    kind = ""

    def __init__(self, instance: Any, opening: Opening) -> None:
        super().__init__(instance, opening)
        self._target = ""

    def facts(self) -> dict[str, Any]:
        """What can be told once instead of being asked."""
        return {}

    def called(self) -> bool:
        """Whether there is anything to ask; else the facts are the service."""
        return True

    def call(self, method: str, m: Message) -> Message:
        """The methods of the service."""
        raise NotImplementedError

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        self.connect(ports)
        service = pb.Service(kind=self.kind, facts=_write_json(self.facts()))
        if self.called():
            self._target = self._target or self.opening.offer(self.kind, self.call)
            service.target = self._target
        return pb.Outputs(service=service)

    def connect(self, ports: Mapping[str, pb.Port]) -> None:
        """Take what arrives at the ports."""


class Kind:
    """A kind of stage: what its classes must have and what serves them."""

    def __init__(self, name: str, stage: type[Stage] | Callable[[Any, Opening], Stage], methods: str,
                 capabilities: Callable[[type], list[str]] = lambda cls: []) -> None:
        self.name = name
        self.stage = stage
        self.methods = methods  # "a | b c": one of a, or b and c
        self.capabilities = capabilities

    def check_class(self, cls: type) -> None:
        """Refuse a class that lacks what the kind calls."""
        ways = [w.split() for w in self.methods.split("|")]
        if not any(all(callable(getattr(cls, m, None)) for m in w) for w in ways):
            wanted = " or ".join(" and ".join(f"{m}()" for m in w) for w in ways)
            raise TypeError(f"{cls.__name__} is a {self.name} and has not got {wanted}")


def no_method(kind: str, method: str) -> ProtocolError:
    """A call that does not exist."""
    return ProtocolError(f"a {kind} has no method {method!r}")


def unsupported(instance: Any, method: str, what: str) -> Error:
    """A method that the author left out and that is needed now."""
    return Error(f"{type(instance).__name__} has no method {method}()", reason="conflict", suggestion=f"{what} needs it")


def one_batch(m: Message) -> Any:
    """The only batch of a message."""
    if len(m.batches) != 1:
        raise ProtocolError(f"{len(m.batches)} batches came where 1 is due")
    return m.batches[0]


def array(value: Any, shape: tuple[int, ...], dtype: Any, what: str) -> np.ndarray:
    """A result of the author's as an array of this shape: scalars are spread,
    other shapes are an error that says what came."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        a = np.asarray(value)
    except ValueError as e:
        raise Error(f"{what} is no array: {e}") from None
    if a.ndim == 0 and len(shape) == 1:
        a = np.broadcast_to(a, shape)
    if a.shape != shape:
        raise Error(f"{what} has shape {list(a.shape)}, not {list(shape)}")
    if a.dtype == dtype:
        return a
    if a.dtype.kind not in "fiub" or (np.dtype(dtype).kind in "iu" and a.dtype.kind == "f"):
        raise Error(f"{what} is of {a.dtype}, not of {np.dtype(dtype)}")
    return a.astype(dtype)
