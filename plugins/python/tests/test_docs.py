"""The Python in the guides runs."""

import re
from pathlib import Path

import pytest

import pathline
from pathline import registry

ROOT = Path(__file__).parents[3]
PAGES = ["docs/plugins-python.md", "plugins/python/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_snippets_run(page, monkeypatch):
    monkeypatch.setattr(registry, "default", registry.Registry())
    monkeypatch.setattr(pathline, "serve", lambda: None)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    assert blocks
    names = {"__name__": "__main__"}
    for b in blocks:
        exec(compile(b, page, "exec"), names)
    made = registry.default.implementations
    assert made and all(i.doc for i in made.values())


def test_every_decorator_is_in_the_reference():
    text = (ROOT / PAGES[0]).read_text()
    kinds = [n for n in pathline.__all__ if hasattr(getattr(pathline, n), "__doc__") and n in (
        "path", "coupling", "model", "solver", "loader", "transform", "trainer", "sampler", "likelihood", "evaluator", "writer")]
    assert len(kinds) == 11
    for n in kinds:
        assert f"| `{n}` |" in text
