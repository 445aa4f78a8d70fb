"""Golden outputs of the official networks with their published weights, and the images they were made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fusionbench import MethodSpec
from fusionbench.plugins import current_plugins
from fusionbench.types import resolve
from tests.helpers.shared import ROOT, available, shared_path

TOLERANCE = 1e-4
_FOLDERS = (
    ("test_img/RoadScene/ir/", "RoadScene/cropinfrared/"),
    ("test_img/RoadScene/vi/", "RoadScene/crop_LR_visible/"),
    ("test_img/", "Harvard/"),
    ("input/", "MEFB/input/"),
    ("Code/datasets/CMFDataset/", "Lytro/"),
)


@cache
def _arrays(method: str) -> dict[str, np.ndarray]:
    with np.load(ROOT / "reference" / "golden" / f"{method}.npz") as stored:
        return dict(stored)


@dataclass(frozen=True)
class Case:
    """One golden case: two sources in the network's own order, and what the official code made of them."""

    method: str
    facts: dict[str, Any]

    @property
    def variant(self) -> str:
        return self.facts["variant"]

    @property
    def weights(self) -> Path:
        return shared_path(self.facts["weights"])

    def array(self, key: str) -> np.ndarray:
        return _arrays(self.method)[f"{self.facts['case']}/{key}"]

    def has(self, key: str) -> bool:
        return f"{self.facts['case']}/{key}" in _arrays(self.method)

    def crops(self) -> list[np.ndarray]:
        return [self.array("crop_in1"), self.array("crop_in2")]

    def paths(self) -> list[Path]:
        """The files of both sources."""
        found = []
        for slot in ("slot1", "slot2"):
            path = self.facts[slot].partition(":")[2]
            for there, here in _FOLDERS:
                path = path.replace(there, here, 1)
                if here in path:
                    break
            found.append(shared_path("data", path))
        return found

    def images(self, mode: str | None = None, *, gray_jpeg: bool = False, then: str | None = None) -> list[np.ndarray]:
        """The whole sources; skips if this machine's decoder gives other pixels.

        Args:
            mode: Pillow's mode in which the golden case hashed them.
            gray_jpeg: Let the JPEG decoder make gray.
            then: Return them in this mode instead.
        """
        images = []
        for slot, path in zip(("slot1", "slot2"), self.paths(), strict=True):
            with Image.open(path) as image:
                if gray_jpeg and len(self.facts[f"{slot}_shape"]) == 2:
                    image.draft("L", image.size)  # the decoder's own luma, as OpenCV reads it
                    pixels = np.asarray(image.convert("L"))
                else:
                    pixels = np.asarray(image.convert(mode) if mode else image)
            digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
            if digest != self.facts[f"{slot}_sha256_of_decoded_bytes"]:
                pytest.skip(f"{path} decodes to other pixels here")
            if then is not None:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert(then))
            images.append(pixels)
        return images


def cases(method: str) -> list[Any]:
    """All cases of a method as parameters; one skipped parameter without the shared folder."""
    path = ("reference", "golden", f"{method}.json")
    if not available(*path):
        return [pytest.param(None, marks=pytest.mark.skip(reason="the golden values are absent"), id="absent")]
    description = json.loads(ROOT.joinpath(*path).read_text())
    shared = {key: description[key] for key in ("weights",) if key in description}
    return [pytest.param(Case(method, shared | facts), id=facts["case"]) for facts in description["cases"]]


def decoded(path: str, digest: str, mode: str | None = None) -> np.ndarray:
    """An image of the shared data in one of Pillow's modes; skips if this machine's decoder gives other pixels."""
    with Image.open(shared_path("data", path)) as image:
        pixels = np.asarray(image.convert(mode) if mode else image)
    if hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest() != digest:
        pytest.skip(f"{path} decodes to other pixels here")
    return pixels


def spec_of(method: str) -> MethodSpec:
    return current_plugins().methods[method]


def loaded(method: str, weights: Path, **options: Any) -> Any:
    """The method, with weights, on the CPU."""
    made = resolve(spec_of(method).factory)(**options)
    made.load(torch.device("cpu"), weights)
    return made


def assert_output(found: torch.Tensor, case: Case) -> None:
    """A network's output on whole images: the stored window, and the statistics of everything."""
    values = found[0].squeeze(0).double().numpy()
    window = values[..., 64:128, 64:128]
    np.testing.assert_allclose(window, case.array("out_window"), atol=TOLERANCE, rtol=0)
    statistics = [values.mean(), values.std(), values.min(), values.max()]
    np.testing.assert_allclose(statistics, case.array("stats"), atol=TOLERANCE, rtol=0)


def assert_near(found: torch.Tensor | np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    """An array of the golden file, whatever axes of length one there are."""
    np.testing.assert_allclose(np.squeeze(np.asarray(found)), np.squeeze(expected), atol=tolerance, rtol=0)


def assert_levels(found: torch.Tensor, expected: np.ndarray, *, most: float = 0.005) -> None:
    """An 8-bit image, H x W or H x W x 3: equal but for single grey levels on a few pixels."""
    saved = (found.squeeze(0).clamp(0, 1) * 255).round().to(torch.uint8).movedim(0, -1).squeeze(-1).numpy()
    difference = np.abs(saved.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= most


def assert_crop(found: torch.Tensor, case: Case) -> None:
    np.testing.assert_allclose(found[0].squeeze(0).numpy(), case.array("crop_out"), atol=TOLERANCE, rtol=0)


def assert_saved(found: torch.Tensor, case: Case, *, most: float = 0.005) -> None:
    """The 8-bit image: equal but for single grey levels on a few pixels."""
    saved = (found[0].clamp(0, 1) * 255).round().to(torch.uint8)
    saved = saved[0].numpy() if saved.shape[0] == 1 else saved.movedim(0, -1).numpy()
    difference = np.abs(saved[64:128, 64:128].astype(int) - case.array("u8_window"))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= most


def tensor(image: np.ndarray) -> torch.Tensor:
    """An 8-bit image as 1 x C x H x W in [0, 1]."""
    planes = image[..., None] if image.ndim == 2 else image
    return torch.from_numpy(planes.astype(np.float32)).movedim(-1, 0)[None] / 255
