"""The generated data: what it shows, that it is the same everywhere, and the folder it is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.types import DataError, Sample, Task
from fusionbench_demo import cache, defocus, exposures, medical, opening, scene, thermal
from fusionbench_demo.scene import Scene

MAKERS = {"ivf": thermal.scenes, "mif": medical.scenes, "mef": exposures.scenes, "mff": defocus.scenes}
NAMES = {Task.IVF: "demo-ivf", Task.MIF: "demo-mif", Task.MEF: "demo-mef", Task.MFF: "demo-mff"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests of this file share, since making the pictures takes some seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(folder))


def read(path: object) -> np.ndarray:
    return np.asarray(PIL.Image.open(path), dtype=np.float64)


def images(sample: Sample) -> tuple[list[np.ndarray], np.ndarray]:
    return [read(source) for source in sample.sources], read(sample.reference)


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((image - truth) ** 2)))


# What it shows


@pytest.mark.parametrize("task", list(Task))
def test_an_ordinary_data_set(task: Task) -> None:
    dataset = fb.get_dataset(NAMES[task])
    assert dataset.task is task
    assert not dataset.problems
    assert len(dataset.samples) >= 4
    assert len({sample.id for sample in dataset.samples}) == len(dataset.samples)
    for sample in dataset.samples:
        assert len(sample.sources) >= 2
        sizes = {PIL.Image.open(path).size for path in (*sample.sources, *filter(None, [sample.reference]))}
        assert len(sizes) == 1
        assert all(250 <= side <= 400 for side in sizes.pop())
        assert (sample.reference is not None) == (task in {Task.MEF, Task.MFF})


def test_some_samples_have_more_than_two_sources() -> None:
    for task, counts in ((Task.MFF, {2, 3}), (Task.MEF, {2, 3, 4})):
        assert {len(sample.sources) for sample in fb.get_dataset(NAMES[task]).samples} == counts


def test_focal_planes_hold_the_truth_between_them() -> None:
    for sample in fb.get_dataset("demo-mff").samples:
        planes, truth = images(sample)
        errors = np.stack([np.abs(plane - truth).max(axis=-1) for plane in planes])
        sharp = (errors <= 2).mean(axis=(1, 2))
        assert (sharp > 0.03).all(), "every plane is in focus somewhere"
        assert (sharp < 0.9).all(), "and out of focus elsewhere"
        best = np.take_along_axis(np.stack(planes), errors.argmin(0)[None, ..., None], axis=0)[0]
        assert psnr(best, truth) > 1.5 + max(psnr(plane, truth) for plane in planes)


def test_near_comes_first() -> None:
    _, nearness = scene.motorcycle()
    sample = next(s for s in fb.get_dataset("demo-mff").samples if s.id == "motorcycle-front")
    (near, far), truth = images(sample)
    close = nearness[100:420, 384:736] > 45
    assert np.abs(near - truth)[close].mean() < np.abs(far - truth)[close].mean()
    assert np.abs(near - truth)[~close].mean() > np.abs(far - truth)[~close].mean()


def test_a_layer_in_focus_is_not_touched_and_blur_keeps_a_constant() -> None:
    image = np.random.RandomState(0).uniform(size=(40, 50, 3))
    layers = defocus.split(image, np.full((40, 50), 0.3))
    np.testing.assert_array_equal(defocus.photograph(layers, 0.3), image)
    np.testing.assert_allclose(defocus.blurred(np.full((20, 30, 3), 0.4), 3.3), 0.4)


def test_over_exposed_comes_first_and_exposures_clip() -> None:
    for sample in fb.get_dataset("demo-mef").samples:
        stack, truth = images(sample)
        means = [image.mean() for image in stack]
        assert means[0] == max(means)
        assert means[1] == min(means)
        assert (stack[0] == 255).mean() > 1.5 * (truth == 255).mean()
        for image in stack:
            assert psnr(image, truth) < 20


def test_camera_response() -> None:
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(exposures.linear(exposures.response(values)), values, atol=1e-12)
    assert (np.diff(exposures.response(values)) > 0).all()


def test_exposure_fusion_comes_closer_to_the_truth_than_any_exposure() -> None:
    fuse = fb.get_method("mertens", device="cpu")
    for sample in fb.get_dataset("demo-mef").samples:
        stack, truth = images(sample)
        fused = fuse(*(torch.from_numpy(image / 255).float().permute(2, 0, 1) for image in stack))
        assert psnr(fused[0].permute(1, 2, 0).numpy() * 255, truth) > max(psnr(image, truth) for image in stack)


def test_the_decision_map_comes_closer_to_the_truth_than_any_plane() -> None:
    fuse = fb.get_method("focus-map", device="cpu")
    for sample in fb.get_dataset("demo-mff").samples:
        planes, truth = images(sample)
        fused = fuse(*(torch.from_numpy(image / 255).float().permute(2, 0, 1) for image in planes))
        assert psnr(fused[0].permute(1, 2, 0).numpy() * 255, truth) > 1 + max(psnr(p, truth) for p in planes)


def test_warm_targets_leave_no_trace_in_the_visible_picture() -> None:
    for number, (name, image, targets) in enumerate(thermal.pictures(), 1):
        mask = thermal.figures(image.shape[:2], targets) == 1
        assert 0.005 < mask.mean() < 0.2, name
        infrared = thermal.infrared(image, targets, number)
        assert infrared[mask].mean() - infrared[~mask].mean() > 0.4, name
        without = image * thermal.visible(np.ones_like(image), number).mean(axis=-1, keepdims=True)
        assert abs((thermal.visible(image, number) - without)[mask].mean()) < 0.01, name


def test_each_scanner_sees_what_the_other_does_not() -> None:
    for sample in fb.get_dataset("demo-mif").samples[:2]:
        magnetic, tomographic = (read(source) for source in sample.sources)
        bone = tomographic > 220
        assert bone.mean() > 0.01
        assert magnetic[bone].mean() < 80
        lesion = magnetic > 200
        assert lesion.sum() > 100
        assert tomographic[lesion].max() - tomographic[lesion].min() < 110
    for sample in fb.get_dataset("demo-mif").samples[2:]:
        assert read(sample.sources[0]).ndim == 2
        assert read(sample.sources[1]).ndim == 3


# That it is the same everywhere


@pytest.mark.parametrize("task", ["mif", "ivf"])
def test_made_twice_is_made_alike(task: str) -> None:
    for first, second in zip(MAKERS[task](), MAKERS[task](), strict=True):
        assert first.id == second.id
        for one, two in zip(first.sources, second.sources, strict=True):
            np.testing.assert_array_equal(one, two)


def test_the_noise_has_a_frozen_stream() -> None:
    """Values of the Mersenne Twister's normal deviates for seed 0, as NumPy has promised not to change them."""
    np.testing.assert_allclose(scene.noise(0, (3,)), [1.764052345967664, 0.4001572083672233, 0.9787379841057392])


# The folder it is kept in


def small_scenes() -> Iterator[Scene]:
    for number in range(2):
        pixels = np.full((16, 16), 40 * number, np.uint8)
        yield Scene(f"s{number}", (pixels, pixels + 1), pixels + 2 if number else None)


def test_written_once_and_read_again(tmp_path: Path) -> None:
    first = cache.stored(tmp_path, small_scenes)
    assert [entry["truth"] for entry in first] == [None, "s1_truth.png"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    def never() -> Iterator[Scene]:
        raise AssertionError("made again")

    assert cache.stored(tmp_path, never) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("damage", ["cut", "altered", "deleted", "list cut", "list gone", "list foreign"])
def test_damage_is_noticed_and_repaired(tmp_path: Path, damage: str) -> None:
    expected = cache.stored(tmp_path, small_scenes)
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    victim, listed = tmp_path / "s0_1.png", tmp_path / "scenes.json"
    match damage:
        case "cut":
            victim.write_bytes(contents["s0_1.png"][:-5])
        case "altered":
            PIL.Image.fromarray(np.zeros((16, 16), np.uint8) + 9).save(victim)
        case "deleted":
            victim.unlink()
        case "list cut":
            listed.write_bytes(contents["scenes.json"][:40])
        case "list gone":
            listed.unlink()
        case "list foreign":
            listed.write_text(
                json.dumps({"scenes": [{"id": "x", "sources": ["../../x"], "truth": None}], "sha256": {}})
            )
    assert cache.stored(tmp_path, small_scenes) == expected
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file"):
        cache.stored(tmp_path / "file" / "ivf", small_scenes)


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(tmp_path))
    assert cache.cache_folder() == tmp_path / f"demo-v{cache.VERSION}"
    monkeypatch.delenv("FUSIONBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg" / "fusionbench" / f"demo-v{cache.VERSION}"


def test_a_folder_of_the_users_choice(tmp_path: Path) -> None:
    dataset = opening.open_mif(tmp_path, "test")
    assert all(path.is_relative_to(tmp_path) for sample in dataset.samples for path in sample.sources)


def test_a_missing_picture_is_explained() -> None:
    with pytest.raises(DataError, match=r"scikit-image .* does not bring its picture 'no_such_picture'"):
        scene.picture("no_such_picture")


# The command


@pytest.mark.slow
def test_demo_writes_tables_and_a_picture(tmp_path: Path) -> None:
    def demo() -> object:
        arguments = ["demo", "--out", str(tmp_path / "demo"), "--limit", "1"]
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    result = demo()
    assert result.exit_code == 0, result.output
    written = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"run", "table.tex", "table.md", "gallery.png"} <= written
    assert r"\toprule" in (tmp_path / "demo" / "table.tex").read_text(encoding="utf-8")
    frame = fb.load_run(tmp_path / "demo" / "run").frame()
    assert set(frame.status) == {"ok"}
    assert set(frame.task) == {str(task) for task in Task}
    assert {"average", "mertens", "focus-map", "gtf"} <= set(frame.method)
    assert "precomputed" not in set(frame.method)
    assert {"PSNR_GT", "SSIM_GT"} <= set(frame[frame.task == "MFF"].metric)
    height, width = read(tmp_path / "demo" / "gallery.png").shape[:2]
    assert height > 600
    assert width > 1000
    before = (tmp_path / "demo" / "table.md").read_text(encoding="utf-8")
    assert demo().exit_code == 0
    assert (tmp_path / "demo" / "table.md").read_text(encoding="utf-8") == before
