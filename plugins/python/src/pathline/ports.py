"""What arrives at the inputs of a stage: rows, paths, couplings, models, solvers
and flows of the host, as ordinary objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .columns import Column, columns_of, numbers_of
from .errors import Error, ProtocolError
from .kinds import runge_kutta
from .kinds.field import HostField
from .kinds.path import NAMES
from .kinds.solver import Solution, Tableau
from .kinds.stage import Opening, one_batch
from .random import Key
from .wire import batch as batches
from .wire import plugin_pb2 as pb
from .wire import schema as schemas
from .wire.session import Message

__all__ = ["Coupling", "ExactModel", "Flow", "Model", "Network", "Path", "Rows", "Solver", "read_ports"]


class Rows:
    """A table of the host. Iterating gives its record batches, as often as wanted;
    they are fetched as they are taken."""

    def __init__(self, read: Callable[[], Iterator[pa.RecordBatch]], schema: pa.Schema, count: int = -1) -> None:
        self._read = read
        self.schema = schema
        self.count = count  # -1 when only reading would tell
        self.splits: dict[str, Rows] = {}  # by name, where the producer has some and the pipeline names none

    @classmethod
    def of(cls, source: Any) -> "Rows":
        """Rows of a table, of batches or of columns by name, for tests."""
        if isinstance(source, Mapping):
            source = pa.Table.from_batches([batches.make(**{k: np.asarray(v) for k, v in source.items()})])
        if isinstance(source, pa.RecordBatch):
            source = pa.Table.from_batches([source])
        return cls(lambda: iter(source.to_batches()), source.schema, source.num_rows)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for b in self._read():
            # The batch gets the schema that was agreed, with all that it says.
            yield pa.RecordBatch.from_arrays(b.columns, schema=self.schema) if b.num_columns else b

    @property
    def columns(self) -> list[Column]:
        """The columns, all of numbers."""
        return columns_of(self.schema)

    def table(self) -> pa.Table:
        """All rows at once."""
        return pa.Table.from_batches(list(self), self.schema)

    def numbers(self) -> Iterator[np.ndarray]:
        """[rows, dims] in float64, batch by batch: every column of numbers, vectors
        side by side."""
        columns, first = self.columns, 0
        for b in self:
            yield numbers_of(b, columns, first)
            first += b.num_rows

    def array(self) -> np.ndarray:
        """All numbers at once, [rows, dims] in float64."""
        parts = list(self.numbers())
        return np.concatenate(parts) if parts else np.zeros((0, sum(c.dims for c in self.columns)))


class Path:
    """A path of the host."""

    def __init__(self, ask: Callable[[np.ndarray], Mapping[str, np.ndarray]], facts: Mapping[str, Any],
                 curve: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None) -> None:
        self._ask = ask
        self._curve = curve  # of a path that is not affine
        self.domain = (float(facts.get("lo", 0)), float(facts.get("hi", 1)))
        self.use = str(facts.get("use", ""))
        self.config = facts.get("config") or {}
        self._base = facts.get("base_std")

    def coefficients(self, t: Any) -> dict[str, np.ndarray]:
        """alpha, sigma, gamma, dalpha, dsigma, dgamma at times t."""
        t = np.asarray(t, np.float64).reshape(-1)
        return dict(self._ask(t)) if len(t) else {n: t for n in NAMES}

    def sample(self, t: Any, x0: np.ndarray, x1: np.ndarray, noise: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """x_t = alpha x1 + sigma x0 and its derivative, for one t a row; a path with
        gamma needs noise. Of a path that is not affine, what it says itself."""
        t = np.broadcast_to(np.asarray(t, np.float64), (len(x1),))
        if self._curve is not None:
            return self._curve(t, np.asarray(x0, np.float32), np.asarray(x1, np.float32))
        c = {k: v[:, None] for k, v in self.coefficients(t).items()}
        xt, ut = c["alpha"] * x1 + c["sigma"] * x0, c["dalpha"] * x1 + c["dsigma"] * x0
        if noise is not None:
            xt, ut = xt + c["gamma"] * noise, ut + c["dgamma"] * noise
        elif c["gamma"].any():
            raise Error("the path adds noise of its own: give noise", reason="conflict")
        return xt.astype(x1.dtype), ut.astype(x1.dtype)

    @property
    def base_std(self) -> float:
        """The standard deviation of x at t = 0."""
        if self._base is not None:
            return float(self._base)
        if self._curve is not None:
            return 1.0
        c = self.coefficients([self.domain[0]])
        return float(np.hypot(c["sigma"][0], c["gamma"][0]))


class Coupling:
    """A coupling of the host."""

    def __init__(self, ask: Callable[[np.ndarray, np.ndarray], np.ndarray] | None) -> None:
        self._ask = ask  # None: independent

    def pair(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        """For every row of x1 the row of x0 that goes with it."""
        if self._ask is None or len(x1) == 0:
            return np.arange(len(x1), dtype=np.int32)
        return self._ask(np.asarray(x0, np.float32), np.asarray(x1, np.float32))


class Solver:
    """A solver of the host. A Runge-Kutta method is data and runs here; another
    runs in the host and calls the field."""

    def __init__(self, facts: Mapping[str, Any], opening: Opening | None = None, target: str = "") -> None:
        self.tableau: Tableau | None = None
        self.options: dict[str, Any] = dict(facts.get("options") or {})
        if facts.get("tableau"):
            f = facts["tableau"]
            self.tableau = Tableau(f["c"], f["a"], f["b"], f["order"], f.get("b_err"), f.get("embedded_order", 0), f.get("name", ""))
        self._opening, self._target = opening, target

    def solve(self, field: Callable[[Any, np.ndarray], np.ndarray], x: np.ndarray, t0: float, t1: float) -> Solution:
        """Move x [rows, dim] along the field from t0 to t1."""
        x = np.asarray(x)
        if self.tableau is not None:
            return runge_kutta.solve(self.tableau, self.options, field, x, t0, t1)
        if len(x) == 0:
            return Solution(x)
        assert self._opening is not None
        x = x if x.dtype == np.float64 else x.astype(np.float32)

        def answer(method: str, m: Message) -> Message:
            if method != "eval":
                raise ProtocolError(f"a field has no method {method!r}")
            b = one_batch(m)
            y = batches.column(b, "x")
            return Message(batches=[batches.make(v=np.asarray(field(batches.column(b, "t"), y), y.dtype))])

        target = self._opening.offer("field", answer)
        try:
            out = one_batch(self._opening.session.call(
                self._target, "solve", {"field": target, "t0": t0, "t1": t1, "dim": x.shape[1], "quads": 0, "first": 0,
                                        "float64": x.dtype == np.float64}, batches.make(x=x)))
        finally:
            self._opening.withdraw(target)
        return Solution(*(batches.column(out, n) for n in ("x", "status", "evaluations", "accepted", "rejected")))


class Network:
    """A network of the host, or of another plugin, whose weights are kept here:
    a mapping of names to float32 arrays."""

    def __init__(self, opening: Opening, target: str, dim: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.dim = dim
        self.shapes = dict(shapes)
        self.weights: dict[str, np.ndarray] = {}
        self._session, self._target = opening.session, target
        self._field = HostField(opening.session, target, dim=dim)

    def _split(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        out, at = {}, 0
        for name, shape in self.shapes.items():
            n = int(np.prod(shape))
            out[name] = flat[at:at + n].reshape(shape).copy()
            at += n
        return out

    def init(self, key: Key) -> dict[str, np.ndarray]:
        """Draw the weights anew; gives them."""
        out = one_batch(self._session.call(self._target, "init", {"key": str(key.value)}))
        self.weights = self._split(batches.column(out, "w"))
        return self.weights

    def write(self, weights: Mapping[str, np.ndarray]) -> None:
        """Set the weights."""
        self.weights = {n: np.asarray(weights[n], np.float32).reshape(s) for n, s in self.shapes.items()}
        flat = np.concatenate([w.reshape(-1) for w in self.weights.values()])
        self._session.call(self._target, "write", None, batches.make(w=flat))

    def __call__(self, t: Any, x: np.ndarray) -> np.ndarray:
        """v(t, x)."""
        return self._field(t, np.asarray(x, np.float32))

    def divergence(self, t: Any, x: np.ndarray, probe: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """v and its divergence; see HostField.divergence."""
        return self._field.divergence(t, x, probe)

    def gradient(self, t: Any, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, dict[str, np.ndarray]]:
        """The loss sum_r weight_r |v_r - target_r|^2 and its gradient."""
        x = np.asarray(x, np.float32)
        columns = {"t": np.broadcast_to(np.asarray(t, np.float64), (len(x),)), "x": x, "target": np.asarray(target, np.float32)}
        if weight is not None:
            columns["weight"] = np.asarray(weight, np.float32)
        out = self._session.call(self._target, "gradient", {"loss": False, "zero": True, "weight": weight is not None}, batches.make(**columns)).batches
        if len(out) != 2:
            raise ProtocolError(f"{len(out)} batches came where 2 are due")
        return float(batches.column(out[0], "loss")[0]), self._split(batches.column(out[1], "grad"))


class Model:
    """A model of the host that is trained: a network once its width is known."""

    def __init__(self, opening: Opening, target: str, facts: Mapping[str, Any]) -> None:
        self.use = str(facts.get("use", ""))
        self.config = facts.get("config") or {}
        self._opening, self._target = opening, target

    def build(self, dim: int) -> Network:
        """The network for rows of dim columns."""
        got = self._opening.session.call(self._target, "build", {"dim": dim}).values
        return Network(self._opening, got["target"], dim, {t["name"]: tuple(t["shape"]) for t in got["tensors"]})


class ExactModel:
    """A model of the host in closed form, in float64."""

    def __init__(self, opening: Opening, target: str, facts: Mapping[str, Any]) -> None:
        self.dim = int(facts["dim"])
        self.columns = list(facts["columns"])
        self._session, self._target = opening.session, target
        self._field = HostField(opening.session, target, dim=self.dim, dtype=np.float64)

    def __call__(self, t: Any, x: np.ndarray) -> np.ndarray:
        """v(t, x)."""
        return self._field(t, x)

    def divergence(self, t: Any, x: np.ndarray, probe: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """v and its divergence; see HostField.divergence."""
        return self._field.divergence(t, x, probe)

    def sample(self, key: Key, first: int, rows: int) -> np.ndarray:
        """Draws of x at t = 0, of rows first, first+1, ..."""
        out = self._session.call(self._target, "sample", {"key": str(key.value), "first": first, "rows": rows})
        return batches.column(one_batch(out), "x")

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """The log-density of x at t = 0, in nats."""
        out = self._session.call(self._target, "log_prob", None, batches.make(x=np.asarray(x, np.float64)))
        return batches.column(one_batch(out), "log_prob")


class Fitted:
    """A fitted transform of the host, in float64."""

    def __init__(self, opening: Opening, target: str) -> None:
        self._session, self._target = opening.session, target

    def apply(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Data to model space, with the log-determinant of every row; first is the
        number of the first row in its table, where a transform's noise comes from."""
        b = one_batch(self._session.call(self._target, "apply", {"first": int(first)}, batches.make(x=np.asarray(x, np.float64))))
        return batches.column(b, "z"), batches.column(b, "logdet")

    def invert(self, z: np.ndarray) -> np.ndarray:
        """Model space to data."""
        return batches.column(one_batch(self._session.call(self._target, "invert", None, batches.make(z=np.asarray(z, np.float64)))), "x")


@dataclass
class Flow:
    """A flow that arrived at a port: a file, what is planned while a pipeline is
    checked, or an exact model."""

    file: str = ""
    planned: Mapping[str, Any] | None = None
    exact: ExactModel | None = None
    model: Model | None = None  # the network of the file, where the host lends it
    path: Path | None = None
    opening: Opening | None = None

    @property
    def description(self) -> dict[str, Any]:
        """The columns, transforms, path, model and dim of the flow."""
        if self.exact is not None:
            return {"version": 1, "columns": [{"name": n, "type": "float64"} for n in self.exact.columns], "transforms": [],
                    "dim": self.exact.dim, "target": "velocity", "base_std": 1.0, "model": {"use": ""}, "path": {"use": ""}}
        if self.planned is not None:
            return dict(self.planned)
        from .flow import read

        return read(self.file)[0]

    @property
    def columns(self) -> list[Column]:
        """The columns of the data that the flow models."""
        return [Column(c["name"], c["type"], c.get("width", 0)) for c in self.description["columns"]]

    def open(self) -> Any:
        """The flow, ready to sample and to score: a :class:`pathline.flow.Trained`,
        or the exact model in the same clothes."""
        from .flow import Exact, Trained

        if self.exact is not None:
            return Exact(self.exact)
        return Trained.open(self.file, network=self.model, path=self.path, transform=self._transform)

    def _transform(self, i: int, dim: int) -> Any:
        """The i-th transform, where the host makes it again."""
        listed = (self.planned or {}).get("transforms") or []
        target = listed[i].get("target") if i < len(listed) else None
        if not target or self.opening is None:
            return None
        got = self.opening.session.call(target, "fitted", {"state": listed[i]["state"], "dim": dim}).values
        return Fitted(self.opening, got["target"])


def read_ports(opening: Opening, ports: Mapping[str, pb.Port]) -> dict[str, Any]:
    """What arrived, by port."""
    return {name: _port(opening, p) for name, p in ports.items()}


def _port(opening: Opening, p: pb.Port) -> Any:
    if p.HasField("flow"):
        f = p.flow
        return Flow(f.file, json.loads(f.planned) if f.planned else None,
                    service(opening, f.exact) if f.HasField("exact") else None,
                    service(opening, f.model) if f.HasField("model") else None,
                    service(opening, f.path) if f.HasField("path") else None, opening)
    if p.HasField("service"):
        return service(opening, p.service)
    splits = {name: rows_of(opening, r) for name, r in p.splits.items()}
    if not p.HasField("rows") and not splits:
        return None
    rows = rows_of(opening, p.rows) if p.HasField("rows") else splits.get("") or next(iter(splits.values()))
    rows.splits = splits
    return rows


def rows_of(opening: Opening, r: pb.Rows) -> Rows:
    """Rows of the other side."""
    return Rows(lambda: opening.session.read(r.target), schemas.from_proto(r.schema), max(r.count, -1))


def service(opening: Opening, s: pb.Service) -> Any:
    """A stand-in for a service of the other side."""
    facts = json.loads(s.facts) if s.facts else {}
    if s.kind == "path":
        def coefficients(t: np.ndarray) -> dict[str, np.ndarray]:
            b = one_batch(opening.session.call(s.target, "coefficients", None, batches.make(t=t)))
            return {n: batches.column(b, n) for n in NAMES}

        def curve(t: np.ndarray, x0: np.ndarray, x1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            b = one_batch(opening.session.call(s.target, "sample", {"dim": x1.shape[1]}, batches.make(t=t, x0=x0, x1=x1)))
            return batches.column(b, "xt"), batches.column(b, "ut")

        return Path(coefficients, facts, curve if facts.get("form") == "sample" else None)
    if s.kind == "coupling":
        def pair(x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
            out = opening.session.call(s.target, "pair", {"dim": x1.shape[1]}, batches.make(x0=x0, x1=x1))
            return batches.column(one_batch(out), "index")

        return Coupling(None if facts.get("independent") else pair)
    if s.kind == "solver":
        return Solver(facts, opening, s.target)
    if s.kind == "model":
        return (ExactModel if facts.get("form") == "exact" else Model)(opening, s.target, facts)
    raise Error(f"a service of kind {s.kind!r} is not known here", reason="wrong_port")


def as_batches(source: Any, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of what an author's method gave: a table, a batch, columns by name,
    or an iterator of those."""
    if isinstance(source, pa.Table):
        items: Any = source.to_batches()
    elif isinstance(source, (pa.RecordBatch, Mapping)):
        items = [source]
    else:
        items = source
    for item in items:
        if isinstance(item, Mapping):
            item = _columns(item, schema)
        for b in item.to_batches() if isinstance(item, pa.Table) else [item]:
            if not isinstance(b, pa.RecordBatch):
                raise Error(f"a {type(b).__name__} came where a record batch is due")
            if schema is not None and b.schema != schema:
                b = _cast(b, schema)
            if b.num_rows:
                yield b


def _columns(item: Mapping[str, Any], schema: pa.Schema | None) -> pa.RecordBatch:
    if schema is None:
        return batches.make(**{k: np.asarray(v) for k, v in item.items()})
    if missing := [n for n in schema.names if n not in item]:
        raise Error(f"a batch has no column {missing[0]!r}", reason="unknown_column")
    arrays = []
    for f in schema:
        v = item[f.name]
        if pa.types.is_fixed_size_list(f.type) and isinstance(v, np.ndarray):
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(v).reshape(-1), f.type.value_type), type=f.type))
        else:
            arrays.append(v if isinstance(v, pa.Array) else pa.array(v, f.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(b: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if b.schema.names != schema.names:
        raise Error(f"a batch has the columns {', '.join(b.schema.names)} where {', '.join(schema.names)} are due", reason="column_type")
    try:
        return pa.RecordBatch.from_arrays([c.cast(f.type) for c, f in zip(b.columns, schema)], schema=schema)
    except pa.ArrowException as e:
        raise Error(f"a batch does not fit the schema: {e}", reason="column_type") from None


def offer_rows(opening: Opening, read: Callable[[], Any], schema: pa.Schema, count: int = -1) -> pb.Rows:
    """Rows for the other side."""
    def answer(method: str, m: Message) -> Message:
        if method != "read":
            raise ProtocolError(f"a table has no method {method!r}")
        return Message(rows=lambda: as_batches(read(), schema))

    try:
        described = schemas.to_proto(schema)
    except TypeError as e:
        raise Error(str(e), reason="column_type") from None
    return pb.Rows(target=opening.offer("rows", answer), schema=described, count=count)


def names_of(values: Sequence[Any]) -> str:
    """A list for a message."""
    return ", ".join(map(str, values)) or "none"
