"""Checking: everything that is wrong at once, what is odd as a notice, and the command for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from fusionbench.cli.main import main
from fusionbench.data import Report, check_dataset, open_dataset
from tests.helpers.pictures import picture, tree


def checked(root: Path, task: str = "IVF", *, decode: bool = True) -> Report:
    return check_dataset(open_dataset(f"folder={root}", options={"task": task}), workers=2, decode=decode)


def notices(report: Report) -> list[str]:
    return [problem.kind for problem in report.notices]


def test_a_clean_data_set(tmp_path: Path) -> None:
    tree(tmp_path, "ir/1.png", "vi/1.png", "ir/2.jpg", "vi/2.bmp")
    report = checked(tmp_path)
    assert (report.samples, report.usable, report.problems) == (2, ("1", "2"), ())
    assert report.sides[0].name == "infrared"
    assert report.sides[0].sizes == {"20x16": 2}
    assert report.sides[1].formats == {"PNG": 1, "BMP": 1}
    assert report.sides[1].channels == {"gray, 8 bit": 2}


def test_all_bad_files_are_reported_at_once(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{side}/{n}.png" for side in ("ir", "vi") for n in range(1, 6)), "ir/7.png")
    picture(tmp_path / "vi" / "2.png", size=(16, 21))
    (tmp_path / "ir" / "3.png").write_bytes(b"")
    cut = tmp_path / "vi" / "4.png"
    cut.write_bytes(cut.read_bytes()[:-20])
    report = checked(tmp_path)
    assert report.usable == ("1", "5")
    assert sorted((problem.kind, problem.sample or "") for problem in report.fatal) == [
        ("size", "2"),
        ("unpaired", ""),
        ("unreadable", "3"),
        ("unreadable", "4"),
    ]
    size = next(problem.message for problem in report.fatal if problem.kind == "size")
    assert "ir/2.png is 20x16" in size
    assert "vi/2.png is 21x16" in size


def test_headers_alone_find_sizes_and_missing_data(tmp_path: Path) -> None:
    tree(tmp_path, "ir/1.png", "vi/1.png", "ir/2.png", "vi/2.png")
    picture(tmp_path / "vi" / "1.png", size=(17, 20))
    (tmp_path / "vi" / "2.png").write_bytes(b"x")
    assert [problem.kind for problem in checked(tmp_path, decode=False).fatal] == ["size", "unreadable"]


def test_identical_repeated_and_constant(tmp_path: Path) -> None:
    tree(tmp_path, "ir/1.png", "vi/1.png", "ir/2.png", "vi/2.png", "ir/3.png")
    shutil.copy(tmp_path / "ir" / "1.png", tmp_path / "vi" / "1.png")
    shutil.copy(tmp_path / "ir" / "2.png", tmp_path / "ir" / "3.png")
    PIL.Image.new("L", (20, 16), 7).save(tmp_path / "vi" / "3.png")
    report = checked(tmp_path)
    assert not report.fatal
    assert sorted(notices(report)) == ["constant", "identical", "repeated"]
    assert any(
        "1 infrared images repeat" in problem.message and "2 = 3" in problem.message for problem in report.notices
    )


def test_studio_range(tmp_path: Path) -> None:
    ramp = np.linspace(16, 235, 16 * 20).reshape(16, 20).round().astype(np.uint8)
    for name in ("1", "2"):
        picture(tmp_path / "ir" / f"{name}.png", seed=int(name), level=20)
        (tmp_path / "vi").mkdir(exist_ok=True)
        PIL.Image.fromarray(np.roll(ramp, int(name))).save(tmp_path / "vi" / f"{name}.png")
    assert notices(checked(tmp_path)) == ["range"]


def test_sides_that_look_swapped(tmp_path: Path) -> None:
    picture(tmp_path / "ivf" / "ir" / "1.png", gray=False)
    picture(tmp_path / "ivf" / "vi" / "1.png", seed=1)
    assert notices(checked(tmp_path / "ivf")) == ["order"]
    picture(tmp_path / "mef" / "over" / "1.png", level=40)
    picture(tmp_path / "mef" / "under" / "1.png", level=200)
    assert notices(checked(tmp_path / "mef", "MEF")) == ["order"]


def test_infrared_in_colours(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{side}/{n}.png" for side in ("ir", "vi") for n in (1, 2)))
    colours = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    for name in ("ir/1.png", "vi/1.png", "vi/2.png"):
        PIL.Image.fromarray(colours).save(tmp_path / name)
        colours = colours[::-1]
    report = checked(tmp_path)
    assert notices(report) == ["colour"]
    assert "1 infrared images are coloured: ir/1.png" in report.notices[0].message
    # Gray that went through a lossy file of colour is no colour.
    gray = np.repeat(colours[..., :1], 3, axis=2)
    PIL.Image.fromarray(np.clip(gray + np.array([0, 2, 4]), 0, 255).astype(np.uint8)).save(tmp_path / "ir" / "1.png")
    assert notices(checked(tmp_path)) == []


def test_counts_of_a_thermal_camera(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{side}/{n}.png" for side in ("ir", "vi") for n in (1, 2)))
    scene = np.random.default_rng(0).random((16, 20))
    for name, span in (("1", 900), ("2", 6000)):
        PIL.Image.fromarray((29315 + scene * span).astype(np.uint16)).save(tmp_path / "ir" / f"{name}.png")
    report = checked(tmp_path)
    assert report.usable == ("2",)
    assert "radiometric counts" in report.fatal[0].message
    assert "gray levels" in next(problem.message for problem in report.notices if problem.kind == "note")


def test_text_features_are_read_too(tmp_path: Path) -> None:
    root = tree(tmp_path / "Image" / "IVF" / "MSRS", "IR/1.png", "VI/1.png", "IR/2.png", "VI/2.png")
    (root / "test.txt").write_text("1.png\n2.png\n")
    features = tmp_path / "TextFeature" / "IVF" / "MSRS"
    features.mkdir(parents=True)
    np.save(features / "1.npy", np.zeros((1, 3, 4), np.float32))
    np.save(features / "2.npy", np.full((1, 3, 4), np.nan, np.float32))
    dataset = open_dataset(f"msrs={root}")
    assert [sample.features() for sample in dataset.samples] == [features / "1.npy", features / "2.npy"]
    report = check_dataset(dataset)
    assert [(problem.kind, problem.sample) for problem in report.fatal] == [("text", "2")]


def test_the_command(tmp_path: Path) -> None:
    run = CliRunner().invoke
    tree(tmp_path, "ir/1.png", "vi/1.png")
    arguments = ["data", "check", f"folder={tmp_path}", "--option", "task=IVF"]
    good = run(main, arguments)
    assert good.exit_code == 0
    assert "samples: 1 listed, 1 usable" in good.output
    (tmp_path / "ir" / "2.png").write_bytes(b"")
    bad = run(main, [*arguments, "--json"])
    assert bad.exit_code == 1
    (report,) = json.loads(bad.output)
    assert report["problems"][0]["paths"] == ["ir/2.png"]
    assert report["usable"] == ["1"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["msrs"], ["nonsense"], ["msrs=/nowhere"], ["msrs=/", "--option", "x"], ["folder=/", "--option", "a=b"]],
)
def test_wrong_use_has_status_2_and_no_traceback(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["data", "check", *arguments])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
