"""Evaluators: how close two sets of rows are."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Error
from ..ports import Rows, read_ports
from ..registry import C, Registry, register
from ..wire import plugin_pb2 as pb
from .stage import Kind, Stage

__all__ = ["evaluator", "metrics_of"]


def metrics_of(got: Any) -> list[dict[str, Any]]:
    """The metrics of an evaluator as the report has them."""
    if isinstance(got, Mapping):
        got = [{"name": n, "value": v} for n, v in got.items()]
    out, names = [], set()
    for m in got:
        if not isinstance(m, Mapping) or "name" not in m or "value" not in m:
            raise Error("a metric is a mapping with name and value, and se and floor where they are known")
        if m["name"] in names:
            raise Error(f"there are two metrics {m['name']!r}")
        names.add(m["name"])
        row: dict[str, Any] = {"name": str(m["name"])}
        for key in ("value", "se", "floor"):
            v = m.get(key)
            row[key] = None if v is None or not math.isfinite(float(v)) else float(v)
        out.append(row)
    if not out:
        raise Error("evaluate() gave no metrics")
    return out


class EvaluatorStage(Stage):
    """Answers for an evaluator."""

    def _rows(self, ports: Mapping[str, pb.Port]) -> tuple[Rows, Rows]:
        p = read_ports(self.opening, ports)
        for port in ("data", "sample"):
            if not isinstance(p.get(port), Rows):
                raise Error(f"no rows are joined to the port {port}", reason="missing_port", path=f"from.{port}")
        return p["data"], p["sample"]

    def check(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        data, sample = self._rows(ports)
        if callable(getattr(self.instance, "check", None)):
            self.instance.check(data.schema, sample.schema)
        return pb.Outputs()

    def run(self, ports: Mapping[str, pb.Port]) -> pb.Outputs:
        metrics = metrics_of(self.instance.evaluate(*self._rows(ports)))
        c = self.opening.context
        name = f"{c.stage}.json"
        aside = os.path.join(c.out, name + ".partial")
        with open(aside, "w", encoding="utf-8") as f:
            json.dump({"metrics": metrics}, f, indent=2, allow_nan=False)
            f.write("\n")
        os.replace(aside, os.path.join(c.out, name))
        # NaN is written for what is not known, as the host's own report does.
        return pb.Outputs(files=[name], metrics={m["name"]: m["value"] for m in metrics if m["value"] is not None})


KIND = Kind("evaluator", EvaluatorStage, "evaluate")


def evaluator(name: str, *, version: str = "", example: str = "", registry: Registry | None = None) -> Callable[[C], C]:
    """A comparison of two sets of rows.

    The class has ``evaluate(self, data, sample)`` and gives a mapping of metrics to
    values, or a list of mappings with name, value, se (its standard error) and floor
    (its value between two halves of the data). Rows are iterable; ``data.array()``
    is all of them as float64 [rows, dim].
    """
    return register(KIND, name, version=version, example=example, registry=registry)
