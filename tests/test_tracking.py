"""Runs on boards of experiments: what is sent, and that no service slows or ends a run."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fusionbench as fb
from fusionbench import extras
from fusionbench.plugins import load_plugins
from fusionbench.tracking import RunEnd, RunStart, Tracking
from fusionbench.types import PluginError
from tests.helpers.workshop import FUSES, Workshop, method

OTHER = method("if '001' in batch.ids: raise ValueError('too dark')\nreturn batch.sources[0]", name="other")


class Board:
    """Notes down what it is sent; does what it is told at one of the events."""

    def __init__(self, at: str = "", does: Any = None) -> None:
        self.at, self.does = at, does
        self.starts: list[RunStart] = []
        self.means: list[tuple[Mapping[str, float], int]] = []
        self.ends: list[RunEnd] = []

    def _act(self, event: str) -> None:
        if event == self.at:
            self.does()

    def begin(self, run: RunStart) -> None:
        self.starts.append(run)
        self._act("begin")

    def progress(self, means: Mapping[str, float], step: int) -> None:
        self.means.append((means, step))
        self._act("progress")

    def end(self, run: RunEnd) -> None:
        self._act("end")
        self.ends.append(run)


LISTENER = """
from board_of_a_test import tracking

fusionbench_run_started = tracking.started
fusionbench_sample_scored = tracking.scored
fusionbench_run_finished = tracking.finished
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Two methods, one of which fails on a sample."""
    chosen = Workshop(tmp_path)(method(FUSES) + OTHER, count=6, methods=["mine", "other"])
    return dict(chosen) | {"device": "cpu", "metrics": ["EN", "SD"]}


@pytest.fixture
def tracked(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run with a board; gives the run, and what was warned of."""
    (tmp_path / "board.py").write_text(LISTENER, encoding="utf-8")
    module = ModuleType("board_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def run(board: Board, **facts: Any) -> tuple[fb.api.Run, list[str]]:
        vars(module)["tracking"] = Tracking(lambda: board, **facts)
        plugins = (*settings["plugins"], str(tmp_path / "board.py"))
        load_plugins(plugins)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            done = fb.run(**settings | {"plugins": plugins}, isolate=False)
        return done, [str(warning.message) for warning in caught]

    return run


def test_what_a_board_is_told(tracked: Any) -> None:
    board = Board()
    run, said = tracked(board, pause=0.0)
    assert said == []
    (start,), (end,) = board.starts, board.ends
    assert (start.name, start.folder) == ("run", run.path)
    assert start.tags == ("mine", "other", "pairs", "zhao")
    assert start.settings["version"] == fb.__version__
    assert start.settings["config.metrics"] == "EN, SD"
    assert "libraries.torch" in start.settings
    frame = run.frame()
    chosen = frame[(frame.method == "other") & (frame.metric == "EN") & (frame.status == "ok")]
    assert end.means["pairs/other/EN@zhao"] == pytest.approx(chosen["value"].mean())
    assert (end.outcome, end.failed) == ("failures", 1)
    # Means so far come to those at the end, step by step.
    steps = [step for _, step in board.means]
    assert steps == sorted(steps)
    assert steps[-1] == 12
    last = {name: value for means, _ in board.means for name, value in means.items()}
    assert last == pytest.approx(dict(end.means))
    # Of each data set the first four samples, without the picture that there is not.
    assert set(end.pictures) == {f"pairs/00{n}/{m}" for n in range(4) for m in ("mine", "other")} - {"pairs/001/other"}
    assert all(path.is_file() for path in end.pictures.values())
    assert "| mine |" in end.table


def test_many_samples_are_few_messages(tracked: Any) -> None:
    board = Board()
    tracked(board, pause=3600.0)
    assert 1 <= len(board.means) <= 2
    assert len(board.ends) == 1


def failure() -> None:
    raise ConnectionError("no route to host")


def leaving() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("does", [failure, leaving])
@pytest.mark.parametrize("at", ["begin", "progress", "end"])
def test_a_board_that_fails_is_told_once_and_ends_no_run(tracked: Any, at: str, does: Any) -> None:
    run, said = tracked(Board(at, does), pause=0.0)
    assert set(run.frame().groupby("method").status.first()) == {"ok"}
    assert len(said) == 1
    assert "plugin board" in said[0]
    assert "no route to host" in said[0] or "SystemExit" in said[0]


def test_a_board_that_hangs_costs_its_patience_at_most(tracked: Any) -> None:
    released = threading.Event()
    try:
        run, said = tracked(Board("begin", released.wait), patience=0.1)
        assert run.computed == 12
        assert len(said) == 1
        assert "has not taken everything within 0.1 s" in said[0]
    finally:
        released.set()


def test_a_run_that_was_stopped_is_told_as_interrupted(settings: dict[str, Any]) -> None:
    board = Board()
    tracked = Tracking(lambda: board)
    run = fb.run(**settings, isolate=False)
    tracked.started(run)
    tracked._abandon_all()  # as at the end of the process
    assert [end.outcome for end in board.ends] == ["interrupted"]
    tracked.finished(run)
    assert len(board.ends) == 1


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_plugin_whose_service_is_not_installed_is_refused_before_the_run(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    monkeypatch.delitem(sys.modules, f"fusionbench_{name}", raising=False)
    with pytest.raises(PluginError, match=rf"fusionbench\[{name}\]"):
        load_plugins([f"fusionbench_{name}"])
