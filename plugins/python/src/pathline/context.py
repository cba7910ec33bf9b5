"""What an instance gets from its surroundings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .random import Key

__all__ = ["Context"]


@dataclass
class Context:
    """The surroundings of an instance. A class that defines ``setup(self,
    context)`` gets it when the host opens the instance."""

    stage: str = ""  # its name in the pipeline file
    seed: int = 0  # of the pipeline
    dir: str = ""  # folder that input paths are relative to
    out: str = ""  # output folder; empty while the pipeline is checked
    state: str = ""  # private folder, kept between runs
    threads: int = 1
    memory: int = 0  # bytes that the stage may hold at a time
    resume: bool = False  # go on from what is in state
    key: str = ""  # identity of this piece of work
    log_level: str = "info"
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set at the first interrupt: stop at the next safe point, save, and raise
    ``pathline.Interrupted``."""
    emit: Callable[[dict[str, Any]], None] = lambda event: None
    """Report an event to the host, as a mapping."""

    def random(self, stream: str) -> Key:
        """The random numbers of this stage for one purpose."""
        return Key.of(self.seed, self.stage, stream)
