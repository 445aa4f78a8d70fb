"""What a table shows: the samples that the last run over a data set listed, with today's images and metrics."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fusionbench as fb
from fusionbench.runs import MethodRequest, RunConfig
from fusionbench.types import Task
from tests.helpers.scenes import FolderOfPairs, pairs_dataset, scene, write_pairs
from tests.runs.test_pictures import METRICS, Notices, carry_out, folder_request, later, settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_pairs(tmp_path / "data", 4)
    return tmp_path / "data"


def gone(data: Path) -> None:
    for side in ("ir", "vi"):
        (data / side / "003.png").unlink()
    (data / "vi" / "002.png").unlink()


def renamed(data: Path) -> None:
    for side in ("ir", "vi"):
        for name in ("002", "003"):
            (data / side / f"{name}.png").rename(data / f"{side}-{name}.png")


@pytest.mark.parametrize("leave", [gone, renamed])
def test_samples_that_left_the_data_set_leave_the_means(tmp_path: Path, data: Path, leave) -> None:
    full = carry_out(settings(tmp_path))
    leave(data)
    notices = Notices()
    run = carry_out(settings(tmp_path), notices)
    assert (run.computed, run.complete) == (0, True)
    assert list(run.frame()["sample"].unique()) == ["000", "001"]
    assert run.info["pairs"] == {"road": 2}
    assert "(n = 2)" in str(run.table().groups[0].heading)
    assert any("2 samples of earlier runs are not in the data set any more" in text for text in notices.texts)
    expected = full.frame().query("sample in ('000', '001')").groupby("metric").value.mean()
    assert run.frame().groupby("metric").value.mean().to_dict() == expected.to_dict()


def test_they_leave_the_means_of_methods_that_were_not_run_again_too(tmp_path: Path, data: Path) -> None:
    carry_out(settings(tmp_path))
    gone(data)
    run = carry_out(settings(tmp_path, MethodRequest(name="maximum")))
    assert run.frame().groupby("method")["sample"].nunique().to_dict() == {"average": 2, "maximum": 2}


def test_samples_that_come_back_bring_their_results(tmp_path: Path, data: Path) -> None:
    before = carry_out(settings(tmp_path)).frame()
    shutil.copytree(data, tmp_path / "kept")
    gone(data)
    carry_out(settings(tmp_path))
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "kept", data)
    run = carry_out(settings(tmp_path))
    assert run.computed == 0
    assert run.frame().equals(before)


def test_a_limit_is_a_view_on_the_first_samples_and_loses_nothing(tmp_path: Path, data: Path) -> None:
    full = carry_out(settings(tmp_path)).frame()
    notices = Notices()
    first = carry_out(settings(tmp_path, MethodRequest(name="maximum"), limit=2), notices)
    assert any("2 samples of earlier runs are beyond --limit" in text for text in notices.texts)
    assert first.frame().groupby("method")["sample"].nunique().to_dict() == {"average": 2, "maximum": 2}
    assert {group.pairs for group in first.table().groups} == {2}
    assert all((tmp_path / "run" / "images" / "average" / "road" / f"00{n}.png").is_file() for n in range(4))
    again = carry_out(settings(tmp_path))
    assert again.computed == 0
    frame = again.frame()
    assert frame[frame.method == "average"].equals(full)
    table = again.table()
    group = table.groups[0]
    cells = {row.key: table.cell(row, group, group.metrics[0]) for row in table.rows}
    assert (cells["average"].n, cells["maximum"].n, cells["maximum"].expected) == (4, 2, 4)


def test_results_of_other_images_do_not_stand_beside_those_of_today_s(tmp_path: Path, data: Path) -> None:
    carry_out(settings(tmp_path))
    Image.fromarray(scene(60)[0]).save(data / "ir" / "001.png")
    run = carry_out(settings(tmp_path, MethodRequest(name="maximum")))
    frame = run.frame()
    old = frame[(frame.method == "average") & (frame["sample"] == "001")]
    assert set(old.status) == {"missing"}
    assert old.error.str.contains("other images than the sample has now").all()
    assert set(frame[frame.method == "maximum"].status) == {"ok"}
    assert carry_out(settings(tmp_path)).computed == 1
    assert set(fb.load_run(tmp_path / "run").frame().status) == {"ok"}


def test_another_root_under_a_label_takes_the_rows_of_the_first_out(tmp_path: Path, data: Path) -> None:
    carry_out(settings(tmp_path))
    write_pairs(tmp_path / "other", 4)
    for index, path in enumerate(sorted((tmp_path / "other" / "ir").iterdir())):
        Image.fromarray(scene(70 + index)[0]).save(path)
    request = folder_request(tmp_path / "other")
    frame = carry_out(settings(tmp_path, MethodRequest(name="maximum"), datasets=(request,))).frame()
    assert set(frame[frame.method == "average"].status) == {"missing"}
    assert set(frame[frame.method == "maximum"].status) == {"ok"}


def test_a_disk_that_is_away_costs_no_pictures(tmp_path: Path, data: Path) -> None:
    run = carry_out(settings(tmp_path))
    pictures = {path: Path(path).read_bytes() for path in run.frame().image}
    (data / "ir").rename(data / "away")
    (data / "ir").mkdir()
    for name in ("000", "001", "002", "003"):
        (data / "ir" / f"{name}.png").write_bytes(b"")
    both = (MethodRequest(name="average"), MethodRequest(name="maximum"))
    assert carry_out(settings(tmp_path, *both)).failed == 8
    assert {path: Path(path).read_bytes() for path in pictures} == pictures
    shutil.rmtree(data / "ir")
    (data / "away").rename(data / "ir")
    again = carry_out(settings(tmp_path, *both))
    assert again.computed == 4
    assert set(again.frame().status) == {"ok"}


def test_values_of_two_versions_of_a_metric_never_share_a_column(tmp_path: Path, data: Path) -> None:
    from fusionbench.plugins import load_plugins
    from fusionbench.runs import execute, plan

    carry_out(settings(tmp_path))
    present = plan._with_weights

    def with_new_version(config: RunConfig, plugins):
        metrics, lacking = present(config, plugins)
        return tuple(dataclasses.replace(m, version="2") if m.name == "EN" else m for m in metrics), lacking

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_with_weights", with_new_version)
        run = execute(settings(tmp_path, MethodRequest(name="maximum")), load_plugins(), inline=True)
    frame = run.frame().set_index(["method", "metric"])
    assert set(frame.loc[("average", "EN"), "status"]) == {"missing"}
    assert frame.loc[("average", "EN"), "error"].str.contains("version 1 of the metric").all()
    assert set(frame.loc[("average", "SD"), "status"]) == {"ok"}
    assert set(frame.loc[("maximum", "EN"), "status"]) == {"ok"}


def test_the_caption_says_which_rows_follow_which_colour_rule(tmp_path: Path, data: Path) -> None:
    assert carry_out(settings(tmp_path)).info["colour"] == "luma methods' results in colour (YCbCr)"
    run = carry_out(settings(tmp_path, MethodRequest(name="maximum"), colour="gray"))
    rules = "luma methods' results in colour (YCbCr): Average; luma methods' results in gray: Maximum"
    assert run.info["colour"] == rules
    assert run.table().info.colour == rules
    assert carry_out(settings(tmp_path, colour="gray")).info["colour"] == "luma methods' results in gray"


# --- what is remembered of files


def unreadable_for_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network disk that is away for a moment: size, times and content stay."""
    from fusionbench.images import decode

    opened = decode._opened

    def away(source: Path, name: str):
        if Path(source) == path:
            raise fb.FusionBenchError(f"{name}: cannot be read: Input/output error.")
        return opened(source, name)

    monkeypatch.setattr(decode, "_opened", away)


def test_a_read_error_is_tried_again(tmp_path: Path, data: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        unreadable_for_once(data / "ir" / "001.png", patch)
        run = carry_out(settings(tmp_path))
    frame = run.frame()
    assert set(frame[frame.status == "failed"]["sample"]) == {"001"}
    run = carry_out(settings(tmp_path))
    assert (run.computed, run.failed) == (1, 0)
    assert set(run.frame().status) == {"ok"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs permissions of Unix")
def test_a_file_without_permission_is_tried_again(tmp_path: Path, data: Path) -> None:
    path = data / "ir" / "001.png"
    path.chmod(0)
    command = [sys.executable, "-m", "fusionbench", "run", "-m", "average", "-d", f"folder={data}", "--metrics", "EN"]
    command += ["--option", "folder.task=IVF", "--option", "folder.sides=ir,vi", "--out", str(tmp_path / "run")]
    wrap = []
    if os.geteuid() == 0:
        rights = "-dac_override,-dac_read_search"
        wrap = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything")
    first = subprocess.run([*wrap, *command], capture_output=True, text=True, check=False)
    assert first.returncode == 1, first.stderr
    assert "Permission denied" in first.stderr
    path.chmod(0o644)
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr


def test_what_is_remembered_does_not_outlive_the_code_that_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.runs import preflight

    dataset = pairs_dataset(tmp_path, 2)
    later(monkeypatch)
    first = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    decoded: list[Path] = []
    read = preflight.read_image
    monkeypatch.setattr(preflight, "read_image", lambda path: decoded.append(path) or read(path))
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    assert decoded == []
    monkeypatch.setattr(preflight, "reader_digest", lambda: "another")
    again = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    assert len(decoded) == 4
    assert again.computed == 0
    assert again.frame().value.equals(first.frame().value)


def test_a_reader_that_reads_other_pixels_makes_other_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusionbench.fusing import decoding
    from fusionbench.runs import preflight

    dataset = pairs_dataset(tmp_path, 2)
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    read = preflight.read_image

    def darker(source):
        image = read(source)
        return dataclasses.replace(image, pixels=image.pixels // 2) if Path(source).stem == "001" else image

    monkeypatch.setattr(preflight, "read_image", darker)
    monkeypatch.setattr(decoding, "read_image", darker)
    monkeypatch.setattr(preflight, "reader_digest", lambda: "another")
    assert fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).computed == 1


def test_the_reader_s_digest_follows_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from fusionbench.images import reading

    before = reading.reader_digest()
    monkeypatch.setattr(reading, "_version", lambda library: "99")
    reading.reader_digest.cache_clear()
    assert reading.reader_digest() != before
    monkeypatch.undo()
    reading.reader_digest.cache_clear()
    assert reading.reader_digest() == before


@pytest.mark.parametrize("settled", [False, True], ids=["at-once", "later"])
@pytest.mark.parametrize("way", ["in place", "replaced"])
def test_other_content_of_the_same_size_and_time_is_noticed(
    tmp_path: Path, way: str, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = write_pairs(tmp_path, 1)
    path = samples[0].sources[0].with_suffix(".bmp")
    Image.fromarray(scene(0)[0]).save(path)
    sample = dataclasses.replace(samples[0], sources=(path, samples[0].sources[1]))
    dataset = FolderOfPairs("pairs", Task.IVF, [sample])
    if settled:
        later(monkeypatch)
    first = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).frame()
    before = path.stat()
    target = path if way == "in place" else path.with_name("other.bmp")
    Image.fromarray(np.flipud(scene(3)[0])).save(target)
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    target.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    again = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    assert again.computed == 1
    assert not np.array_equal(again.frame().value, first.value)


def test_the_same_relative_path_elsewhere_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        samples = write_pairs(Path("data"), 1)
        if place == "b":
            Image.fromarray(scene(5)[0]).save(samples[0].sources[0])
        dataset = FolderOfPairs("pairs", Task.IVF, samples)
        frames.append(fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).frame())
    assert not np.array_equal(frames[0].value, frames[1].value)


def test_a_copied_data_set_is_compared_and_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusionbench.runs import preflight

    dataset = pairs_dataset(tmp_path, 2)
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    for path in (source for sample in dataset.samples for source in sample.sources):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    monkeypatch.setattr(preflight, "read_image", lambda path: pytest.fail(f"{path} decoded again"))
    assert fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).computed == 0
