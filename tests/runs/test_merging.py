"""Shards of a run, and runs that are joined."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

import fusionbench as fb
from fusionbench.cli.main import main
from fusionbench.reports.exporters.markdown import render
from fusionbench.results.folder import JOURNAL
from fusionbench.runs import RunConfig
from fusionbench.runs.merging import merge_runs
from fusionbench.runs.sharding import Share, parse_shard, share
from fusionbench.types import DataError, UsageError
from tests.helpers.workshop import FUSES, Workshop, method

TWO = method(FUSES) + method("return batch.sources[0]", name="other")


def rows(folder: str | Path) -> list[tuple[object, ...]]:
    columns = ["method", "dataset", "sample", "metric", "value", "status", "image_sha256"]
    return list(fb.load_run(folder).frame()[columns].itertuples(index=False, name=None))


@pytest.fixture
def parts(workshop: Workshop, tmp_path: Path) -> tuple[dict[str, Any], list[Path]]:
    """Seven samples and two methods in three shards; the settings, and the folders."""
    settings = workshop(TWO, count=7, methods=["mine", "other"]) | {"device": "cpu"}
    folders = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        assert fb.run(**{**settings, "out": str(folder)}, shard=f"{number}/3", isolate=False).complete
    return settings, folders


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_shards_divide_the_samples_and_know_their_places(count: int) -> None:
    samples = list(range(10))
    whole: dict[int, int] = {}
    for number in range(1, count + 1):
        shard = f"{number}/{count}"
        here = Share.of([shard])
        whole |= {here.place(position): sample for position, sample in enumerate(share(samples, shard))}
    assert [whole[position] for position in sorted(whole)] == samples
    assert sorted(whole) == samples


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1.0/2", "1/9999999"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shard must be I/N"):
        RunConfig(shard=text)
    assert parse_shard(" 2/5 ") == (2, 5)


def test_shards_that_were_joined_know_their_places() -> None:
    here = Share.of(["3/3", "2/3"])
    assert [here.place(position) for position in range(4)] == [1, 2, 4, 5]
    assert (here.shards(), here.is_all) == (["2/3", "3/3"], False)
    assert Share.of(["1/3", "2/3", "3/3"]).place(5) == Share.of([]).place(5) == 5


def test_a_shard_without_samples_is_refused(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="shard 5/6 is empty: there are 4 of pairs"):
        fb.run(**workshop(TWO), shard="5/6")


def test_a_shard_may_have_none_of_a_small_data_set(workshop: Workshop, tmp_path: Path) -> None:
    """As the last job of an array over data sets of several sizes."""
    workshop(TWO, count=2)
    (tmp_path / "data").rename(tmp_path / "small")
    settings = workshop(TWO, count=3) | {"device": "cpu"}
    settings["datasets"] = [f"few=pairs={tmp_path / 'small'}", settings["datasets"]]
    whole = fb.run(**{**settings, "out": str(tmp_path / "whole")}, isolate=False)
    folders = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        assert fb.run(**{**settings, "out": str(folder)}, shard=f"{number}/3", isolate=False).complete
    for order in (folders, folders[::-1], folders[:2]):
        done = merge_runs(order, tmp_path / f"joined{order[0].name}{len(order)}")
        # That the last shard has none of the small one is known without it.
        assert done.notes == (() if len(order) == 3 else ("pairs: the samples of shard 3/3 are absent.",))
        assert done.samples["few"] == 2
        if len(order) == 3:
            assert rows(done.folder) == rows(whole.path)


def test_merged_shards_are_the_run_of_one_machine(parts: tuple[dict[str, Any], list[Path]], tmp_path: Path) -> None:
    settings, folders = parts
    whole = fb.run(**settings, isolate=False)
    # In any order.
    done = merge_runs([folders[2], folders[0], folders[1] / JOURNAL], tmp_path / "joined")
    assert done.samples == {"pairs": 7}
    assert done.notes == ()
    assert rows(done.folder) == rows(whole.path)
    joined = fb.load_run(done.folder)
    assert all(Path(image).is_file() for image in joined.frame().image)
    assert render(joined.table()) == render(whole.table())
    # Nothing of it is computed again, nor is it part of a shard any more.
    again = fb.run(config=done.folder / "config.yaml", isolate=False)
    assert again.computed == 0
    assert rows(done.folder) == rows(whole.path)


def test_an_absent_shard_is_named_and_computed_by_the_next_run(
    parts: tuple[dict[str, Any], list[Path]], tmp_path: Path
) -> None:
    settings, folders = parts
    done = merge_runs([folders[0], folders[2]], tmp_path / "joined")
    assert done.notes == ("pairs: the samples of shard 2/3 are absent.",)
    assert [row[2] for row in rows(done.folder) if row[0] == "mine" and row[3] == "EN"] == [
        "000",
        "002",
        "003",
        "005",
        "006",
    ]
    rest = fb.run(config=done.folder / "config.yaml", isolate=False)
    assert rest.computed == 4
    assert rows(done.folder) == rows(fb.run(**settings, isolate=False).path)


def test_what_was_joined_is_joined_with_the_rest(parts: tuple[dict[str, Any], list[Path]], tmp_path: Path) -> None:
    settings, folders = parts
    first = merge_runs([folders[2], folders[1]], tmp_path / "first")
    assert first.notes == ("pairs: the samples of shard 1/3 are absent.",)
    done = merge_runs([first.folder, folders[0]], tmp_path / "joined")
    assert done.notes == ()
    assert rows(done.folder) == rows(fb.run(**settings, isolate=False).path)


def test_shards_of_another_list_of_samples_are_refused(
    parts: tuple[dict[str, Any], list[Path]], tmp_path: Path
) -> None:
    """A machine that lacks a file divides otherwise: shards would overlap, and samples would be in none."""
    settings, folders = parts
    for image in (tmp_path / "data").rglob("*001*"):
        image.unlink()
    fb.run(**{**settings, "out": str(tmp_path / "late")}, shard="3/3", isolate=False)
    with pytest.raises(UsageError, match=r"pairs was divided into shards of 7 samples in .*part1, 6 in .*late"):
        merge_runs([*folders[:2], tmp_path / "late"], tmp_path / "joined")


def test_a_method_that_only_some_parts_ran_is_named(parts: tuple[dict[str, Any], list[Path]], tmp_path: Path) -> None:
    settings, folders = parts
    fb.run(**{**settings, "methods": "mine", "out": str(tmp_path / "less")}, shard="1/3", isolate=False)
    done = merge_runs([tmp_path / "less", *folders[1:]], tmp_path / "joined")
    assert done.notes == ("other on pairs: 3 of 7 samples have no result in these runs.",)


def test_methods_of_several_machines_are_joined(workshop: Workshop, tmp_path: Path) -> None:
    settings = workshop(TWO, count=3) | {"device": "cpu"}
    for name in ("mine", "other"):
        fb.run(**{**settings, "methods": name, "out": str(tmp_path / name)}, isolate=False)
    both = fb.run(**{**settings, "methods": ["mine", "other"]}, isolate=False)
    done = merge_runs([tmp_path / "mine", tmp_path / "other"], tmp_path / "joined")
    assert rows(done.folder) == rows(both.path)


def test_what_succeeded_somewhere_is_taken_and_failures_are_kept_otherwise(workshop: Workshop, tmp_path: Path) -> None:
    body = f"""
        if os.path.exists({str(tmp_path / "broken")!r}) and "001" in batch.ids or "002" in batch.ids:
            raise ValueError("broken")
        return torch.maximum(*batch.sources)
    """
    settings = workshop(method(body), count=3) | {"device": "cpu"}
    (tmp_path / "broken").touch()
    fb.run(**{**settings, "out": str(tmp_path / "a")}, isolate=False)
    (tmp_path / "broken").unlink()
    fb.run(**{**settings, "out": str(tmp_path / "b")}, isolate=False)
    for order in ("ab", "ba"):
        done = merge_runs([tmp_path / name for name in order], tmp_path / f"joined-{order}")
        frame = fb.load_run(done.folder).frame()
        assert dict(frame.groupby("sample").status.first()) == {"000": "ok", "001": "ok", "002": "failed"}


def told_otherwise(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a run says of itself."""
    with sqlite3.connect(folder / JOURNAL) as database:
        for number, text in database.execute("SELECT id, provenance FROM sessions").fetchall():
            facts = json.loads(text)
            change(facts)
            database.execute("UPDATE sessions SET provenance=? WHERE id=?", (json.dumps(facts), number))
    database.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: facts.update(version="0.0.9"), r"fusionbench: 0\.1\.0 in .*part1, 0\.0\.9 in .*part2"),
        (lambda facts: facts["libraries"].update(torch="1.0"), r"torch: .* in .*part1, 1\.0 in .*part2"),
        (lambda facts: facts["config"].update(colour="gray"), "setting colour: restore in .*part1, gray in"),
        (lambda facts: facts["metrics"]["EN@zhao"].update(version="0"), "version of metric EN@zhao: .*, 0 in"),
        (
            lambda facts: facts["identities"]["mine"].update(pairs="x"),
            "method mine: its version, options, weights or code",
        ),
        (lambda facts: facts["config"].update(shard="2/4"), "pairs was divided into 3 and 4 shards"),
        (lambda facts: facts.pop("identities"), "part2 does not tell what its methods are"),
    ],
)
def test_what_differs_is_said_and_nothing_is_made(
    parts: tuple[dict[str, Any], list[Path]], tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    _, folders = parts
    told_otherwise(folders[1], change)
    with pytest.raises(UsageError, match=message):
        merge_runs(folders, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_other_images_code_and_settings_are_noticed(workshop: Workshop, tmp_path: Path) -> None:
    """As it happens: another machine has an edited image, another version of a plugin file, another seed."""
    settings = workshop(TWO, count=3) | {"device": "cpu"}
    fb.run(**{**settings, "out": str(tmp_path / "a")}, isolate=False)
    image = next((tmp_path / "data").rglob("*001*"))
    Image.open(image).point(lambda value: 255 - value).save(image)
    workshop(TWO + "\n# edited\n", count=0)
    fb.run(**{**settings, "out": str(tmp_path / "b")}, seed=3, isolate=False)
    with pytest.raises(UsageError) as raised:
        merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "joined")
    for line in ("setting seed: 0 in", "method mine: its version", "001 of pairs has other images in"):
        assert line in str(raised.value)


def test_a_picture_that_is_another_file_by_now_is_left_out(
    parts: tuple[dict[str, Any], list[Path]], tmp_path: Path
) -> None:
    _, folders = parts
    Image.new("L", (8, 8)).save(folders[0] / "images" / "mine" / "pairs" / "000.png")
    done = merge_runs(folders, tmp_path / "joined")
    assert len(done.notes) == 1
    assert done.notes[0].startswith("1 pictures are not those of their rows")
    assert fb.run(config=done.folder / "config.yaml", isolate=False).computed == 1


def test_places_that_do_for_no_merging(parts: tuple[dict[str, Any], list[Path]], tmp_path: Path) -> None:
    _, folders = parts
    with pytest.raises(UsageError, match="at least two different runs"):
        merge_runs([folders[0], folders[0] / JOURNAL / ".."], tmp_path / "joined")
    with pytest.raises(UsageError, match="there is a run in"):
        merge_runs(folders[:2], folders[2])
    with pytest.raises(DataError, match="is no run folder"):
        merge_runs([folders[0], tmp_path / "nowhere"], tmp_path / "joined")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        merge_runs(folders, tmp_path / "file")


def test_from_the_command_line(workshop: Workshop, tmp_path: Path) -> None:
    given = workshop(TWO, count=5)
    common = ["-p", given["plugins"][0], "-m", "mine", "-d", given["datasets"], "--device", "cpu"]  # type: ignore[index]  # a tuple
    for number in (1, 2):
        out = str(tmp_path / str(number))
        done = CliRunner().invoke(main, ["run", *common, "--shard", f"{number}/2", "--out", out])
        assert done.exit_code == 0, done.output
    joined = CliRunner().invoke(main, ["merge", str(tmp_path / "1"), str(tmp_path / "2"), "-o", str(tmp_path / "j")])
    assert joined.exit_code == 0, joined.output
    assert "pairs: 5 samples" in joined.output
    shutil.rmtree(tmp_path / "1")
    assert len(rows(tmp_path / "j")) == 5 * len(set(fb.load_run(tmp_path / "j").frame().metric))
    wrong = CliRunner().invoke(main, ["merge", str(tmp_path / "j"), "-o", str(tmp_path / "k")])
    assert wrong.exit_code == 2
