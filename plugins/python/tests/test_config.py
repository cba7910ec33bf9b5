"""Configurations: the schema that the host gets, and what a class makes of JSON."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Annotated, Literal, Optional

import pytest

import pathline
from pathline import config


@dataclass
class Time:
    use: Literal["fourier", "concat"] = "fourier"
    features: Annotated[int, "frequencies", pathline.Bounds(min=1)] = 32


@config.as_dataclass
class Everything:
    path: str
    hidden: Annotated[list[int], "widths", pathline.Bounds(min=1, max=100)] = [128, 128]
    rate: Annotated[float, pathline.Bounds(above=0)] = 1e-3
    on: bool = True
    limit: Optional[int] = None
    grid: list[float] | None = None
    time: Time = Time(features=7)
    names: dict[str, float] = {}
    steps: int = pathline.field(10, doc="equal steps", min=1)
    _private: int = 3


SCHEMA = config.schema_of(Everything)


def test_schema_says_type_default_bounds_and_description():
    p = SCHEMA["properties"]
    assert SCHEMA["required"] == ["path"] and SCHEMA["additionalProperties"] is False
    assert SCHEMA["x-order"] == list(p) == ["path", "hidden", "rate", "on", "limit", "grid", "time", "names", "steps"]
    assert p["path"] == {"type": "string"}
    assert p["hidden"] == {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 100}, "default": [128, 128],
                           "description": "widths"}
    assert p["rate"] == {"type": "number", "exclusiveMinimum": 0, "default": 1e-3}
    assert p["on"] == {"type": "boolean", "default": True}
    assert p["limit"] == {"type": "integer"}
    assert p["grid"] == {"type": "array", "items": {"type": "number"}}
    assert p["time"]["default"] == {} and p["time"]["properties"]["features"]["default"] == 7
    assert p["time"]["properties"]["use"] == {"type": "string", "enum": ["fourier", "concat"], "default": "fourier"}
    assert p["names"] == {"type": "object", "additionalProperties": {"type": "number"}, "default": {}}
    assert p["steps"] == {"type": "integer", "minimum": 1, "default": 10, "description": "equal steps"}
    json.dumps(SCHEMA, allow_nan=False)


def test_instances_have_defaults_of_their_own():
    a, b = config.from_json(Everything, {"path": "x"}), config.from_json(Everything, b'{"path": "x"}')
    assert a == b and a.time == Time(features=7) and a.hidden == [128, 128] and a.limit is None and a._private == 3
    a.hidden.append(1)
    assert b.hidden == [128, 128] and config.from_json(Everything, {"path": "x"}).hidden == [128, 128]


def test_what_is_given_comes_in_its_type():
    c = config.from_json(Everything, json.dumps({"path": "x", "rate": 1, "steps": 3.0, "time": {"use": "concat"}, "grid": [0, 1], "names": {"a": 2}}))
    assert c.rate == 1.0 and type(c.rate) is float and c.steps == 3 and type(c.steps) is int
    assert c.time == Time("concat", 7) and c.grid == [0.0, 1.0] and c.names == {"a": 2.0}


@pytest.mark.parametrize(("given", "path", "reason", "says"), [
    ({}, "", "missing_key", "path"),
    ({"path": 3}, "path", "wrong_type", "a text, not 3"),
    ({"path": "x", "raet": 1}, "raet", "unknown_key", "raet"),
    ({"path": "x", "rate": 0}, "rate", "out_of_range", "0.0 is not above 0"),
    ({"path": "x", "rate": True}, "rate", "wrong_type", "a number, not true"),
    ({"path": "x", "hidden": [4, 0]}, "hidden[1]", "out_of_range", "0 is below 1"),
    ({"path": "x", "hidden": 4}, "hidden", "wrong_type", "a list"),
    ({"path": "x", "hidden": [101]}, "hidden[0]", "out_of_range", "above 100"),
    ({"path": "x", "time": {"use": "furier"}}, "time.use", "unknown_value", "fourier, concat"),
    ({"path": "x", "time": {"features": 0}}, "time.features", "out_of_range", "below 1"),
    ({"path": "x", "time": 1}, "time", "wrong_type", "a mapping"),
    ({"path": "x", "steps": 1.5}, "steps", "wrong_type", "a whole number"),
    ({"path": "x", "names": {"a": "b"}}, "names.a", "wrong_type", "a number"),
    ("{", "", "syntax", "not JSON"),
    ("[]", "", "wrong_type", "not a mapping"),
])
def test_what_is_wrong_is_named(given, path, reason, says):
    with pytest.raises(pathline.ConfigError) as e:
        config.from_json(Everything, given)
    [d] = e.value.diagnostics
    assert (d.path, d.reason) == (path, reason) and says in d.message


def test_all_that_is_wrong_is_named_at_once_and_near_names_are_suggested():
    with pytest.raises(pathline.ConfigError) as e:
        config.from_json(Everything, {"path": "x", "raet": 1, "time": {"use": "furier", "features": 0}})
    assert [(d.path, d.suggestion) for d in e.value.diagnostics] == [
        ("raet", 'did you mean "rate"?'), ("time.use", 'did you mean "fourier"?'), ("time.features", "")]


def test_errors_of_the_author_get_the_place_of_their_configuration():
    @dataclass
    class Inner:
        a: int = 1

        def __post_init__(self):
            if self.a == 2:
                raise pathline.ConfigError("a", "two is taken", "take another")
            if self.a == 3:
                raise ValueError("not three")

    @config.as_dataclass
    class Outer:
        inner: Inner = dataclasses.field(default_factory=Inner)

    for a, path, says in ((2, "inner.a", "two is taken"), (3, "inner", "not three")):
        with pytest.raises(pathline.ConfigError) as e:
            config.from_json(Outer, {"inner": {"a": a}})
        [d] = e.value.diagnostics
        assert (d.path, d.message, d.reason) == (path, says, "out_of_range")


@pytest.mark.parametrize("hint", [complex, "int | str", "tuple[int, int]", "dict[int, str]", "Literal[1, 'a']", bytes])
def test_types_that_a_configuration_cannot_have_are_refused_when_the_class_is_made(hint):
    cls = type("C", (), {"__annotations__": {"key": hint}, "__module__": __name__})
    with pytest.raises(TypeError, match="C.key"):
        config.schema_of(config.as_dataclass(cls))
