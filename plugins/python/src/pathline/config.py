"""Configurations: dataclasses to JSON Schema, and JSON to dataclasses.

The schema is the part of JSON Schema that the host reads; it checks a
configuration against it before the plugin is asked, and fills in the defaults.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import functools
import inspect
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union

from .errors import ConfigError, Diagnostic, Error

__all__ = ["Bounds", "Doc", "as_dataclass", "field", "from_json", "schema_of", "to_json"]


@dataclass(frozen=True)
class Bounds:
    """Bounds of a number, or of the elements of a list, in ``Annotated``::

        beta: Annotated[float, pathline.Bounds(above=0)] = 1.0
    """

    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None

    def refuse(self, value: float) -> str:
        """Why the value is not allowed, or nothing."""
        if isinstance(value, float) and math.isnan(value):
            return "is not a number"
        if self.min is not None and not value >= self.min:
            return f"{value} is below {self.min:g}"
        if self.max is not None and not value <= self.max:
            return f"{value} is above {self.max:g}"
        if self.above is not None and not value > self.above:
            return f"{value} is not above {self.above:g}"
        if self.below is not None and not value < self.below:
            return f"{value} is not below {self.below:g}"
        return ""


@dataclass(frozen=True)
class Doc:
    """What a key is for, in ``Annotated``; a plain string does the same."""

    text: str


def field(default: Any = dataclasses.MISSING, *, doc: str = "", min: float | None = None, max: float | None = None,
          above: float | None = None, below: float | None = None) -> Any:
    """A key with a description and bounds, where ``Annotated`` is too long::

        steps: int = pathline.field(100, doc="equal steps", min=1)
    """
    metadata = {"pathline": (Doc(doc), Bounds(min, max, above, below))}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    if _mutable(default):
        return dataclasses.field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _mutable(value: Any) -> bool:
    return isinstance(value, (list, dict, set)) or dataclasses.is_dataclass(value)


def as_dataclass(cls: type) -> type:
    """The class itself when it is a dataclass, else made one, with lists and
    nested configurations allowed as defaults."""
    if "__dataclass_fields__" in cls.__dict__:
        return cls
    for name in inspect.get_annotations(cls):
        value = cls.__dict__.get(name)
        if _mutable(value):
            setattr(cls, name, dataclasses.field(default_factory=functools.partial(copy.deepcopy, value)))
    return dataclass(cls)


@dataclass
class _Key:
    """One key of a configuration."""

    name: str
    type: Any
    doc: str
    bounds: Bounds | None
    field: dataclasses.Field[Any]

    @property
    def required(self) -> bool:
        return self.field.default is dataclasses.MISSING and self.field.default_factory is dataclasses.MISSING

    def default(self) -> Any:
        if self.field.default_factory is not dataclasses.MISSING:
            return self.field.default_factory()
        return self.field.default


def _keys(cls: type) -> list[_Key]:
    hints = typing.get_type_hints(cls, include_extras=True)
    keys = []
    for f in dataclasses.fields(cls):
        if not f.init or f.name.startswith("_"):
            continue
        kind, doc, bounds = _unwrap(hints[f.name])
        for extra in f.metadata.get("pathline", ()):
            if isinstance(extra, Doc):
                doc = extra.text or doc
            elif extra != Bounds():
                bounds = extra
        keys.append(_Key(f.name, kind, doc, bounds, f))
    return keys


def _unwrap(hint: Any) -> tuple[Any, str, Bounds | None]:
    """The type of an ``Annotated`` with its description and bounds."""
    doc, bounds = "", None
    if typing.get_origin(hint) is typing.Annotated:
        hint, *extras = typing.get_args(hint)
        for extra in extras:
            if isinstance(extra, str):
                doc = extra
            elif isinstance(extra, Doc):
                doc = extra.text
            elif isinstance(extra, Bounds):
                bounds = extra
    return hint, doc, bounds


def _optional(hint: Any) -> tuple[Any, bool]:
    """The type inside of ``Optional``."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        if len(inner) == 1 and len(inner) < len(typing.get_args(hint)):
            return inner[0], True
        raise TypeError(f"{hint} is a choice of several types, which a configuration cannot have")
    return hint, False


_SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def schema_of(cls: type) -> dict[str, Any]:
    """The JSON Schema of a configuration class."""
    properties, required = {}, []
    for key in _keys(cls):
        try:
            s = _schema(key.type, key.bounds)
        except TypeError as e:
            raise TypeError(f"{cls.__name__}.{key.name}: {e}") from None
        if key.doc:
            s["description"] = key.doc
        if key.required:
            if not _optional(key.type)[1]:
                required.append(key.name)
        else:
            default = key.default()
            if dataclasses.is_dataclass(default):
                # The keys inside have the defaults of this value.
                for name, value in to_json(default).items():
                    if value is not None:
                        s["properties"][name]["default"] = value
                s["default"] = {}
            elif default is not None:
                s["default"] = to_json(default)
        properties[key.name] = s
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False,
                           "x-order": list(properties)}
    if required:
        out["required"] = required
    return out


def _schema(hint: Any, bounds: Bounds | None) -> dict[str, Any]:
    hint, doc, inner = _unwrap(hint)
    bounds = inner or bounds
    hint, _ = _optional(hint)
    hint, more, inner = _unwrap(hint)
    bounds, doc = inner or bounds, more or doc
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        kinds = {type(a) for a in args}
        if len(kinds) != 1 or next(iter(kinds)) not in (str, int):
            raise TypeError("the words of a Literal are all texts or all whole numbers")
        out: dict[str, Any] = {"type": _SCALARS[next(iter(kinds))], "enum": list(args)}
    elif hint in _SCALARS:
        out = {"type": _SCALARS[hint]}
        if bounds is not None and hint in (int, float):
            names = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}
            out |= {name: getattr(bounds, attr) for attr, name in names.items() if getattr(bounds, attr) is not None}
    elif hint in (list, tuple) or hint is dict or hint is Any:
        out = {} if hint is Any else {"type": "array", "items": {}} if hint is not dict else {
            "type": "object", "additionalProperties": {}}
    elif origin in (list, tuple) or origin in (typing.get_origin(typing.Sequence[int]),):
        if origin is tuple and (len(args) != 2 or args[1] is not Ellipsis):
            raise TypeError("tuples are written tuple[T, ...]")
        out = {"type": "array", "items": _schema(args[0], bounds)}
    elif origin is dict:
        if args[0] is not str:
            raise TypeError("the keys of a mapping are texts")
        out = {"type": "object", "additionalProperties": _schema(args[1], bounds)}
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
        out = schema_of(hint)
    else:
        raise TypeError(f"a configuration cannot have the type {hint}")
    if doc:
        out["description"] = doc
    return out


def to_json(value: Any) -> Any:
    """A configuration as what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {k.name: to_json(getattr(value, k.name)) for k in _keys(type(value))}
    if isinstance(value, Mapping):
        return {k: to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"the default {value} is not finite")
    return value


def from_json(cls: type, config: bytes | str | Mapping[str, Any]) -> Any:
    """An instance of a configuration class. What is wrong is a ConfigError of
    all that is wrong."""
    if not isinstance(config, Mapping):
        try:
            config = json.loads(config or "{}")
        except ValueError as e:
            raise ConfigError("", f"the configuration is not JSON: {e}", reason="syntax") from None
        if config is None:
            config = {}
        if not isinstance(config, dict):
            raise ConfigError("", "the configuration is not a mapping", reason="wrong_type")
    wrong: list[Diagnostic] = []
    made = _object(cls, config, "", wrong)
    if wrong:
        raise ConfigError.of(wrong)
    return made


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _object(cls: type, given: Mapping[str, Any], path: str, wrong: list[Diagnostic]) -> Any:
    keys = {k.name: k for k in _keys(cls)}
    before = len(wrong)
    for name in given:
        if name not in keys:
            near = difflib.get_close_matches(name, keys, 1)
            advice = f'did you mean "{near[0]}"?' if near else \
                f"the keys here are {', '.join(keys)}" if keys else "nothing is configured here"
            wrong.append(Diagnostic("unknown_key", f'unknown key "{name}"', _join(path, name), advice))
    values: dict[str, Any] = {}
    for name, key in keys.items():
        value = given.get(name)
        if value is None:
            if key.required and not _optional(key.type)[1]:
                wrong.append(Diagnostic("missing_key", f'the key "{name}" is missing', path, key.doc and f"{name}: {key.doc}"))
            elif key.required:
                values[name] = None
            continue
        default = None if key.required else key.default()
        if dataclasses.is_dataclass(default) and isinstance(value, Mapping):
            # What is left out keeps the default of the outer key.
            value = {**{k: v for k, v in to_json(default).items() if v is not None}, **value}
        values[name] = _value(key.type, key.bounds, value, _join(path, name), wrong)
    if len(wrong) > before:
        return None
    try:
        return cls(**values)
    except Error as e:
        for d in e.diagnostics:
            wrong.append(dataclasses.replace(d, path=_join(path, d.path) if d.path else path))
    except (ValueError, TypeError, ArithmeticError) as e:
        wrong.append(Diagnostic("out_of_range", str(e) or type(e).__name__, path))
    return None


def _value(hint: Any, bounds: Bounds | None, value: Any, path: str, wrong: list[Diagnostic]) -> Any:
    hint, _, inner = _unwrap(hint)
    bounds = inner or bounds
    hint, optional = _optional(hint)
    hint, _, inner = _unwrap(hint)
    bounds = inner or bounds
    origin, args = typing.get_origin(hint), typing.get_args(hint)

    def refuse(reason: str, message: str) -> None:
        wrong.append(Diagnostic(reason, message, path))

    if value is None and optional:
        return None
    if origin is Literal:
        if value not in args:
            near = difflib.get_close_matches(str(value), [str(a) for a in args], 1)
            refuse("unknown_value", f'there is no "{value}"; there are {", ".join(map(str, args))}')
            wrong[-1].suggestion = f'did you mean "{near[0]}"?' if near else ""
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if hint in _SCALARS:
        if type(value) is not hint:
            refuse("wrong_type", f"takes {_NOUNS[hint]}, not {json.dumps(value, default=str)}")
        elif bounds is not None and hint in (int, float) and (why := bounds.refuse(value)):
            refuse("out_of_range", why)
        return value
    if hint is Any:
        return value
    if hint is dict or origin is dict:
        if not isinstance(value, Mapping):
            return refuse("wrong_type", "takes a mapping")
        return {k: _value(args[1] if args else Any, bounds, v, _join(path, k), wrong) for k, v in value.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            return refuse("wrong_type", "takes a mapping")
        return _object(hint, value, path, wrong)
    if not isinstance(value, (list, tuple)):
        return refuse("wrong_type", "takes a list")
    made = [_value(args[0] if args else Any, bounds, v, f"{path}[{i}]", wrong) for i, v in enumerate(value)]
    return tuple(made) if hint is tuple or origin is tuple else made


_NOUNS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
