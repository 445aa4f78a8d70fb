"""Large images: band by band, plane by plane, with the same values and a bounded number of planes in memory."""

from __future__ import annotations

import gc
import math
import warnings
import weakref

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from fusionbench.metrics import MetricWarning, Scorer, colour, planes, scoring
from fusionbench.metrics import images as operands
from fusionbench.metrics.formulas import bands, phase
from tests.metrics.tester import relative_error, scenes

# The profiles, and sizes of which all their metrics are defined.
SIZES = {
    "zhao": (90, 97),
    "vifb": (90, 97),
    "mefb": (90, 97),
    "tang": (90, 97),
    "metric-python": (165, 162),
    "ivif-zoo": (165, 162),
}


def make_large(monkeypatch: pytest.MonkeyPatch, band: int) -> None:
    """Every image counts as large, and bands have so many pixels."""
    for module in (planes, colour, operands, scoring, phase):
        monkeypatch.setattr(module, "KEPT_PIXELS", 64)
    monkeypatch.setattr(bands, "_PIXELS", band)
    monkeypatch.setattr(phase, "_KEPT_FILTERS", 64)
    monkeypatch.setattr(phase, "_TRANSFORMED", band)
    phase._log_gabor.cache_clear()


def scored(profile: str, images: tuple[Tensor, Tensor, Tensor]) -> dict[str, float]:
    fused, *sources = images
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)
        return {name: float(value[0]) for name, value in Scorer("all", (profile,)).score(fused, sources).items()}


@pytest.fixture(autouse=True)
def forget_filters():
    yield
    phase._log_gabor.cache_clear()


@pytest.mark.parametrize("native", ["1", "0"])
@pytest.mark.parametrize("profile", SIZES)
def test_bands_give_the_values_of_the_whole(profile: str, native: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd sizes, a last band that is lower than the others, flat areas, with and without the kernel."""
    monkeypatch.setenv("FUSIONBENCH_NATIVE", native)
    height, width = SIZES[profile]
    images = scenes(1, height, width)
    images[1][..., : height // 2, : width // 3] = 0
    expected = scored(profile, images)
    make_large(monkeypatch, band=width * 33)
    for name, value in scored(profile, images).items():
        assert relative_error(value, expected[name]) <= 1e-12, name


@pytest.mark.parametrize("levels", [True, False], ids=["levels", "floats"])
@pytest.mark.parametrize("gray", ["none", "fused", "sources"])
@pytest.mark.parametrize("profile", ["zhao", "vifb", "mefb", "metric-python"])
def test_channels_are_scored_one_by_one(profile: str, gray: str, levels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 8-bit images, which are held as such, and of others; by every rule that makes planes of colours."""
    fused, *sources = scenes(1, 52, 61, channels=3)
    fused = fused[:, :1] if gray == "fused" else fused
    sources = [source[:, :1] if gray == "sources" else source for source in sources]
    images = (fused, *sources) if levels else tuple((image / 255.0) ** 1.1 for image in (fused, *sources))
    expected = scored(profile, images)
    make_large(monkeypatch, band=61 * 16)
    assert sum(map(math.isfinite, expected.values())) >= 3
    for name, value in scored(profile, images).items():
        assert relative_error(value, expected[name]) <= 1e-12, name


def test_what_an_image_leaves_behind_is_freed_at_once() -> None:
    """Without waiting for the collector of cycles: fresh memory costs more than the arithmetic."""
    fused, a, b = scenes(1, 40, 40)
    gc.collect()
    gc.disable()
    try:
        before = sum(type(thing) is planes.Planes for thing in gc.get_objects())
        Scorer(["SSIM", "EN"]).score(fused, [a, b])
        assert sum(type(thing) is planes.Planes for thing in gc.get_objects()) == before
    finally:
        gc.enable()


class LiveMemory(TorchDispatchMode):
    """Counts the bytes of tensors that are alive at once; the most of them is ``peak``."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self._now = self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in tree_flatten(result)[0]:
            if isinstance(value, Tensor):
                self._add(value.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata not in self._sizes:
            self._sizes[storage._cdata] = storage.nbytes()
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._drop, storage._cdata)

    def _drop(self, key: int) -> None:
        self._now -= self._sizes.pop(key)


# Planes of float64 that a pair takes at once, its own three included; 3 GB are 30 of twelve megapixels.
@pytest.mark.parametrize(
    ("metric", "bound"),
    [("QP@mefb", 26), ("Qcb@mefb", 13), ("VIF@mefb", 10), ("QW@mefb", 11), ("MEF-SSIM@mefb", 8)]
    + [("SSIM@tang", 6), ("Nabf@tang", 8), ("FMI_dct@tang", 12)],
)
def test_memory_of_large_images(metric: str, bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    height, width = 192, 128
    fused, a, b = scenes(1, height, width)
    make_large(monkeypatch, band=2**11)
    name, profile = metric.split("@")
    with LiveMemory() as memory:
        Scorer([name], (profile,)).score(fused, [a, b])
    assert memory.peak / (height * width * 8) <= bound
