"""The benchmark of what only a GPU shows, as far as a CPU shows that it works."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from fusionbench.plugins import current_plugins

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"
CPU = torch.device("cpu")
FEW = ("average", "sdnet")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with a few methods and a metric of each kind."""
    spec = importlib.util.spec_from_file_location("gpu_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    every = module.methods
    monkeypatch.setattr(module, "methods", lambda learned=False: [s for s in every(learned=learned) if s.name in FEW])
    zhao = [metric for metric in current_plugins().metrics.values() if metric.profile == "zhao"]
    monkeypatch.setattr(module, "metrics", lambda: zhao)
    # Half precision is emulated on a CPU.
    monkeypatch.setattr(module, "WAYS", tuple(way for way in module.WAYS if way != "float16"))
    monkeypatch.setattr(torch, "compile", lambda network: network)
    return module


def measured(gpu: ModuleType, name: str, minutes: float = 5, **facts: object) -> list[dict]:
    bench = gpu.Bench(device=CPU, size=(40, 48), deadline=time.monotonic() + 60 * minutes, repeats=1, **facts)
    return list(gpu.PARTS[name][1](bench))


def test_a_device_agrees_with_itself_and_everything_is_looked_at(gpu: ModuleType) -> None:
    records = measured(gpu, "agreement")
    assert not [record for record in records if "error" in record]
    assert {record["levels"] for record in records if "method" in record} == {0}
    assert {record["relative"] for record in records if "metric" in record} == {0.0}
    assert {record["metric"] for record in records if "metric" in record} == {spec.key for spec in gpu.metrics()}
    pairs = {(record["method"], record["task"]) for record in records if "method" in record}
    assert pairs == {(name, str(task)) for name in FEW for task in current_plugins().methods[name].tasks}


def test_speed_and_precision_have_a_record_for_each_way(gpu: ModuleType) -> None:
    speed = measured(gpu, "speed")
    assert not [record for record in speed if "error" in record]
    assert {(record["method"], record["images"]) for record in speed} >= {("sdnet", 1), ("sdnet", 8), ("average", 1)}
    assert all(record["seconds"] > 0 for record in speed)
    precision = measured(gpu, "precision")
    assert not [record for record in precision if "error" in record]
    ways = {record["way"]: record for record in precision if record["method"] == "sdnet"}
    assert set(ways) == {"float32", "bfloat16", "channels-last", "compiled"}
    assert set(ways["float32"]["change"].values()) == {0.0}
    assert any(ways["bfloat16"]["change"].values())


def test_a_way_that_fails_takes_no_other_with_it(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    every = gpu.loaded

    def fails(*arguments: object) -> object:
        if arguments[-1] == "bfloat16":
            raise RuntimeError("no kernel")
        return every(*arguments)

    monkeypatch.setattr(gpu, "loaded", fails)
    ways = {record["way"]: record for record in measured(gpu, "precision")}
    assert ways["bfloat16"] == {"method": "sdnet", "way": "bfloat16", "error": "RuntimeError: no kernel"}
    assert "change" in ways["channels-last"]
    assert "change" in ways["compiled"]


def test_a_value_that_only_one_device_has_is_a_difference(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    every, calls = gpu.Scorer.scores, []

    def scores(*arguments: object) -> object:
        found = every(*arguments)
        calls.append(found)
        if len(calls) % 2:
            found.values.pop("EN@zhao")
            found.errors["EN@zhao"] = "no kernel"
        else:
            found.values["SD@zhao"] *= torch.nan
        return found

    monkeypatch.setattr(gpu.Scorer, "scores", scores)
    monkeypatch.setattr(gpu, "methods", lambda: [])
    records = {record["metric"]: record for record in measured(gpu, "agreement")}
    assert records["EN@zhao"]["error"] == "no kernel"
    assert records["SD@zhao"]["relative"] != 0
    assert records["SF@zhao"]["relative"] == 0


def test_what_there_is_no_time_for_is_named(gpu: ModuleType) -> None:
    for name in ("agreement", "speed", "precision", "metrics"):
        records = measured(gpu, name, minutes=-1)
        assert any(record.get("left_out") == "time" for record in records), name


def test_a_part_that_fails_is_a_record_and_the_tables_escape(
    gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(bench: object) -> Iterator[dict]:
        yield {"method": "a|b"}
        raise RuntimeError("no\nkernel")

    monkeypatch.setattr(gpu, "PARTS", {"breaks": (0.5, breaks), "retreat": gpu.PARTS["retreat"]})
    gpu.measure(CPU, ["breaks", "retreat"], 1.0, (40, 48), tmp_path / "gpu.json")
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["parts"]["breaks"]["records"] == [{"method": "a|b"}, {"error": "RuntimeError: no\nkernel"}]
    assert found["parts"]["retreat"]["records"] == [{"left_out": "only a GPU's memory can be limited"}]
    assert "| a\\|b |  |" in gpu.table(found)
    assert "RuntimeError: no kernel" in gpu.table(found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 3
    assert "sees no CUDA device: nothing was measured." in done.stderr
    assert not list(tmp_path.iterdir())
