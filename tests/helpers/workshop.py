"""Plugins with a data set and a method that misbehaves, written on the spot."""

from __future__ import annotations

import textwrap
from pathlib import Path

import fusionbench as fb
from fusionbench.plugins import load_plugins
from tests.helpers.scenes import DATASET_PLUGIN, write_pairs


def method(body: str, *, name: str = "mine", load: str = "pass", **facts: str) -> str:
    """Code of a method: the bodies of its ``fuse(self, batch)`` and ``load(self, device, weights)``."""
    class_name = name.title().replace("-", "")
    more = "".join(f", {key}={value}" for key, value in facts.items())
    return (
        f"\nimport os, signal, sys, time\nimport torch\nimport fusionbench as fb\n\nclass {class_name}:\n"
        "    def load(self, device, weights):\n" + textwrap.indent(textwrap.dedent(load).strip(), " " * 8) + "\n\n"
        "    def fuse(self, batch):\n" + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n\n"
        f"SPECS = [*globals().get('SPECS', []), fb.MethodSpec(name={name!r}, tasks=(fb.Task.IVF,), "
        f"factory={class_name}{more})]\n\n"
        "def fusionbench_methods():\n    return SPECS\n"
    )


FUSES = "return torch.maximum(*batch.sources)"


class Workshop:
    """Writes pairs and a plugin with a data set ``pairs`` and the given code; gives the settings of a run of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, code: str, count: int = 4, methods: str | list[str] = "mine") -> dict[str, object]:
        write_pairs(self.folder / "data", count)
        plugin = self.folder / "workshop.py"
        plugin.write_text(DATASET_PLUGIN + textwrap.dedent(code), encoding="utf-8")
        load_plugins([str(plugin)])
        return {
            "methods": methods,
            "datasets": f"pairs={self.folder / 'data'}",
            "plugins": (str(plugin),),
            "out": str(self.folder / "run"),
        }


def failures(run: fb.api.Run, method: str | None = None) -> dict[str, str]:
    """Why each sample failed."""
    frame = run.frame()
    chosen = frame.status == "failed" if method is None else (frame.status == "failed") & (frame.method == method)
    return dict(frame[chosen].groupby("sample").error.first())
