"""Runs from end to end: what is computed, what is kept, what happens when something goes wrong."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import fusionbench as fb
from fusionbench import api
from fusionbench.metrics import evaluate
from fusionbench.runs import RunConfig
from fusionbench.runs.engine import SilentWatcher
from fusionbench.types import DataError, Sample, Task, UsageError
from tests.helpers.scenes import FolderOfPairs, pairs_dataset, write_pairs

METRICS = ("EN", "SD", "SF", "AG", "VIF", "Qabf")


@fb.method("test-mean", tasks=["IVF"])
def mean(infrared, visible, *, share=0.5):
    return share * infrared + (1 - share) * visible


@fb.method("test-max", tasks=["IVF"])
def largest(infrared, visible):
    return torch.maximum(infrared, visible)


def counting(calls: list[int]):
    @fb.method("test-counting", tasks=["IVF"])
    def fuse(infrared, visible):
        calls.append(len(infrared))
        return torch.maximum(infrared, visible)

    return fuse


def test_a_run_gives_a_row_for_each_sample_and_metric(tmp_path: Path) -> None:
    run = fb.run([mean, largest], pairs_dataset(tmp_path, 3), out=str(tmp_path / "run"))
    frame = run.frame()
    assert list(frame.columns[:10]) == [
        "method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error", "seconds",
    ]  # fmt: skip
    assert len(frame) == 2 * 3 * len(METRICS)
    assert set(frame.status) == {"ok"}
    assert frame.value.notna().all()
    assert (frame.seconds > 0).all()
    assert run.complete


def test_scores_are_those_of_the_written_file(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    run = fb.run(mean, dataset, out=str(tmp_path / "run"))
    frame = run.frame().set_index("metric")
    written = np.asarray(Image.open(frame.image.iloc[0]))
    assert written.shape == (64, 72, 3)
    sources = [np.asarray(Image.open(path)) for path in dataset.samples[0].sources]
    expected = evaluate(written, sources)
    for metric in METRICS:
        assert frame.value[metric] == pytest.approx(expected[metric].iloc[0], rel=1e-12)


def test_toolboxes_that_pass_the_visible_image_first_get_it_first(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    run = fb.run(mean, dataset, out=str(tmp_path / "run"), profiles=("zhao", "vifb"))
    frame = run.frame()
    written = np.asarray(Image.open(frame.image.iloc[0]))
    infrared, visible = (np.asarray(Image.open(path)) for path in dataset.samples[0].sources)
    expected = evaluate(written, [infrared, visible], profile="vifb")
    ours = frame[frame.profile == "vifb"].set_index("metric").value
    assert list(ours.index) == list(expected.columns)
    assert ours.notna().all()  # a gray first source of a coloured result has no value there
    assert np.array_equal(ours, expected.iloc[0])


def test_what_one_metric_cannot_compute_leaves_the_others(tmp_path: Path) -> None:
    from fusionbench.plugins import load_plugins

    plugin = tmp_path / "odd.py"
    plugin.write_text(
        "from fusionbench.types import MetricSpec\n"
        "def silent(planes): raise KeyError\n"
        "def fusionbench_metrics():\n"
        "    return [MetricSpec(name='Silent', profile='zhao', operands='F', higher_is_better=None, function=silent)]\n"
    )
    load_plugins([str(plugin)])

    @fb.method("test-stack", tasks=["MEF"])
    def stack(*exposures):
        return sum(exposures) / len(exposures)

    (sample,) = write_pairs(tmp_path, 1)
    samples = [dataclasses.replace(sample, task=Task.MEF, sources=(*sample.sources, sample.sources[0]))]
    metrics = ("EN", "SCD", "Silent", "SSIM")
    run = fb.run(stack, FolderOfPairs("stacks", Task.MEF, samples), metrics=metrics, out=str(tmp_path / "run"))
    frame = run.frame().set_index("metric")
    assert frame.status.to_dict() == {"EN": "ok", "SCD": "failed", "Silent": "failed", "SSIM": "ok"}
    assert frame.error["SCD"].startswith("SCD@zhao is defined for 2 sources, got 3.")
    assert frame.error["Silent"].startswith("scoring failed: KeyError (")


@pytest.mark.parametrize(("limit", "limited"), [(None, False), (2, True), (9, False)])
def test_tables_learn_whether_a_run_took_all_samples(tmp_path: Path, limit: int | None, limited: bool) -> None:
    fb.run(mean, pairs_dataset(tmp_path, 3), metrics=("EN",), limit=limit, out=str(tmp_path / "run"))
    loaded = fb.load_run(tmp_path / "run")
    assert loaded.info["limited"] == {"pairs": limited}
    assert loaded.table().info.limited == ({"pairs"} if limited else set())


def test_gray_mode_writes_the_luma_that_the_method_returned(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    run = fb.run(largest, dataset, out=str(tmp_path / "run"), colour="gray")
    written = np.asarray(Image.open(run.frame().image.iloc[0])).astype(int)
    infrared, visible = (np.asarray(Image.open(path)).astype(float) for path in dataset.samples[0].sources)
    luma = np.round(visible @ np.array([0.299, 0.587, 0.114]))
    assert written.ndim == 2
    assert np.abs(written - np.maximum(infrared, luma)).max() <= 1


def test_the_same_command_again_computes_nothing(tmp_path: Path) -> None:
    calls: list[int] = []
    dataset = pairs_dataset(tmp_path, 3)
    first = fb.run(counting(calls), dataset, out=str(tmp_path / "run"))
    second = fb.run(counting(calls), dataset, out=str(tmp_path / "run"))
    assert (len(calls), first.computed, second.computed) == (3, 3, 0)
    assert first.frame().drop(columns="seconds").equals(second.frame().drop(columns="seconds"))


def test_further_metrics_are_scored_on_the_images_that_exist(tmp_path: Path) -> None:
    calls: list[int] = []
    dataset = pairs_dataset(tmp_path, 2)
    fb.run(counting(calls), dataset, out=str(tmp_path / "run"), metrics=("EN",))
    run = fb.run(counting(calls), dataset, out=str(tmp_path / "run"), metrics=("EN", "SD"))
    assert len(calls) == 2
    assert set(run.frame().metric) == {"EN", "SD"}
    assert run.frame().value.notna().all()
    assert (run.frame().seconds > 0).all()


def test_a_damaged_or_deleted_image_is_made_again(tmp_path: Path) -> None:
    calls: list[int] = []
    dataset = pairs_dataset(tmp_path, 2)
    run = fb.run(counting(calls), dataset, out=str(tmp_path / "run"))
    images = run.frame().image.unique()
    Path(images[0]).unlink()
    fb.run(counting(calls), dataset, out=str(tmp_path / "run"))
    assert len(calls) == 3
    assert Path(images[0]).is_file()


def test_changed_options_replace_the_rows_and_changed_pixels_recompute_one_sample(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)
    request = api.MethodRequest(name="test-mean", options={"share": 0.9})
    before = fb.run(mean, dataset, out=str(tmp_path / "run")).frame()
    config = RunConfig(out=str(tmp_path / "run"))
    plugins = api.current_plugins().with_methods([mean.__fusionbench_spec__], api.Origin("python"))
    opened = {"pairs": api.adopt(dataset, api.DatasetRequest(name="pairs"), config)}
    changed = dataclasses.replace(config, methods=(request,), datasets=(api.DatasetRequest(name="pairs"),))
    second = api.execute(changed, plugins, opened=opened, inline=True)
    assert second.computed == 2
    assert len(second.frame()) == len(before)
    assert not np.allclose(second.frame().value, before.value)
    pixels = np.asarray(Image.open(dataset.samples[0].sources[0])).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(dataset.samples[0].sources[0])
    assert api.execute(changed, plugins, opened=opened, inline=True).computed == 1


def test_methods_of_several_runs_gather_in_one_folder(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 1)
    fb.run(mean, dataset, out=str(tmp_path / "run"))
    fb.run(largest, dataset, out=str(tmp_path / "run"))
    assert set(fb.load_run(tmp_path / "run").frame().method) == {"test-mean", "test-max"}


def test_batches_hold_only_equal_sizes_and_give_the_same_values(tmp_path: Path) -> None:
    calls: list[int] = []
    dataset = pairs_dataset(tmp_path, 7, sizes=((64, 72), (72, 64)))
    batched = fb.run(counting(calls), dataset, out=str(tmp_path / "a"), batch_size=3)
    single = fb.run(largest, dataset, out=str(tmp_path / "b"))
    assert sorted(calls) == [1, 3, 3]
    assert np.array_equal(batched.frame().value, single.frame().value)
    assert list(batched.frame()["sample"]) == list(single.frame()["sample"])


FAULTS = {
    "raises": (lambda a, b: 1 / 0, "raised ZeroDivisionError: division by zero"),
    "nan": (lambda a, b: a * float("nan"), "returned NaN or infinite values for 001"),
    "infinite": (lambda a, b: a + float("inf"), "returned NaN or infinite values for 001"),
    "shape": (lambda a, b: a[..., :-1], r"returned shape \(1, 1, 64, 71\), expected 1 x 1 x 64 x 72"),
    "channels": (lambda a, b: a.expand(-1, 3, -1, -1), "returned shape"),
    "none": (lambda a, b: None, "returned NoneType, expected a tensor"),
    "integers": (lambda a, b: (a * 255).to(torch.uint8), "returned torch.uint8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sample_that_fails_is_a_row_that_says_why_and_the_rest_goes_on(tmp_path: Path, fault: str) -> None:
    broken, message = FAULTS[fault]
    dataset = pairs_dataset(tmp_path, 3)
    guilty = Image.open(dataset.samples[1].sources[0])
    threshold = float(np.asarray(guilty)[0, 0]) / 255

    @fb.method("test-faulty", tasks=["IVF"])
    def fuse(infrared, visible):
        return broken(infrared, visible) if infrared[0, 0, 0, 0] == threshold else infrared

    run = fb.run(fuse, dataset, out=str(tmp_path / "run"))
    frame = run.frame()
    failed = frame[frame.status == "failed"]
    assert set(failed["sample"]) == {"001"}
    assert len(failed) == len(METRICS)
    assert failed.value.isna().all()
    assert failed.error.str.contains(message).all(), failed.error.iloc[0]
    assert (run.failed, run.complete) == (1, False)
    assert set(frame[frame.status == "ok"]["sample"]) == {"000", "002"}


def test_one_bad_sample_of_a_batch_does_not_take_the_others_down(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 4)

    @fb.method("test-batch", tasks=["IVF"])
    def fuse(infrared, visible):
        bad = infrared.flatten(1).mean(1) == infrared.flatten(1).mean(1).max()
        if len(infrared) > 1:
            raise ValueError("cannot batch")
        return infrared * (float("nan") if bad.all() and infrared.mean() > 0.40 else 1.0)

    run = fb.run(fuse, dataset, out=str(tmp_path / "run"), batch_size=4)
    means = {s.id: np.asarray(Image.open(s.sources[0])).mean() / 255 for s in dataset.samples}
    expected = {name for name, value in means.items() if value > 0.40}
    frame = run.frame()
    assert set(frame[frame.status == "failed"]["sample"]) == expected


def test_failed_samples_are_tried_again(tmp_path: Path) -> None:
    dataset = pairs_dataset(tmp_path, 2)
    state = {"broken": True}

    @fb.method("test-flaky", tasks=["IVF"])
    def fuse(infrared, visible):
        if state["broken"]:
            raise OSError("the network share is away")
        return infrared

    assert fb.run(fuse, dataset, out=str(tmp_path / "run")).failed == 2
    state["broken"] = False
    again = fb.run(fuse, dataset, out=str(tmp_path / "run"))
    assert (again.computed, again.failed) == (2, 0)
    assert set(again.frame().status) == {"ok"}


class Remarks(SilentWatcher):
    def __init__(self) -> None:
        self.notices: list[str] = []
        self.started_after: int | None = None

    def notice(self, message: str) -> None:
        self.notices.append(message)

    unusable = notice

    def starting(self, total: int, done: int) -> None:
        self.started_after = len(self.notices)


def test_all_bad_files_are_reported_before_anything_is_computed(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path, 4)
    truncated, missing = samples[1].sources[0], samples[2].sources[1]
    truncated.write_bytes(truncated.read_bytes()[:-200])
    missing.unlink()
    remarks = Remarks()
    dataset = FolderOfPairs("pairs", Task.IVF, samples)
    run = fb.run(mean, dataset, out=str(tmp_path / "run"), watcher=remarks)
    assert remarks.started_after == 2
    assert str(truncated) in remarks.notices[0]
    assert str(missing) in remarks.notices[1]
    frame = run.frame()
    assert set(frame[frame.status == "failed"]["sample"]) == {"001", "002"}
    with pytest.raises(DataError, match="2 samples cannot be used"):
        fb.run(mean, dataset, out=str(tmp_path / "other"), fail_fast=True)


def test_sources_of_different_size_are_refused_naming_both(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path, 1)
    other = tmp_path / "small.png"
    Image.fromarray(np.zeros((63, 72), np.uint8)).save(other)
    mixed = Sample(id="mixed", task=Task.IVF, sources=(samples[0].sources[0], other))
    run = fb.run(mean, FolderOfPairs("pairs", Task.IVF, [mixed]), out=str(tmp_path / "run"))
    error = run.frame().error.iloc[0]
    assert "000.png is 72x64" in error
    assert "small.png is 72x63" in error


@pytest.mark.parametrize("name", ["config.yaml", "worker.log"])
def test_a_file_of_the_run_folder_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "run" / name).mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        fb.run("average", "demo-ivf", limit=1, metrics=("EN",), out=str(tmp_path / "run"))


def test_scoring_a_folder_that_does_not_exist_computes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of fused images"):
        fb.score(tmp_path / "nowhere", pairs_dataset(tmp_path, 1), out=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_large_images_are_scored_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from fusionbench.runs import finishing

    inside, most = [0], [0]
    scores = finishing.Scorer.scores

    def counted(self: finishing.Scorer, *arguments: object, **named: object):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        try:
            return scores(self, *arguments, **named)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(finishing.Scorer, "scores", counted)
    dataset = pairs_dataset(tmp_path, 4)
    fb.run(mean, dataset, metrics=("EN",), out=str(tmp_path / "small"))
    assert most == [2]
    most[0] = 0
    monkeypatch.setattr(finishing, "_LARGE", 64 * 72 - 1)
    fb.run(mean, dataset, metrics=("EN",), out=str(tmp_path / "large"))
    assert most == [1]


def test_disk_full_while_writing_an_image_is_a_failed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from fusionbench.runs import finishing

    written = []

    def full(path: Path, pixels: np.ndarray) -> None:
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        Image.fromarray(pixels).save(path)

    monkeypatch.setattr(finishing, "write_png", full)
    run = fb.run(mean, pairs_dataset(tmp_path, 3), out=str(tmp_path / "run"))
    frame = run.frame()
    assert run.failed == 1
    assert frame[frame.status == "failed"].error.str.contains("No space left on device").all()


def test_ground_truth_adds_full_reference_metrics_where_it_exists(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path, 2)
    samples[0] = dataclasses.replace(samples[0], reference=samples[0].sources[1])
    run = fb.run(mean, FolderOfPairs("pairs", Task.IVF, samples), out=str(tmp_path / "run"))
    frame = run.frame()
    with_truth = set(frame[frame["sample"] == "000"].metric)
    assert with_truth - set(METRICS) >= {"PSNR_GT", "SSIM_GT"}
    assert set(frame[frame["sample"] == "001"].metric) == set(METRICS)


def test_methods_run_only_on_their_tasks_unless_told_otherwise(tmp_path: Path) -> None:
    @fb.method("test-mff", tasks=["MFF"])
    def fuse(near, far):
        return near

    dataset = pairs_dataset(tmp_path, 1)
    with pytest.raises(UsageError, match="test-mff serves MFF; the data sets of this run are IVF"):
        fb.run(fuse, dataset, out=str(tmp_path / "run"))
    both = fb.run([mean, fuse], dataset, out=str(tmp_path / "run"), allow_other_tasks=True)
    frame = both.frame()
    assert set(frame[frame.method == "test-mff"].marks) == {"other task than MFF"}
    assert set(frame[frame.method == "test-mean"].marks) == {""}


def test_images_can_be_left_out(tmp_path: Path) -> None:
    run = fb.run(mean, pairs_dataset(tmp_path, 1), out=str(tmp_path / "run"), images=False)
    assert not (tmp_path / "run" / "images").exists()
    assert run.frame().image.isna().all()
    assert fb.run(mean, pairs_dataset(tmp_path, 1), out=str(tmp_path / "run"), images=False).computed == 0


def test_results_do_not_depend_on_what_was_computed_before(tmp_path: Path) -> None:
    @fb.method("test-noisy", tasks=["IVF"])
    def fuse(infrared, visible):
        return (infrared + 0.05 * torch.randn_like(infrared)).clamp(0, 1)

    dataset = pairs_dataset(tmp_path, 3)
    together = fb.run(fuse, dataset, out=str(tmp_path / "a")).frame()
    alone = FolderOfPairs("pairs", Task.IVF, dataset.samples[2:])
    last = fb.run(fuse, alone, out=str(tmp_path / "b")).frame()
    assert np.array_equal(together[together["sample"] == "002"].value, last.value)


def test_provenance_is_kept(tmp_path: Path) -> None:
    run = fb.run(mean, pairs_dataset(tmp_path, 1), out=str(tmp_path / "run"))
    info = fb.load_run(run.path).info
    assert info["outcome"] == "complete"
    assert info["version"] == fb.__version__
    assert info["libraries"]["torch"] == torch.__version__
    assert info["pairs"] == {"pairs": 1}
    assert info["peak_memory_bytes"] > 0
    assert set(run.timings().columns) >= {"decode", "fuse", "write", "score"}


def test_two_runs_in_one_folder_at_once_are_refused(tmp_path: Path) -> None:
    @fb.method("test-inner", tasks=["IVF"])
    def fuse(infrared, visible):
        with pytest.raises(UsageError, match="another fusionbench process is working in"):
            fb.run(mean, pairs_dataset(tmp_path / "inner", 1), out=str(tmp_path / "run"))
        return infrared

    run = fb.run(fuse, pairs_dataset(tmp_path, 1), out=str(tmp_path / "run"))
    assert run.complete, run.frame().error.iloc[0]


def test_undefined_values_are_kept_as_nan_and_not_called_failures(tmp_path: Path) -> None:
    samples = write_pairs(tmp_path, 1)
    for path in samples[0].sources:
        Image.fromarray(np.zeros((64, 72), np.uint8)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = fb.run(mean, FolderOfPairs("pairs", Task.IVF, samples), out=str(tmp_path / "run"))
    frame = run.frame().set_index("metric")
    assert run.complete
    assert np.isnan(frame.value["Qabf"])
    assert frame.status["Qabf"] == "ok"


@pytest.mark.parametrize(("name", "value"), [("limit", "3"), ("images", "no"), ("metrics", [1]), ("out", 7)])
def test_settings_in_python_are_checked_like_those_of_yaml(tmp_path: Path, name: str, value: object) -> None:
    settings = {"out": str(tmp_path / "run"), name: value}
    with pytest.raises(UsageError, match=f"fusionbench.run: {name} must be"):
        fb.run("average", "demo-ivf", **settings)
    assert not (tmp_path / "run").exists()


def test_paths_may_be_given_as_such(tmp_path: Path) -> None:
    assert fb.run(mean, pairs_dataset(tmp_path, 1), metrics=("EN",), out=tmp_path / "run").complete


@pytest.mark.parametrize("name", ["\ud800", "caf\udce9", "a\0b", "../x", 3])
def test_odd_ids_of_a_data_set_made_in_python_are_refused(tmp_path: Path, name: Any) -> None:
    sample = dataclasses.replace(write_pairs(tmp_path / "data", 1)[0], id=name)
    with pytest.raises(DataError, match="not usable as a sample's id"):
        fb.run("average", FolderOfPairs("pairs", Task.IVF, [sample]), out=str(tmp_path / "run"))


@pytest.mark.parametrize("name", ["caf\udce9", "a\0b"])
def test_labels_and_folders_that_no_record_can_hold_are_refused(tmp_path: Path, name: str) -> None:
    data = FolderOfPairs("pairs", Task.IVF, write_pairs(tmp_path / "data", 1))
    with pytest.raises(UsageError, match=r"methods.*(UTF-8|NUL)"):
        fb.run(f"{name}=average", data, out=str(tmp_path / "run"))
    with pytest.raises(UsageError, match=r"out.*(UTF-8|NUL)"):
        fb.run("average", data, out=str(tmp_path / name))
