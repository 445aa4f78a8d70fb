"""What changed between two runs."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.results.folder import JOURNAL
from fusionbench.runs.differences import Difference, differences
from tests.helpers.workshop import FUSES, Workshop, method

TWO = method(FUSES) + method("return batch.sources[0]", name="other")


@pytest.fixture
def first(tmp_path: Path) -> tuple[Mapping[str, Any], fb.api.Run]:
    """Settings, and a run of three samples and two methods."""
    settings = Workshop(tmp_path)(TWO, count=3, methods=["mine", "other"]) | {"device": "cpu", "metrics": ["EN", "SD"]}
    return settings, fb.run(**settings | {"out": str(tmp_path / "a")}, isolate=False)


def parts(found: fb.api.Run, other: fb.api.Run) -> dict[str, Difference]:
    return {f"{fact.part} {fact.name}": fact for fact in differences(found, other).facts}


def test_a_run_does_not_differ_from_its_repetition(first: tuple[Mapping[str, Any], fb.api.Run], tmp_path: Path) -> None:
    settings, run = first
    again = fb.run(**settings | {"out": str(tmp_path / "b")}, isolate=False)
    found = differences(run, again)
    assert not found
    assert found.compared == 4
    result = CliRunner().invoke(main, ["runs", "diff", str(run.path), str(again.path)])
    assert result.exit_code == 0
    assert result.output == "4 metrics compared, 4 without a difference\n"


def test_settings_samples_and_numbers_that_changed(first: tuple[Mapping[str, Any], fb.api.Run], tmp_path: Path) -> None:
    settings, run = first
    image = next((tmp_path / "data").rglob("*001*"))
    Image.open(image).point(lambda value: value // 2).save(image)
    other = fb.run(
        **settings | {"out": str(tmp_path / "b"), "methods": ["mine"], "metrics": ["EN"], "limit": 2, "seed": 3},
        isolate=False,
    )
    told = parts(run, other)
    assert (told["setting limit"].before, told["setting limit"].after) == (None, 2)
    assert (told["method other"].before, told["method other"].after) == ("other version 1", None)
    assert told["metric SD@zhao"].after is None
    found = differences(run, other)
    data = [(fact.before, fact.after) for fact in found.facts if fact.part == "data"]
    assert data == [("3 samples", "2 samples"), ("images of 001", "others")]
    changes = {(change.method, change.metric): change for change in found.numbers}
    entropy = changes["mine", "EN@zhao"]
    frames = [r.frame().query("method == 'mine' and metric == 'EN' and sample == '001'")["value"] for r in (run, other)]
    assert (entropy.samples, entropy.changed, entropy.only_before, entropy.only_after) == (2, 1, 1, 0)
    assert entropy.largest == pytest.approx(abs(frames[0].item() - frames[1].item()))
    assert changes["other", "EN@zhao"].samples == 0
    assert math.isnan(changes["other", "EN@zhao"].before)
    result = CliRunner().invoke(main, ["runs", "diff", str(run.path), str(other.path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)["numbers"][0]["method"] in ("mine", "other")


def test_the_code_of_a_method_and_the_versions_of_libraries(
    first: tuple[Mapping[str, Any], fb.api.Run], tmp_path: Path
) -> None:
    settings, run = first
    other = fb.run(**settings | {"out": str(tmp_path / "b")}, isolate=False)
    with sqlite3.connect(other.path / JOURNAL) as database:
        (text,) = database.execute("SELECT provenance FROM sessions").fetchone()
        facts = json.loads(text)
        facts["libraries"]["torch"] = "1.0"
        facts["identities"]["mine"]["pairs"] = "x"
        database.execute("UPDATE sessions SET provenance=?", (json.dumps(facts),))
    database.close()
    told = parts(run, fb.load_run(other.path))
    assert set(told) == {"version torch", "method mine"}
    assert told["version torch"].after == "1.0"


@pytest.mark.parametrize(("tolerance", "changed"), [(0.0, True), (1e-6, False)])
def test_differences_within_the_tolerance_are_none(
    first: tuple[Mapping[str, Any], fb.api.Run], tmp_path: Path, tolerance: float, changed: bool
) -> None:
    settings, run = first
    other = fb.run(**settings | {"out": str(tmp_path / "b")}, isolate=False)
    with sqlite3.connect(other.path / JOURNAL) as database:
        database.execute("UPDATE scores SET value = value * (1 + 1e-7) WHERE metric = 'EN'")
    database.close()
    assert bool(differences(run, fb.load_run(other.path), tolerance=tolerance)) == changed
