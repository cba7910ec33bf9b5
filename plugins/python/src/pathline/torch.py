"""PyTorch: models whose field is a torch.nn.Module, and trained flows as modules.

Importing this module loads torch; the rest of the package does not.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import Error
from .flow import Trained
from .networks import NETWORKS
from .random import Key

try:
    import torch
    from torch import nn
except ImportError as e:
    raise Error("PyTorch is not installed", reason="environment",
                suggestion="install it into the environment of this program, as in pip install pathline[torch]") from e

__all__ = ["FlowModule", "TorchNetwork", "best_device"]


def best_device() -> torch.device:
    """A GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class TorchNetwork:
    """A model whose class has ``module(self, dim)``: the host owns weights and
    optimiser, the module gives values, divergences and gradients. It runs on the
    GPU when there is one, or where the class's ``device`` says."""

    def __init__(self, instance: Any, dim: int) -> None:
        self.instance, self.dim = instance, dim
        wanted = getattr(instance, "device", "") or ""
        self.device = best_device() if wanted in ("", "auto") else torch.device(wanted)
        self.module = self._made()
        self.shapes = {n: tuple(p.shape) or (1,) for n, p in self.module.named_parameters()}
        if not self.shapes:
            raise Error("module() gave a module without parameters")
        for n, p in self.module.named_parameters():
            if p.dtype != torch.float32:
                raise Error(f"parameter {n!r} is of {p.dtype}, not of torch.float32")
        self.size = sum(math.prod(s) for s in self.shapes.values())
        self._lock = threading.Lock()  # modules need not be safe for concurrent use

    def _made(self) -> nn.Module:
        m = self.instance.module(self.dim)
        if not isinstance(m, nn.Module):
            raise Error(f"module() gave a {type(m).__name__}, not a torch.nn.Module")
        return m.to(self.device).eval()

    def init(self, key: Key) -> np.ndarray:
        """Draw the weights anew: the module is made again, by torch's own rules."""
        with self._lock, torch.random.fork_rng(devices=[]):
            torch.manual_seed(key.value & 0x7FFFFFFFFFFFFFFF)
            made = self.instance.module(self.dim)  # on the CPU: the same numbers on every machine
            self.module.load_state_dict(made.state_dict())
            return self._flat(p.detach() for p in self.module.parameters())

    def _flat(self, tensors: Any) -> np.ndarray:
        return torch.cat([t.reshape(-1) for t in tensors]).cpu().numpy()

    def write(self, flat: np.ndarray) -> None:
        """Take all weights."""
        with self._lock, torch.no_grad():
            w = torch.from_numpy(flat.copy()).to(self.device)
            at = 0
            for p in self.module.parameters():
                p.copy_(w[at:at + p.numel()].view_as(p))
                at += p.numel()

    def _to(self, *arrays: np.ndarray) -> list[torch.Tensor]:
        # Arrays of the host cannot be written, which torch does not know.
        return [torch.tensor(a, dtype=torch.float32, device=self.device) for a in arrays]

    def _value(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        v = self.module(t, x)
        if v.shape != x.shape:
            raise Error(f"forward(t, x) gave a tensor of shape {list(v.shape)}, not {list(x.shape)}")
        return v

    def eval(self, t: np.ndarray, x: np.ndarray) -> np.ndarray:
        """v(t, x)."""
        with self._lock, torch.no_grad():
            return self._value(*self._to(t, x)).cpu().numpy()

    def divergence(self, t: np.ndarray, x: np.ndarray, probe: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """v and its divergence: dim products for the exact one, one for each probe."""
        with self._lock, torch.no_grad():
            tt, xx = self._to(t, x)
            if probe is None:
                v, div = _exact_divergence(lambda y: self._value(tt, y), xx)
                return v.cpu().numpy(), div.double().cpu().numpy()[:, None]
            out = []
            for z in probe:
                [zz] = self._to(z)
                v, jz = torch.func.jvp(lambda y: self._value(tt, y), (xx,), (zz,))
                out.append((zz.double() * jz.double()).sum(dim=1))
            return v.cpu().numpy(), torch.stack(out, dim=1).cpu().numpy()

    def gradient(self, t: np.ndarray, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None,
                 loss_only: bool) -> tuple[float, np.ndarray | None]:
        """The loss sum_r weight_r |v_r - target_r|^2 and its gradient."""
        with self._lock, torch.set_grad_enabled(not loss_only):
            tt, xx, uu = self._to(t, x, target)
            per_row = (self._value(tt, xx) - uu).square().sum(dim=1)
            if weight is not None:
                per_row = per_row * self._to(weight)[0]
            loss = float(per_row.detach().double().sum())
            if loss_only:
                return loss, None
            parameters = list(self.module.parameters())
            grads = torch.autograd.grad(per_row.sum(), parameters, allow_unused=True)
            return loss, self._flat(torch.zeros_like(p) if g is None else g for p, g in zip(parameters, grads))


def _exact_divergence(f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """f(x) and its divergence, one directional derivative for each column."""
    dim = x.shape[1]
    v, div = None, torch.zeros(len(x), device=x.device, dtype=x.dtype)
    for i in range(dim):
        e = torch.zeros_like(x)
        e[:, i] = 1
        v, je = torch.func.jvp(f, (x,), (e,))
        div = div + je[:, i]
    return v, div  # type: ignore[return-value]


class _TorchOps:
    """Arithmetic in torch, for the networks of the host."""

    def __init__(self, like: torch.Tensor) -> None:
        self._like = like

    cos, sin = staticmethod(torch.cos), staticmethod(torch.sin)
    linear = staticmethod(nn.functional.linear)

    def constant(self, v: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(v, dtype=self._like.dtype, device=self._like.device)

    @staticmethod
    def concat(parts: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(parts, dim=1)

    @staticmethod
    def layer_norm(x: torch.Tensor, eps: float) -> torch.Tensor:
        return nn.functional.layer_norm(x, x.shape[1:], eps=eps)

    @staticmethod
    def activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        return getattr(nn.functional, name)


class FlowModule(nn.Module):
    """A trained flow: ``flow(t, x)`` is its velocity in model space."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.flow = trained
        model = trained.description["model"]
        self._forward, self._with = NETWORKS[model["use"]], model["with"]
        for name, w in trained.tensors.items():
            # Names have dots, which parameters of one module cannot: nested modules
            # make state_dict read as the file does.
            *folders, last = name.split(".")
            at: nn.Module = self
            for folder in folders:
                if folder not in at._modules:
                    at.add_module(folder, nn.Module())
                at = at._modules[folder]  # type: ignore[assignment]
            at.register_parameter(last, nn.Parameter(torch.tensor(w)))

    def network(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What the network says: the velocity, or the data or noise that it
        predicts."""
        weights = dict(self.named_parameters())
        like = next(iter(weights.values()))
        t = torch.as_tensor(t, dtype=like.dtype, device=like.device)
        return self._forward(_TorchOps(like), self._with, weights, t.expand(len(x)), x)

    def forward(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The velocity at times t (a number, or one for each row) and rows x."""
        v = self.network(t, x)
        if self.flow.target == "velocity":
            return v
        times = torch.as_tensor(t, dtype=torch.float64).expand(len(x)).cpu().numpy()
        a, b = (torch.as_tensor(f, dtype=x.dtype, device=x.device)[:, None] for f in self.flow.factors(times))
        return a * x + b * v

    def divergence(self, t: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The velocity and its divergence, exact."""
        return _exact_divergence(lambda y: self(t, y), x)

    def numpy(self) -> Trained:
        """The same flow in numpy, with the weights as they are now."""
        names = self.flow.tensors
        now = {n: p.detach().cpu().numpy() for n, p in self.named_parameters()}
        return Trained(self.flow.description, {n: now[n] for n in names})

    @torch.no_grad()
    def sample(self, rows: int, *, seed: int = 0, steps: int = 100) -> torch.Tensor:
        """Rows of data, by steps of the classical Runge-Kutta method."""
        like = next(self.parameters())
        z = self.flow.base(Key.of(seed, "sample", "base"), 0, rows)
        y = self._solve(lambda t, y: self(t, y), torch.as_tensor(z, dtype=like.dtype, device=like.device), 0.0, 1.0, steps)
        return torch.as_tensor(self.flow.generate(y.double().cpu().numpy()))

    @torch.no_grad()
    def log_prob(self, x: Any, *, steps: int = 100) -> torch.Tensor:
        """The log-density of rows of data, in nats, with the exact divergence."""
        like = next(self.parameters())
        z, logdet = self.flow.normalize(np.asarray(x.cpu() if hasattr(x, "cpu") else x, np.float64))

        def field(t: Any, y: torch.Tensor) -> torch.Tensor:
            v, div = self.divergence(t, y[:, :-1])
            return torch.cat([v, div[:, None]], dim=1)

        start = torch.as_tensor(np.concatenate([z, np.zeros((len(z), 1))], axis=1), dtype=like.dtype, device=like.device)
        y = self._solve(field, start, 1.0, 0.0, steps).double().cpu().numpy()
        return torch.as_tensor(self.flow.base_log_prob(y[:, :-1]) + y[:, -1] + logdet)

    @staticmethod
    def _solve(f: Callable[[Any, torch.Tensor], torch.Tensor], y: torch.Tensor, t0: float, t1: float, steps: int) -> torch.Tensor:
        h = (t1 - t0) / steps
        for i in range(steps):
            t = t0 + i * h
            k1 = f(t, y)
            k2 = f(t + h / 2, y + h / 2 * k1)
            k3 = f(t + h / 2, y + h / 2 * k2)
            k4 = f(min(max(t + h, 0.0), 1.0), y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y
