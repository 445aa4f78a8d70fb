"""Detection and segmentation on fused images: division, labels, leaks, classes, and whole evaluations."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.plugins import load_plugins
from fusionbench.reports.comparison.formats import rendered
from fusionbench.reports.run_view import load_run
from fusionbench.runs import DatasetRequest, MethodRequest, RunConfig
from fusionbench.types import DataError, FusionBenchError, UsageError
from fusionbench_downstream.division import from_file
from fusionbench_downstream.duplicates import groups
from fusionbench_downstream.evaluating import evaluate
from fusionbench_downstream.models import load, matched
from fusionbench_downstream.settings import Settings
from tests.helpers.labelled_scenes import CLASSES, write_plugin, write_scenes

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("faster_coco_eval")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set, the plugin that reads it beside it."""
    folder = tmp_path_factory.mktemp("scenes")
    write_plugin(folder)
    return write_scenes(folder / "scenes")


def settings(scenes: Path, **changes: Any) -> Settings:
    """One epoch on everything, as quickly as it goes."""
    plugins = (str(scenes.parent / "scenes_plugin.py"),)
    data = DatasetRequest(name="scenes", root=str(scenes), split=changes.pop("split", None))
    methods = tuple(MethodRequest(name=name) for name in changes.pop("methods", ()))
    fusing = RunConfig(
        methods=methods, datasets=(data,), plugins=plugins, device="cpu", limit=changes.pop("limit", None)
    )
    return Settings(**{"kind": "detection", "fusing": fusing, "epochs": 1, "seeds": (0,), **changes})


def evaluated(scenes: Path, **changes: Any) -> Any:
    chosen = settings(scenes, **changes)
    return evaluate(chosen, load_plugins(chosen.fusing.plugins), inline=True)


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["downstream", *map(str, arguments)])


# Whole evaluations ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def detection(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of two seeds, of the naive average alone."""
    out = tmp_path_factory.mktemp("detection") / "out"
    run = evaluated(scenes, out=str(out), seeds=(0, 1))
    assert run.failed == 0
    return out


def test_each_source_and_the_average_are_rows_and_seeds_stand_for_samples(detection: Path) -> None:
    frame = load_run(detection).frame()
    assert list(frame["method"].unique()) == ["visible", "infrared", "average"]
    assert set(frame["sample"]) == {"seed-0", "seed-1"}
    assert list(frame["metric"].unique()) == ["mAP50", "mAP50-95", "AP:square", "AP:bar"]
    assert set(frame["profile"]) == {"retrain"}
    assert set(frame["status"]) == {"ok"}
    assert frame["value"].between(0, 1).all()
    assert frame["seconds"].gt(0).all()


def test_the_same_again_computes_nothing_and_another_seed_only_itself(scenes: Path, detection: Path) -> None:
    before = load_run(detection).frame()
    assert evaluated(scenes, out=str(detection), seeds=(0, 1)).computed == 0
    assert load_run(detection).frame().equals(before)
    more = evaluated(scenes, out=str(detection), seeds=(0, 1, 2))
    assert more.computed == 3
    assert set(more.frame()["sample"]) == {"seed-0", "seed-1", "seed-2"}


def test_a_seed_gives_the_same_scores_wherever_it_is_computed(scenes: Path, detection: Path, tmp_path: Path) -> None:
    other = evaluated(scenes, out=str(tmp_path / "other"), seeds=(1,)).frame()
    known = load_run(detection).frame()
    known = known[known["sample"] == "seed-1"]
    columns = ["method", "metric", "value"]
    assert other[columns].values.tolist() == known[columns].values.tolist()


def test_tables_and_comparisons_read_it_like_any_run(scenes: Path, detection: Path) -> None:
    plugin = str(scenes.parent / "scenes_plugin.py")
    table = CliRunner().invoke(main, ["table", str(detection), "--spread", "sd", "-p", plugin])
    assert table.exit_code == 0, table.output
    assert "seeds)" in table.output
    assert "over the seeds" in table.output
    assert "Visible alone" in table.output
    assert "AP:square↑" in table.output
    compared = CliRunner().invoke(main, ["compare", str(detection), "-p", plugin, "--metrics", "mAP50"])
    assert compared.exit_code == 0, compared.output
    assert "mAP50" in compared.output
    told = " ".join(compared.output.split())
    assert re.search(r"no difference can reach 0\.05 with fewer than \d+ seeds", told)
    assert "Ranks are means over seeds (" in told
    assert "how far seeds agree" in told
    found = fb.compare(detection, metrics=("mAP50", "mAP50-95"))
    for name in ("markdown", "latex"):
        text = rendered(found, name)
        assert "Ranks are means over seeds (" in text
        assert "sample" not in text
    assert "on a seed, averaged over the seeds" in rendered(found, "markdown")


def test_its_report_counts_seeds(scenes: Path, detection: Path, tmp_path: Path) -> None:
    plugin = str(scenes.parent / "scenes_plugin.py")
    done = CliRunner().invoke(main, ["report", str(detection), "-o", str(tmp_path / "site"), "-p", plugin])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "<dt>seeds</dt>" in text
    assert " seeds</small>" in text
    assert "12 samples to train on, 6 to test on" in text
    page = (tmp_path / "site" / "dataset-0.html").read_text(encoding="utf-8")
    assert "<h2>Seeds</h2>" in page
    assert "Ranks are means over the seeds that all methods have" in page
    assert "samples" not in page.partition('id="significance"')[2].partition("</section>")[0]


def test_removing_it_leaves_nothing_of_it_and_everything_else(detection: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(detection, tmp_path / "out")
    assert {"cells", "work", "fused", "division-scenes.csv"} <= {path.name for path in folder.iterdir()}
    (folder / "notes.txt").write_text("mine")
    done = CliRunner().invoke(main, ["runs", "rm", "-y", str(folder)])
    assert done.exit_code == 0, done.output
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_images_of_a_run_are_used_and_only_the_others_fused(scenes: Path, tmp_path: Path) -> None:
    plugin = str(scenes.parent / "scenes_plugin.py")
    load_plugins((plugin,))
    ran = fb.run(
        ["lap=laplacian"], f"fused=scenes@test={scenes}", plugins=(plugin,), metrics=("EN",), out=str(tmp_path / "run")
    )
    out = tmp_path / "out"
    result = evaluated(scenes, runs=(ran.path,), out=str(out), split="test")
    assert list(result.frame()["method"].unique()) == ["visible", "infrared", "average", "lap"]
    assert set(load_run(out / "fused").frame()["method"]) == {"average"}
    with pytest.raises(UsageError, match="lap is one of a run already"):
        evaluate(
            dataclasses.replace(
                settings(scenes, runs=(ran.path,), split="test", out=str(out)),
                fusing=dataclasses.replace(
                    settings(scenes, split="test").fusing, methods=(MethodRequest(name="gff", label="lap"),)
                ),
            ),
            load_plugins((plugin,)),
        )


@pytest.mark.parametrize("harm", ["gone", "other"])
def test_a_fused_image_that_is_gone_or_is_another_is_fused_again(scenes: Path, tmp_path: Path, harm: str) -> None:
    plugin = str(scenes.parent / "scenes_plugin.py")
    load_plugins((plugin,))
    ran = fb.run("laplacian", f"scenes@test={scenes}", plugins=(plugin,), metrics=("EN",), out=str(tmp_path / "run"))
    first, second = sorted((ran.path / "images" / "laplacian").rglob("*.png"))[:2]
    pixels = second.read_bytes()
    first.unlink() if harm == "gone" else first.write_bytes(pixels)
    out = tmp_path / "out"
    result = evaluated(scenes, runs=(ran.path,), out=str(out), split="test")
    assert set(result.frame()["status"]) == {"ok"}
    assert set(load_run(out / "fused").frame()["method"]) == {"average", "laplacian"}
    assert evaluated(scenes, runs=(ran.path,), out=str(out), split="test").computed == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--model", "scratch:nothing"], "no such type of model"),
        (["--model", "EMPTY", "--protocol", "frozen"], "holds no weights"),
    ],
)
def test_a_model_that_cannot_be_had_ends_it_before_anything_is_fused(
    scenes: Path, tmp_path: Path, options: list[str], complaint: str
) -> None:
    (tmp_path / "EMPTY").mkdir()
    given = [str(tmp_path / "EMPTY") if option == "EMPTY" else option for option in options]
    arguments = ["-p", scenes.parent / "scenes_plugin.py", "-d", f"scenes={scenes}", "--out", tmp_path / "out"]
    result = command("detection", *arguments, *given)
    assert result.exit_code == 2
    assert complaint in result.output
    assert not (tmp_path / "out" / "fused").exists()


def test_what_is_known_of_an_evaluation(detection: Path) -> None:
    shown = CliRunner().invoke(main, ["runs", "show", str(detection)])
    assert shown.exit_code == 0, shown.output
    lines = dict(line.split(": ", 1) for line in shown.output.splitlines() if ": " in line)
    assert lines["division of scenes"].startswith("12 samples to train on, 6 to test on (the splits train and test)")
    assert "epochs 1" in lines["recipe"]
    assert lines["method visible"] == "visible"
    assert lines["method average"].startswith("average version ")
    assert " seeds, digest " in lines["data scenes"]


def test_what_is_asked_for_wrongly_is_told_before_data_are_read(scenes: Path, detection: Path, tmp_path: Path) -> None:
    arguments = ["-p", scenes.parent / "scenes_plugin.py", "-d", f"scenes={scenes}", "--out", tmp_path / "out"]
    for wrong, complaint in (
        (["-m", "nosuch"], "unknown method 'nosuch'"),
        ([detection], "is an evaluation"),
        ([tmp_path / "nowhere"], "is no run folder"),
    ):
        result = command("detection", *arguments, *wrong)
        assert result.exit_code == 2
        assert complaint in result.output
        assert "checking" not in result.output


def test_what_cannot_be_fused_is_a_row_that_says_why(scenes: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import fusionbench as fb\n\n\n@fb.method('broken', tasks=['IVF'])\ndef fuse(infrared, visible):\n"
        "    raise ValueError('no')\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    arguments = ["-p", scenes.parent / "scenes_plugin.py", "-p", plugin, "-d", f"scenes={scenes}", "-m", "broken"]
    result = command("detection", *arguments, "--epochs", "1", "--seeds", "0", "--device", "cpu", "--out", out)
    assert result.exit_code == 1, result.output
    frame = load_run(out).frame()
    assert set(frame.loc[frame["method"] == "broken", "status"]) == {"failed"}
    assert "12" in frame.loc[frame["method"] == "broken", "error"].iloc[0]
    assert set(frame.loc[frame["method"] != "broken", "status"]) == {"ok"}


def test_segmentation_and_what_it_trained_tested_frozen(scenes: Path, tmp_path: Path) -> None:
    run = evaluated(scenes, kind="segmentation", out=str(tmp_path / "trained"))
    trained = run.frame().set_index(["method", "metric"])["value"]
    assert {"mIoU", "IoU:background", "IoU:square", "IoU:bar"} == set(run.frame()["metric"])
    folder = tmp_path / "trained" / "cells" / "average" / "scenes" / "seed-0"
    frozen = evaluated(
        scenes, kind="segmentation", protocol="frozen", model=str(folder), out=str(tmp_path / "frozen")
    ).frame()
    again = frozen.set_index(["method", "metric"])["value"]
    assert again["average", "mIoU"] == pytest.approx(trained["average", "mIoU"], abs=1e-6)
    assert set(frozen["sample"]) == {"frozen"}
    assert set(frozen["profile"]) == {"frozen"}


def test_day_and_night_are_scored_apart_where_the_data_set_tells_them(tmp_path: Path) -> None:
    def scored(**changes: Any) -> Any:
        data = DatasetRequest(name="demo-ivf-labelled", options={"count": 16})
        fusing = RunConfig(methods=(), datasets=(data,), device="cpu")
        return evaluate(Settings(kind="segmentation", fusing=fusing, **changes), load_plugins()).frame()

    trained = scored(epochs=1, seeds=(0,), out=str(tmp_path / "trained"))
    names = ["mIoU", "mIoU:day", "mIoU:night", "IoU:background", "IoU:person", "IoU:car"]
    assert list(trained["metric"].unique()) == names
    values = trained.set_index(["method", "metric"])["value"]
    # The same model on nothing but the scenes at night.
    division = tmp_path / "night.csv"
    division.write_text("id,part\n00007N,test\n00015N,test\n", encoding="utf-8")
    model = tmp_path / "trained" / "cells" / "average" / "demo-ivf-labelled" / "seed-0"
    frozen = scored(protocol="frozen", model=str(model), division=division, out=str(tmp_path / "frozen"))
    night = frozen.set_index(["method", "metric"])["value"]
    assert "mIoU:night" not in set(frozen["metric"])  # all are
    assert night["average", "mIoU"] == pytest.approx(values["average", "mIoU:night"], abs=1e-6)
    assert values["average", "mIoU:night"] != pytest.approx(values["average", "mIoU:day"])


def test_a_detector_that_is_kept_is_the_one_that_was_tested(scenes: Path, detection: Path, tmp_path: Path) -> None:
    folder = detection / "cells" / "infrared" / "scenes" / "seed-1"
    frozen = evaluated(scenes, protocol="frozen", model=str(folder), out=str(tmp_path / "frozen")).frame()
    known = load_run(detection).frame()
    known = known[(known["method"] == "infrared") & (known["sample"] == "seed-1")]
    assert frozen.loc[frozen["method"] == "infrared", "value"].tolist() == pytest.approx(
        known["value"].tolist(), abs=1e-6
    )


def test_detectors_with_queries(scenes: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = tmp_path / "yolos"
    tiny = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.YolosConfig(**tiny, num_detection_tokens=10, image_size=[64, 96])
    config.save_pretrained(folder)  # a configuration without weights
    result = evaluated(scenes, model=str(folder), out=str(tmp_path / "out"), limit=8)
    frame = result.frame()
    assert set(frame["status"]) == {"ok"}, frame["error"].tolist()


# Division and leaks -----------------------------------------------------------------------------------


def test_a_single_split_is_divided_by_a_rule_and_the_division_is_kept(scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluated(scenes, split="train", out=str(out))
    lines = (out / "division-scenes@train.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,part"
    parts = dict(line.split(",") for line in lines[1:])
    assert len(parts) == 12
    assert sorted(parts.values()).count("test") == 3
    again = evaluated(scenes, split="train", out=str(out), division=out / "division-scenes@train.csv")
    assert again.computed == 0


def test_a_scene_in_both_parts_is_refused(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes")
    plugin = write_plugin(tmp_path)
    for side in ("ir", "vi"):
        shutil.copy(root / "train" / side / "0003.png", root / "test" / side / "0014.png")
    result = command("detection", "-p", plugin, "-d", f"scenes={root}", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "0003 is 0014 of the test part" in result.output


def test_black_pictures_in_both_parts_are_no_scene(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes")
    plugin = write_plugin(tmp_path)
    for part, name in (("train", "0003"), ("test", "0014")):
        Image.new("RGB", (96, 64)).save(root / part / "vi" / f"{name}.png")
    arguments = ["-p", plugin, "-d", f"scenes={root}", "--epochs", "1", "--seeds", "0", "--out", tmp_path / "out"]
    result = command("detection", *arguments)
    assert result.exit_code == 0, result.output


def test_neighbouring_frames_in_both_parts_are_told_of(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes")
    plugin = write_plugin(tmp_path)
    for side in ("ir", "vi"):
        pixels = np.asarray(Image.open(root / "train" / side / "0003.png")).astype(int)
        nearly = np.clip(np.roll(pixels, 1, axis=1) + 3, 0, 255).astype(np.uint8)
        Image.fromarray(nearly).save(root / "test" / side / "0014.png")
    arguments = ["-p", plugin, "-d", f"scenes={root}", "--epochs", "1", "--seeds", "0", "--out", tmp_path / "out"]
    result = command("detection", *arguments)
    assert result.exit_code == 0, result.output
    assert "1 of 6 test scenes are nearly the same as a training scene" in result.output
    assert "0003 and 0014" in result.output


def test_what_hangs_together_is_one_group() -> None:
    assert groups(5, [(0, 3), (3, 4)]) == [[0, 3, 4], [1], [2]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,part\nnobody,train\n", "1 ids are no labelled samples"),
        ("id,part\na,train\na,test\n", "line 3: a stands twice"),
        ("id,part\na,both\n", "part must be train or test"),
        ("name,part\n", "must name the columns id and part"),
        (f"id,part\n{'a' * 200_000},test\n", "line 2 cannot be read: field larger than field limit"),
    ],
)
def test_bad_divisions(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "division.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FusionBenchError, match=complaint):
        from_file(path, [])


def test_an_id_of_two_samples_cannot_be_divided(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes")
    plugin = write_plugin(tmp_path)
    for side, ending in (("ir", "png"), ("vi", "png"), ("labels", "txt")):
        (root / "train" / side / f"0003.{ending}").rename(root / "train" / side / f"0012.{ending}")
    division = tmp_path / "division.csv"
    division.write_text("id,part\n0012,test\n0001,train\n", encoding="utf-8")
    result = command("detection", "-p", plugin, "-d", f"scenes={root}", "--division", division, "--out", tmp_path / "o")
    assert result.exit_code == 2
    assert "0012 is a sample of scenes@train and of scenes@test" in result.output


# Labels -----------------------------------------------------------------------------------------------


def test_an_empty_file_is_a_negative_and_a_missing_one_leaves_the_sample_out(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "scenes")
    plugin = write_plugin(tmp_path)
    (root / "test" / "labels" / "0012.txt").write_text("", encoding="utf-8")
    (root / "test" / "labels" / "0013.txt").unlink()
    arguments = ["-p", plugin, "-d", f"scenes={root}", "--epochs", "1", "--seeds", "0", "--out", tmp_path / "out"]
    result = command("detection", *arguments)
    assert result.exit_code == 0, result.output
    assert "1 samples have no boxes and are left out: 0013" in result.output
    assert "12 samples to train on, 5 to test on" in result.output


@pytest.mark.parametrize(
    ("kind", "place", "text", "complaint"),
    [
        ("detection", "labels/0012.txt", "0 0.9 0.5 0.4 0.2\n", "is not inside the image"),
        ("detection", "labels/0012.txt", "7 0.5 0.5 0.1 0.1\n", "unknown class 7"),
        ("segmentation", "masks/0012.png", "", "the mask is 20x20, the images are 96x64"),
    ],
)
def test_wrong_labels_end_it_before_anything_is_fused(
    tmp_path: Path, kind: str, place: str, text: str, complaint: str
) -> None:
    root = write_scenes(tmp_path / "scenes")
    plugin = write_plugin(tmp_path)
    path = root / "test" / place
    if text:
        path.write_text(text, encoding="utf-8")
    else:
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(path)
    result = command(kind, "-p", plugin, "-d", f"scenes={root}", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert complaint in result.output
    assert not (tmp_path / "out" / "fused").exists()


def test_a_data_set_without_labels_is_refused(tmp_path: Path) -> None:
    result = command("segmentation", "-d", "demo-ivf", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "has masks" in result.output


# Classes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (("bar", "square"), {}, {0: 1, 1: 0}),  # by name, whatever the order
        (("person", "Square"), {}, {1: 0}),
        (("person", "car"), {"car": "bar"}, {1: 1}),
    ],
)
def test_classes_of_a_model_are_found_by_name(
    names: Sequence[str], given: dict[str, str], expected: dict[int, int]
) -> None:
    assert matched(names, CLASSES, given) == expected


@pytest.mark.parametrize(
    ("given", "complaint"),
    [({}, "no name in common"), ({"dog": "bar"}, "no class 'dog'"), ({"person": "dog"}, "data set has no class 'dog'")],
)
def test_classes_that_are_not_there(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        matched(("person", "car"), CLASSES, given)


# Settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no data set was asked for"),
        (["-d", "demo-ivf", "--protocol", "frozen"], "needs a model with weights"),
        (["-d", "demo-ivf", "--seeds", "0,0"], "each once"),
        (["-d", "demo-ivf", "--seeds", "x"], "whole numbers"),
        (["-d", "demo-ivf", "--model", ""], "--model is empty"),
        (["-d", "demo-ivf", "--image-size", "12"], "expected WxH"),
        (["-d", "demo-ivf", "--demo"], "brings its data sets"),
        (["-d", "demo-ivf", "--test-part", "1"], "between 0 and 1"),
        (["-d", "demo-ivf", "--protocol", "frozen", "--model", "x", "--seeds", "1"], "has no use for --seeds"),
        (["-d", "demo-ivf", "--class", "people=person"], "--class is for --protocol frozen"),
        (["-d", "demo-ivf", "-d", "llvip", "--division", "x.csv"], "--division divides one data set"),
    ],
)
def test_wrong_use(arguments: list[str], complaint: str) -> None:
    result = command("detection", *arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_models_that_are_none() -> None:
    with pytest.raises(UsageError, match="no such type of model"):
        load("scratch:nothing", "detection", CLASSES, retrain=True)
    with pytest.raises(UsageError, match="cannot be built for segmentation"):
        load("scratch:yolos", "segmentation", CLASSES, retrain=True)


def test_a_fused_image_of_another_size_does_not_fit_its_labels(scenes: Path) -> None:
    from fusionbench_downstream.pixels import read_rgb

    with pytest.raises(DataError, match="is 96x64, its scene and labels are 48x32"):
        read_rgb(scenes / "test" / "ir" / "0012.png", (48, 32))


# What is learnt ---------------------------------------------------------------------------------------


def test_an_interrupted_training_goes_on_and_ends_as_if_it_had_not_been(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.training import loop

    whole = evaluated(scenes, epochs=5, out=str(tmp_path / "whole")).frame()
    steps: list[int] = []
    train = loop.train

    def interrupted(*arguments: Any, **options: Any) -> Any:
        def progress(at: loop.Progress) -> None:
            steps.append(at.step)
            if steps.count(3) == 1 and at.step == 3:
                raise KeyboardInterrupt

        return train(*arguments, **options, progress=progress)

    monkeypatch.setattr(loop, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluated(scenes, epochs=5, out=str(tmp_path / "cut"))
    assert steps == [1, 2, 3]
    again = evaluated(scenes, epochs=5, out=str(tmp_path / "cut")).frame()
    assert steps[3:6] == [3, 4, 5]  # from the checkpoint of the second epoch
    columns = ["method", "metric", "value"]
    assert again[columns].values.tolist() == whole[columns].values.tolist()


@pytest.mark.slow
def test_a_detector_finds_what_its_images_show_and_nothing_else(tmp_path: Path) -> None:
    write_plugin(tmp_path)
    root = write_scenes(tmp_path / "scenes", train=64, test=16)
    scores = evaluated(root, epochs=10, out=str(tmp_path / "out")).frame().set_index(["method", "metric"])["value"]
    assert scores["infrared", "mAP50"] > 0.8
    assert scores["average", "mAP50"] > 0.7
    assert scores["visible", "mAP50"] < 0.2


def test_what_the_demonstration_says_of_its_numbers() -> None:
    import pandas as pd

    from fusionbench_downstream.demo import CONTROL, HELPS, verdicts

    known = ((HELPS, "mAP50", (0.5, 0.6, 0.8)), (HELPS, "mAP50:night", (0.3, 0.6, 0.7)), (CONTROL, "mAP50", (0.7,) * 3))
    rows = [
        {"method": method, "dataset": data, "sample": f"seed-{seed}", "metric": metric, "value": value + 0.01 * seed}
        for data, metric, values in known
        for method, value in zip(("visible", "infrared", "laplacian"), values, strict=True)
        for seed in (0, 1, 2)
    ]
    first, night, control = verdicts(pd.DataFrame(rows).assign(status="ok"))
    assert "laplacian against visible alone: +0.300 ± 0.000 (95 %, 3 seeds)" in first
    assert first.endswith("fusing helps, as it must.")
    assert night.startswith("demo-ivf-labelled, night: laplacian against visible alone: +0.400 ")
    assert control.endswith("fusing does not help, as it must not.")
    for unlike in (rows[:3], [rows[0], rows[7]]):  # nothing was fused; no seed of visible alone is one of the fused
        told, *_ = verdicts(pd.DataFrame(unlike).assign(status="ok"))
        assert told.endswith("nothing to compare.")
