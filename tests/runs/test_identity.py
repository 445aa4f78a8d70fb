"""What identifies a result: the source of plugins that have no version."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import fusionbench as fb
from fusionbench.images import file_sha256
from fusionbench.metrics.selection import find
from fusionbench.plugins import current_plugins, load_plugins
from fusionbench.plugins.neighbours import code_files
from fusionbench.runs.config import RunConfig
from fusionbench.runs.finishing import Finisher
from fusionbench.runs.identity import code_digest, origin_code
from fusionbench.types import MethodSpec, Task, WeightsError
from tests.helpers.workshop import FUSES, Workshop, method

SPEC = MethodSpec(name="mine", tasks=(Task.IVF,), factory="mine:Mine")


def digest(file: Path) -> str:
    return code_digest(SPEC, str(file), installed=False)


def test_a_file_alone_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import torch\nimport os\n", encoding="utf-8")
    (tmp_path / "other.py").write_text("x = 1\n", encoding="utf-8")
    assert code_files(file) == (file,)
    assert digest(file) == file_sha256(file)


def test_files_beside_a_plugin_that_it_imports_are_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import torch\n\ndef fuse():\n    from network import Net\n", encoding="utf-8")
    (tmp_path / "network.py").write_text("import blocks.convolution\nfrom mine import fuse\n", encoding="utf-8")
    (tmp_path / "blocks").mkdir()
    for name in ("__init__", "convolution"):
        (tmp_path / "blocks" / f"{name}.py").write_text("", encoding="utf-8")
    (tmp_path / "unused.py").write_text("", encoding="utf-8")
    names = {path.relative_to(tmp_path).as_posix() for path in code_files(file)}
    assert names == {"mine.py", "network.py", "blocks/__init__.py", "blocks/convolution.py"}
    before = digest(file)
    (tmp_path / "unused.py").write_text("x = 1\n", encoding="utf-8")
    assert digest(file) == before
    (tmp_path / "blocks" / "convolution.py").write_text("x = 1\n", encoding="utf-8")
    assert digest(file) != before


def test_a_package_that_is_not_installed_is_known_by_all_its_files(tmp_path: Path) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    for name in ("__init__", "net"):
        (package / f"{name}.py").write_text("", encoding="utf-8")
    before = digest(package / "__init__.py")
    (package / "net.py").write_text("x = 1\n", encoding="utf-8")
    assert digest(package / "__init__.py") != before
    assert code_digest(SPEC, str(package / "__init__.py"), installed=True) == ""


def test_a_file_that_cannot_be_parsed_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_bytes(b"def (\x00")
    assert digest(file) == file_sha256(file)


def test_a_metric_that_is_another_one_here_than_where_the_run_was_planned_is_told(tmp_path: Path) -> None:
    finisher = Finisher([find("EN", "zhao")], RunConfig(), tmp_path, torch.device("cpu"))
    with pytest.raises(WeightsError, match=r"EN: another version, or other weights, than where the run was planned"):
        finisher._scorer((("EN", "zhao", "1+0123456789abcdef"),))


METRIC = """
import torch
import fusionbench as fb

def value(planes):
    return torch.full((len(planes),), {value})

def fusionbench_metrics():
    return [fb.MetricSpec(name="own", profile="zhao", function=value, summary="x", operands="F", higher_is_better=True)]
"""


def test_a_metric_of_a_plugin_file_that_is_edited_is_computed_again(workshop: Workshop) -> None:
    plugin = workshop.folder / "own.py"

    def computed(value: float) -> tuple[int, list[float]]:
        plugin.write_text(METRIC.format(value=value), encoding="utf-8")
        settings = workshop(method(FUSES))
        settings["plugins"] = (*settings["plugins"], str(plugin))
        load_plugins(settings["plugins"])
        run = fb.run(**settings, metrics=["own", "EN"], isolate=False)
        frame = run.frame()
        return run.computed, frame[frame.metric == "own"]["value"].tolist()

    assert computed(0.25) == (4, [0.25] * 4)
    assert computed(0.25) == (0, [0.25] * 4)
    assert computed(0.75) == (4, [0.75] * 4)


def test_the_versions_of_shipped_metrics_are_their_own() -> None:
    plugins = current_plugins()
    code = origin_code(plugins.metrics)
    assert {code(key) for key in plugins.metrics} == {""}
