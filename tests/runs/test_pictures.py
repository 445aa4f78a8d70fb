"""A picture in a run folder is that of its row, whatever was run there before and whatever happened to the file."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import fusionbench as fb
from fusionbench.images.decode import read_image
from fusionbench.metrics import evaluate
from fusionbench.runs import DatasetRequest, MethodRequest, RunConfig, execute
from fusionbench.runs.engine import SilentWatcher, open_datasets
from fusionbench.types import FusionBenchError, Task, UsageError
from tests.helpers.scenes import FolderOfPairs, pairs_dataset, scene, write_pairs

METRICS = ("EN", "SD")


class Notices(SilentWatcher):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def notice(self, message: str) -> None:
        self.texts.append(message)

    unusable = notice


def folder_request(root: Path, label: str = "road") -> DatasetRequest:
    return DatasetRequest(name="folder", label=label, root=str(root), options={"task": "IVF", "sides": "ir,vi"})


def settings(tmp_path: Path, *methods: MethodRequest, **more: Any) -> RunConfig:
    more.setdefault("datasets", (folder_request(tmp_path / "data"),))
    more.setdefault("out", str(tmp_path / "run"))
    return RunConfig(methods=methods or (MethodRequest(name="average"),), metrics=METRICS, **more)


def carry_out(config: RunConfig, watcher: SilentWatcher | None = None) -> fb.api.Run:
    from fusionbench.plugins import load_plugins

    return execute(config, load_plugins(config.plugins), inline=True, watcher=watcher)


def assert_pictures_are_those_of_the_rows(run: fb.api.Run) -> None:
    """Each row's values are those of the picture beside it, and each picture in the folder is that of a row."""
    frame = run.frame()
    assert set(frame.status) == {"ok"}
    assert frame.image.notna().all()
    config = run.config
    sources = {
        (key, sample.id): [read_image(source).pixels for source in sample.sources]
        for key, opened in open_datasets(config).items()
        for sample in opened.samples
    }
    for (_, dataset, sample), rows in frame.groupby(["method", "dataset", "sample"]):
        path = Path(rows.image.iloc[0])
        expected = evaluate(np.asarray(Image.open(path)), sources[dataset, sample], metrics=METRICS).iloc[0]
        assert dict(zip(rows.metric, rows.value, strict=True)) == pytest.approx(dict(expected), rel=1e-12), path
    assert set(map(Path, frame.image)) == set((run.path / "images").rglob("*.png"))


PLUGIN = """
import torch
import fusionbench as fb
from fusionbench.runs.engine import open_datasets

@fb.method("mine", tasks=["IVF"])
def fuse(infrared, visible, *, share=0.5):
    return {share} * infrared + (1 - {share}) * visible
"""

WEIGHTED = """
import fusionbench as fb
from fusionbench.runs.engine import open_datasets

class Weighted:
    def load(self, device, weights):
        self.share = int(weights.read_bytes()[0]) / 255

    def fuse(self, batch):
        infrared, visible = batch.sources
        return self.share * infrared + (1 - self.share) * visible

def fusionbench_methods():
    spec = fb.WeightSpec(name="weighted", filename="w.pth")
    return [fb.MethodSpec(name="weighted", tasks=(fb.Task.IVF,), factory=Weighted, weights=(spec,))]
"""

State = Callable[[], RunConfig]


def by_option(tmp_path: Path) -> tuple[State, State]:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.replace("{share}", "share"), encoding="utf-8")

    def with_share(share: float) -> State:
        request = MethodRequest(name="mine", options={"share": share})
        return lambda: settings(tmp_path, request, plugins=(str(plugin),))

    return with_share(0.2), with_share(0.8)


def by_label(tmp_path: Path) -> tuple[State, State]:
    return (
        lambda: settings(tmp_path, MethodRequest(name="average", label="ours")),
        lambda: settings(tmp_path, MethodRequest(name="maximum", label="ours")),
    )


def by_weights(tmp_path: Path) -> tuple[State, State]:
    plugin = tmp_path / "weighted.py"
    plugin.write_text(WEIGHTED, encoding="utf-8")
    file = tmp_path / "w.pth"

    def with_weights(content: bytes) -> State:
        def prepare() -> RunConfig:
            file.write_bytes(content)
            return settings(tmp_path, MethodRequest(name="weighted", weights=str(file)), plugins=(str(plugin),))

        return prepare

    return with_weights(b"\x20"), with_weights(b"\xe0")


def by_colour(tmp_path: Path) -> tuple[State, State]:
    return lambda: settings(tmp_path), lambda: settings(tmp_path, colour="gray")


def by_root(tmp_path: Path) -> tuple[State, State]:
    for index in range(2):
        infrared, visible = scene(10 + index)
        for side, image in (("ir", infrared), ("vi", visible)):
            (tmp_path / "other" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / "other" / side / f"{index:03d}.png")
    return (
        lambda: settings(tmp_path),
        lambda: settings(tmp_path, datasets=(folder_request(tmp_path / "other"),)),
    )


def by_source(tmp_path: Path) -> tuple[State, State]:
    path = tmp_path / "data" / "ir" / "000.png"
    original = path.read_bytes()

    def before() -> RunConfig:
        path.write_bytes(original)
        return settings(tmp_path)

    def edited() -> RunConfig:
        Image.fromarray(scene(50)[0]).save(path)
        return settings(tmp_path)

    return before, edited


def by_plugin(tmp_path: Path) -> tuple[State, State]:
    plugin = tmp_path / "mine.py"

    def with_source(share: str) -> State:
        def prepare() -> RunConfig:
            plugin.write_text(PLUGIN.replace("{share}", share).replace("share=0.5", "share_=0"), encoding="utf-8")
            return settings(tmp_path, MethodRequest(name="mine"), plugins=(str(plugin),))

        return prepare

    return with_source("0.2"), with_source("0.8")


WAYS = {f.__name__[3:]: f for f in (by_option, by_label, by_weights, by_colour, by_root, by_source, by_plugin)}


@pytest.mark.parametrize("default_folder", [False, True], ids=["out", "default-folder"])
@pytest.mark.parametrize("way", WAYS)
def test_settings_changed_and_changed_back_leave_the_rows_own_pictures(
    tmp_path: Path, way: str, default_folder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "data", 2)
    first, second = WAYS[way](tmp_path)
    values = []
    for state in (first, second, first, second):
        config = state()
        run = carry_out(dataclasses.replace(config, out="") if default_folder else config)
        assert_pictures_are_those_of_the_rows(run)
        values.append(list(run.frame().value))
    assert values[0] == values[2] != values[1] == values[3]


@pytest.mark.parametrize("moment", ["before", "while"])
def test_an_interrupted_change_leaves_no_picture_of_other_settings(tmp_path: Path, moment: str) -> None:
    write_pairs(tmp_path / "data", 3)
    carry_out(settings(tmp_path))

    class Interrupts(SilentWatcher):
        def starting(self, total: int, done: int) -> None:
            if moment == "before":
                raise KeyboardInterrupt

        def finished(self, unit: object, outcome: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(settings(tmp_path, colour="gray"), Interrupts())
    frame = fb.load_run(tmp_path / "run").frame()
    expected = {"before": 0, "while": 1}[moment]
    assert frame[frame.status == "ok"]["sample"].nunique() == expected
    assert frame.image.dropna().nunique() == expected
    for path in (tmp_path / "run" / "images").rglob("*.png"):
        assert np.asarray(Image.open(path)).ndim == 2
    run = carry_out(settings(tmp_path))
    assert_pictures_are_those_of_the_rows(run)


def test_a_failed_row_has_no_picture_of_earlier_settings(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)
    state = {"broken": False}

    @fb.method("test-failing", tasks=["IVF"])
    def fuse(infrared, visible, *, unused=0):
        if state["broken"]:
            raise ValueError("broken")
        return infrared

    run = fb.run(fuse, dataset, out=tmp_path / "run", metrics=METRICS)
    assert len(list((run.path / "images").rglob("*.png"))) == 2
    state["broken"] = True
    again = fb.run(fuse, dataset, out=tmp_path / "run", metrics=METRICS, colour="gray")
    assert set(again.frame().status) == {"failed"}
    assert again.frame().image.isna().all()
    assert not list((run.path / "images").rglob("*.png"))


def test_without_images_no_picture_of_other_settings_stays(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", 2)
    carry_out(settings(tmp_path))
    gray = carry_out(settings(tmp_path, colour="gray", images=False))
    assert gray.frame().image.isna().all()
    assert not list((gray.path / "images").rglob("*.png"))


def test_without_images_the_rows_own_pictures_stay_and_serve(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)
    calls = []

    @fb.method("test-counted", tasks=["IVF"])
    def fuse(infrared, visible):
        calls.append(1)
        return infrared

    fb.run(fuse, dataset, out=tmp_path / "run", metrics=("EN",))
    run = fb.run(fuse, dataset, out=tmp_path / "run", metrics=("EN", "SD"), images=False)
    assert len(calls) == 2
    assert run.frame().image.notna().all()
    assert run.frame().value.notna().all()


def test_every_label_and_every_sample_has_its_picture(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path / "data", 2)
    for side, source in zip(("ir", "vi"), samples[0].sources, strict=True):
        (tmp_path / "data" / side / "twin.png").write_bytes(source.read_bytes())
    carry_out(settings(tmp_path))
    both = (MethodRequest(name="average"), MethodRequest(name="average", label="again"))
    run = carry_out(settings(tmp_path, *both))
    assert run.computed == 0
    assert run.frame().image.nunique() == 6
    assert_pictures_are_those_of_the_rows(run)
    fresh = carry_out(settings(tmp_path, *both, out=str(tmp_path / "fresh")))
    assert fresh.computed == 2
    assert fresh.frame().image.nunique() == 6
    assert_pictures_are_those_of_the_rows(fresh)


def test_swapped_labels_swap_their_pictures(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", 2)
    for names in (("average", "maximum"), ("maximum", "average")):
        requests = [MethodRequest(name=n, label=label) for n, label in zip(names, ("x", "y"), strict=True)]
        assert_pictures_are_those_of_the_rows(carry_out(settings(tmp_path, *requests)))


def test_a_renamed_sample_takes_its_picture_along(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", 2)
    carry_out(settings(tmp_path))
    for side in ("ir", "vi"):
        (tmp_path / "data" / side / "000.png").rename(tmp_path / "data" / side / "zero.png")
    run = carry_out(settings(tmp_path))
    assert run.computed == 0
    assert sorted(run.frame()["sample"].unique()) == ["001", "zero"]
    assert all(Path(path).is_file() for path in run.frame().image)


# --- what happens to files


def zeroed(path: Path, other: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def swapped(path: Path, other: Path) -> None:
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def overwritten(path: Path, other: Path) -> None:
    Image.fromarray(scene(99)[1]).save(path)


def linked(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


def linked_to_a_copy_elsewhere(path: Path, other: Path) -> None:
    outside = path.parents[5] / "outside.png"
    path.rename(outside)
    path.symlink_to(outside)


def replaced_with_its_old_times(path: Path, other: Path) -> None:
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def locked(path: Path, other: Path) -> None:
    path.chmod(0)


DAMAGES = (
    zeroed, cut, swapped, overwritten, linked, linked_to_a_copy_elsewhere, replaced_with_its_old_times, locked,
)  # fmt: skip


@pytest.mark.parametrize("settled", [False, True], ids=["at-once", "later"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_a_picture_that_was_touched_is_made_again(
    tmp_path: Path, damage: Callable[[Path, Path], None], settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path / "data", 2)
    run = carry_out(settings(tmp_path))
    good = {path: path.read_bytes() for path in map(Path, run.frame().image.unique())}
    if settled:
        later(monkeypatch)
        assert carry_out(settings(tmp_path)).computed == 0
    damage(*good)
    run = carry_out(settings(tmp_path))
    assert {path: path.read_bytes() for path in good} == good
    assert not any(path.is_symlink() for path in good)
    assert_pictures_are_those_of_the_rows(run)


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if everything on the disk had been written long ago."""
    from fusionbench import stamps

    monkeypatch.setattr(stamps, "MARGIN_NS", 0)


def test_pictures_whose_times_are_settled_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusionbench.runs import pictures

    write_pairs(tmp_path / "data", 2)
    carry_out(settings(tmp_path))
    later(monkeypatch)
    read: list[Path] = []
    digest = pictures.file_sha256
    monkeypatch.setattr(pictures, "file_sha256", lambda path: read.append(path) or digest(path))
    carry_out(settings(tmp_path))
    assert len(read) == 2
    carry_out(settings(tmp_path))
    assert len(read) == 2


def test_one_unreadable_picture_does_not_stop_further_metrics(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", 2)
    run = carry_out(settings(tmp_path))
    path = Path(run.frame().image.iloc[0])
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    run = carry_out(dataclasses.replace(settings(tmp_path), metrics=("EN", "SD", "AG")))
    frame = run.frame()
    assert set(frame[frame["sample"] == "001"].status) == {"ok"}
    assert frame[frame["sample"] == "000"].error.str.contains("cannot be written|is a folder").all()


def test_further_metrics_that_fail_leave_the_scores_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.runs import finishing

    dataset = pairs_dataset(tmp_path, 1)
    fb.run("average", dataset, out=tmp_path / "run", metrics=("EN",))

    def fails(path: Path) -> None:
        raise FusionBenchError("the disk is away")

    monkeypatch.setattr(finishing, "_stored_pixels", fails)
    run = fb.run("average", dataset, out=tmp_path / "run", metrics=("EN", "SD"))
    frame = run.frame().set_index("metric")
    assert frame.status.to_dict() == {"EN": "ok", "SD": "failed"}
    assert "the disk is away" in frame.error["SD"]
    assert run.failed == 1


def test_a_picture_made_anew_with_other_pixels_takes_the_place_of_all_earlier_scores(tmp_path: Path) -> None:
    """A method that never gives the same twice: no value of one picture beside those of another."""
    dataset = pairs_dataset(tmp_path, 1)
    state = {"share": 0.2}

    @fb.method("test-drifting", tasks=["IVF"])
    def fuse(infrared, visible):
        return state["share"] * infrared + (1 - state["share"]) * visible

    run = fb.run(fuse, dataset, out=tmp_path / "run", metrics=("EN", "SD"))
    Path(run.frame().image.iloc[0]).unlink()
    state["share"] = 0.8
    fb.run(fuse, dataset, out=tmp_path / "run", metrics=("EN",))
    run = fb.run(fuse, dataset, out=tmp_path / "run", metrics=("EN", "SD"))
    rows = run.frame().set_index("metric")
    picture = np.asarray(Image.open(rows.image.iloc[0]))
    sources = [read_image(source).pixels for source in dataset.samples[0].sources]
    expected = evaluate(picture, sources, metrics=METRICS).iloc[0]
    assert dict(rows.value) == pytest.approx(dict(expected), rel=1e-12)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/hostname", "images/../../secret.png", "config.yaml"])
def test_a_journal_that_names_a_picture_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    import sqlite3

    dataset = pairs_dataset(tmp_path, 1)
    run = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    with sqlite3.connect(run.path / "journal.sqlite") as database:
        database.execute("UPDATE pictures SET path=?", (path,))
        database.execute("UPDATE cells SET image=?", (path,))
    with pytest.raises(FusionBenchError, match="names a picture outside"):
        fb.load_run(run.path).frame()
    with pytest.raises(FusionBenchError, match="names a picture outside"):
        fb.run("average", dataset, out=tmp_path / "run", metrics=(*METRICS, "AG"))


def test_no_picture_is_written_through_a_link_out_of_the_folder(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / "images").mkdir(parents=True)
    (tmp_path / "run" / "images" / "average").symlink_to(tmp_path / "elsewhere")
    run = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    assert run.frame().error.str.contains("leads out of").all()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_folder_of_images_itself_may_lie_on_another_disk(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "images").symlink_to(tmp_path / "disk")
    assert fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).complete
    assert fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS).computed == 0
    assert len(list((tmp_path / "disk").rglob("*.png"))) == 1


def test_a_moved_run_folder_keeps_its_pictures(tmp_path: Path) -> None:
    import shutil

    dataset = pairs_dataset(tmp_path, 2)
    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    shutil.copytree(tmp_path / "run", tmp_path / "copied")
    run = fb.run("average", dataset, out=tmp_path / "copied", metrics=METRICS)
    assert run.computed == 0
    assert all(Path(path).is_relative_to(tmp_path / "copied") for path in run.frame().image)


def test_the_gallery_refuses_a_picture_that_is_not_the_row_s(tmp_path: Path) -> None:
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.gallery import gallery
    from fusionbench.types import DataError

    dataset = pairs_dataset(tmp_path, 2)
    run = fb.run(["average", "maximum"], dataset, out=tmp_path / "run")
    plugins = current_plugins()
    shown = {"metrics": plugins.metrics, "methods": plugins.methods}
    gallery(run.frame(), [dataset], **shown)
    frame = run.frame()
    paths = [Path(frame[frame.method == name].image.iloc[0]) for name in ("average", "maximum")]
    swapped(*paths)
    with pytest.raises(DataError, match="not the picture that was scored"):
        gallery(run.frame(), [dataset], **shown)


def test_the_digest_in_the_frame_is_that_of_the_file(tmp_path: Path) -> None:
    run = fb.run("average", pairs_dataset(tmp_path, 1), out=tmp_path / "run", metrics=METRICS)
    row = run.frame().iloc[0]
    assert row.image_sha256 == hashlib.sha256(Path(row.image).read_bytes()).hexdigest()


def test_two_sources_and_a_truth_are_not_three_sources(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path, 1)
    third = tmp_path / "third.png"
    Image.fromarray(scene(7)[1]).save(third)
    with_truth = dataclasses.replace(samples[0], task=Task.MEF, id="truth", reference=third)
    three = dataclasses.replace(samples[0], task=Task.MEF, id="three", sources=(*samples[0].sources, third))
    run = fb.run(
        "average", FolderOfPairs("mixed", Task.MEF, [with_truth, three]), out=tmp_path / "run", metrics=METRICS
    )
    assert run.computed == 2
    assert run.frame().groupby("sample").value.first().nunique() == 2


def test_texts_of_one_method_do_not_change_the_identity_of_another(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path, 1)
    text = tmp_path / "text.npy"
    np.save(text, np.zeros((4, 8), np.float32))
    dataset = FolderOfPairs("pairs", Task.IVF, [dataclasses.replace(samples[0], text_features={"": text})])

    @fb.method("test-text", tasks=["IVF"], text="optional")
    class Reads:
        def load(self, device: torch.device, weights: Path | None) -> None:
            pass

        def fuse(self, batch: fb.Batch) -> torch.Tensor:
            return batch.sources[0]

    fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    run = fb.run(["average", Reads], dataset, out=tmp_path / "run", metrics=METRICS)
    assert run.computed == 1
    text.write_bytes(b"rubbish")
    text.chmod(0)
    if os.access(text, os.R_OK):
        text.unlink()
        text.mkdir()
    run = fb.run(["average", Reads], dataset, out=tmp_path / "run", metrics=METRICS)
    frame = run.frame()
    assert set(frame[frame.method == "average"].status) == {"ok"}
    assert set(frame[frame.method == "test-text"].status) == {"failed"}


def test_pictures_outlive_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is renamed into place was synchronised before, and so is its folder after."""
    from fusionbench import atomic

    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synchronise(descriptor: int) -> None:
        done.append("folder" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file")
        fsync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace(self, target)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    monkeypatch.setattr(atomic.os, "fsync", synchronise)
    monkeypatch.setattr(Path, "replace", rename)
    from fusionbench.images.encode import write_png

    write_png(tmp_path / "new" / "x.png", np.zeros((20, 20), np.uint8))
    assert done[-3:] == ["file", "rename", "folder"]
    assert done[0] == "folder"


def test_a_sample_whose_file_changes_while_the_run_reads_it_is_failed(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)

    @fb.method("test-meddling", tasks=["IVF"])
    def fuse(infrared, visible):
        path = dataset.samples[1].sources[0]
        path.write_bytes(path.read_bytes())
        return infrared

    run = fb.run(fuse, dataset, out=tmp_path / "run", metrics=METRICS)
    frame = run.frame()
    assert set(frame[frame["sample"] == "000"].status) == {"ok"}
    assert frame[frame["sample"] == "001"].error.str.contains("changed while the run").all()
    assert not (run.path / "images" / "test-meddling" / "pairs" / "001.png").exists()


def test_a_run_never_reads_what_it_replaces(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)
    run = fb.run("average", dataset, out=tmp_path / "run", metrics=METRICS)
    folder = Path(run.frame().image.iloc[0]).parent
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UsageError, match="where this run keeps the pictures of average"):
        fb.score(folder, dataset, name="average", out=tmp_path / "run", metrics=METRICS)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    scored = fb.score(folder, dataset, name="again", out=tmp_path / "run", metrics=METRICS)
    values = scored.frame().pivot_table(index=["sample", "metric"], columns="method", values="value")
    assert list(values["again"]) == list(values["average"])
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
