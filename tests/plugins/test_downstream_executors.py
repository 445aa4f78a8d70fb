"""Cells of downstream evaluations in the processes of executors."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fusionbench.plugins import load_plugins
from fusionbench.results.journal import Journal
from fusionbench.runs import DatasetRequest, RunConfig
from fusionbench.runs.events import Outcome
from fusionbench.runs.units import Job, Unit
from fusionbench.types import UsageError
from fusionbench_downstream.evaluating import Evaluation, evaluate
from fusionbench_downstream.settings import Settings
from fusionbench_downstream.work import CONFIG, WORK, CellWork
from tests.helpers.labelled_scenes import write_plugin, write_scenes

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("faster_coco_eval")

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["method", "dataset", "sample", "metric", "value"]

# A plugin that ends, where a mark does not lie yet, the process in which infrared pictures are trained on.
DEADLY = """
import os, signal
from pathlib import Path

from fusionbench_downstream import cells

whole = cells.Trainer.scores


def scores(self, cell):
    mark = Path({mark!r})
    if cell.method == "infrared" and not mark.exists():
        if {once}:
            mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, cell)


cells.Trainer.scores = scores
"""

# One that leaves a mark when a training has made its first checkpoint, and then hangs.
HANGING = """
import time
from pathlib import Path

from fusionbench.training import loop

whole = loop.train


def train(*arguments, **options):
    def progress(at):
        if at.step == 2:
            Path({mark!r}).touch()
            time.sleep(600)

    return whole(*arguments, **options, progress=None if Path({mark!r}).exists() else progress)


loop.train = train
"""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_plugin(folder)
    return write_scenes(folder / "scenes")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """The same sums in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


def settings(scenes: Path, out: Path, *, plugins: tuple[Path, ...] = (), **changes: Any) -> Settings:
    data = DatasetRequest(name="scenes", root=str(scenes))
    given = tuple(map(str, (scenes.parent / "scenes_plugin.py", *plugins)))
    running = {name: changes.pop(name) for name in ("executor", "executor_options") if name in changes}
    fusing = RunConfig(datasets=(data,), plugins=given, device=changes.pop("device", "cpu"), **running)
    asked = {"kind": "detection", "runs": (scenes.parent / "inline" / "fused",), "epochs": 1, "seeds": (0,)}
    return Settings(**{**asked, "fusing": fusing, "out": str(out), **changes})


def evaluated(scenes: Path, out: Path, *, inline: bool = False, **changes: Any) -> Evaluation:
    chosen = settings(scenes, out, **changes)
    return evaluate(chosen, load_plugins(chosen.fusing.plugins), inline=inline)


@pytest.fixture(scope="module")
def inline(scenes: Path, _one_thread: None) -> list[list[Any]]:
    """What the cells of one seed score in this process. Its fused images serve the others."""
    return values(evaluated(scenes, scenes.parent / "inline", inline=True, runs=()))


def values(run: Any) -> list[list[Any]]:
    found: list[list[Any]] = run.frame()[COLUMNS].values.tolist()
    return found


def script(folder: Path, text: str, **known: Any) -> Path:
    path = folder / "own_plugin.py"
    path.write_text(text.format(**known), encoding="utf-8")
    return path


def test_processes_on_two_devices_find_what_this_process_finds(
    scenes: Path, tmp_path: Path, inline: list[list[Any]]
) -> None:
    run = evaluated(scenes, tmp_path / "out", device="cpu:2")
    assert run.failed == 0
    assert values(run) == inline
    assert (tmp_path / "out" / "worker-2.log").is_file()
    assert evaluated(scenes, tmp_path / "out").computed == 0


def test_a_cell_whose_process_is_killed_is_a_failed_row_and_the_others_go_on(
    scenes: Path, tmp_path: Path, inline: list[list[Any]]
) -> None:
    deadly = script(tmp_path, DEADLY, mark=str(tmp_path / "mark"), once=False)
    run = evaluated(scenes, tmp_path / "out", device="cpu:2", plugins=(deadly,))
    frame = run.frame()
    lost = frame[frame["method"] == "infrared"]
    assert run.failed == 1
    assert set(lost["status"]) == {"failed"}
    assert "killed by SIGKILL; the machine may have run out of memory" in lost["error"].iloc[0]
    assert set(frame.loc[frame["method"] != "infrared", "status"]) == {"ok"}
    (tmp_path / "mark").touch()
    again = evaluated(scenes, tmp_path / "out", plugins=(deadly,))
    assert again.computed == 1
    assert values(again) == inline


def test_a_cell_is_tried_again_by_itself_where_a_process_had_several(
    scenes: Path, tmp_path: Path, inline: list[list[Any]]
) -> None:
    deadly = script(tmp_path, DEADLY, mark=str(tmp_path / "mark"), once=True)
    run = evaluated(scenes, tmp_path / "out", plugins=(deadly,))
    assert (tmp_path / "mark").exists()
    assert values(run) == inline


def test_ctrl_c_ends_the_processes_and_the_same_command_goes_on(
    scenes: Path, tmp_path: Path, inline: list[list[Any]]
) -> None:
    mark, out = tmp_path / "mark", tmp_path / "out"
    hanging = script(tmp_path, HANGING, mark=str(mark))
    plugins = ("-p", scenes.parent / "scenes_plugin.py", "-p", hanging)
    command = [sys.executable, "-m", "fusionbench", "downstream", "detection", *plugins, "-d", f"scenes={scenes}"]
    command += ["--epochs", "3", "--seeds", "0", "--device", "cpu:2", "--out", out, scenes.parent / "inline" / "fused"]
    process = subprocess.Popen(
        [*map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        until = time.monotonic() + 240
        while not mark.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.communicate(timeout=60)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, said
    assert f"interrupted; the same command continues in {out}" in said
    assert not running(tmp_path)
    assert [*(out / "cells").rglob("checkpoints")]
    again = evaluated(scenes, out, plugins=(hanging,), epochs=3)
    whole = evaluated(scenes, tmp_path / "whole", inline=True, epochs=3)
    assert values(again) == values(whole)


def running(folder: Path) -> list[str]:
    """Command lines of processes that were told of a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                found += [line] if str(folder / "out") in line else []
    return found


def test_a_cluster_finds_what_this_process_finds(scenes: Path, tmp_path: Path, inline: list[list[Any]]) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    options = {"workers": "2", "wait": "120"}
    run = evaluated(scenes, tmp_path / "out", executor="dask", executor_options=options)
    assert run.failed == 0
    assert values(run) == inline
    assert sum(worker["samples"] for worker in run.info["workers"]) == len({(row[0], row[2]) for row in inline})
    assert not [*(tmp_path / "out").glob(".dask*")]


def test_a_cluster_that_does_not_see_the_folder_is_refused_in_words(scenes: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    options = {"workers": "1", "wait": "120", "pictures": "returned"}
    with pytest.raises(UsageError, match="the folder of results, which this work reads and writes, is not to be seen"):
        evaluated(scenes, tmp_path / "out", executor="dask", executor_options=options)


def test_an_executor_that_there_is_not_is_told_before_data_are_read(scenes: Path, tmp_path: Path) -> None:
    told: list[str] = []
    chosen = settings(scenes, tmp_path / "out", executor="slurm")
    with pytest.raises(UsageError, match="unknown executor 'slurm'"):
        evaluate(chosen, load_plugins(chosen.fusing.plugins), say=told.append)
    assert told == []


@pytest.mark.parametrize(
    ("place", "content", "complaint"),
    [
        ("scenes/train/labels/0003.txt", "0004.txt", "the labels of 0003 are others"),
        ("scenes/train/ir/0003.png", "0004.png", "0003.png is another picture"),
    ],
)
def test_what_changes_after_the_plan_is_a_failed_cell(tmp_path: Path, place: str, content: str, complaint: str) -> None:
    write_plugin(tmp_path)
    scenes = write_scenes(tmp_path / "scenes")
    run = evaluated(scenes, tmp_path / "out", inline=True, runs=())
    with Journal(tmp_path / "out" / "journal.sqlite", readonly=True) as journal:
        row = next(row for row in journal.rows() if row.method == "infrared")
    path = tmp_path / place
    path.write_bytes(path.with_name(content).read_bytes())
    config = dataclasses.replace(RunConfig.from_yaml(run.path / CONFIG), device="cpu")
    job = Job(method="infrared", sample="seed-0", fusion=row.fusion, image=None, metrics=())
    work = CellWork(config, load_plugins(config.plugins), run.path)
    *_, last = work.execute(Unit(dataset="scenes", jobs=(job,), work=WORK))
    assert isinstance(last, Outcome)
    assert last.record.status == "failed"
    assert complaint in last.record.error
