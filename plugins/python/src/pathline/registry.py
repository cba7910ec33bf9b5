"""What a plugin offers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from . import config

if TYPE_CHECKING:
    from .kinds.stage import Kind

__all__ = ["Implementation", "Registry", "default", "register"]

C = TypeVar("C", bound=type)


@dataclass
class Implementation:
    """One way to be a kind of stage: a class whose instances are configured."""

    kind: "Kind"
    name: str
    cls: type
    doc: str = ""
    version: str = ""
    example: str = ""
    capabilities: list[str] = field(default_factory=list)
    schema: bytes = b""

    def configured(self, with_: Any = b"{}") -> Any:
        """An instance of a configuration; what is wrong is a ConfigError."""
        made = config.from_json(self.cls, with_)
        check = getattr(made, "validate", None)
        if callable(check):
            check()
        return made


class Registry:
    """The implementations of one plugin."""

    def __init__(self) -> None:
        self.implementations: dict[tuple[str, str], Implementation] = {}

    def add(self, implementation: Implementation) -> None:
        """Add one; two of the same kind and name are a mistake."""
        at = (implementation.kind.name, implementation.name)
        if at in self.implementations:
            raise ValueError(f"there are two implementations of {at[0]} {at[1]!r}")
        self.implementations[at] = implementation

    def find(self, kind: str, name: str) -> Implementation | None:
        """The implementation of this kind and name."""
        return self.implementations.get((kind, name))


default = Registry()
"""Where the decorators register."""


def register(kind: "Kind", name: str, *, version: str = "", example: str = "", stateless: bool = False,
             registry: Registry | None = None) -> Callable[[C], C]:
    """The decorator of a kind. What is ``stateless`` answers every call by its
    arguments alone: should its process die, the host starts it again, once, and
    repeats the call."""
    if not isinstance(name, str) or not name or set(name) & set("/ \n"):
        raise ValueError(f"{name!r} is no name: a name is a word without spaces and slashes, as in @pathline.{kind.name}(\"sine\")")

    def decorate(cls: C) -> C:
        if not isinstance(cls, type):
            raise TypeError(f"@pathline.{kind.name}(...) decorates a class")
        doc = inspect.getdoc(cls) if cls.__doc__ else ""  # before a dataclass writes its own
        made = config.as_dataclass(cls)
        kind.check_class(made)
        schema = config.schema_of(made)
        capabilities = list(kind.capabilities(made))
        if stateless:
            capabilities.append("stateless")
        (registry or default).add(Implementation(
            kind, name, made, (doc or "").split("\n\n")[0].replace("\n", " "), version, example,
            capabilities, json.dumps(schema, allow_nan=False).encode()))
        return made  # type: ignore[return-value]

    return decorate
