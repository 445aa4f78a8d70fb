"""IFCNN against the official networks with their published weights, and its demonstration's images."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_ifcnn.clahe import equalise
from fusionbench_ifcnn.network import IFCNN
from tests.baselines.golden import Case, assert_crop, assert_output, assert_saved, cases, loaded, tensor

_TASKS = {"color": Task.MFF, "gray": Task.IVF, "exposure": Task.MEF}
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def network_inputs(case: Case, images: list[np.ndarray]) -> list[torch.Tensor]:
    if case.variant == "MEAN-exposure":
        return [tensor(image[..., 0]) for image in images]  # luma
    if case.variant.endswith("color"):
        return [(tensor(image) - _MEAN) / _STD for image in images]
    return list(map(tensor, images))


def network_of(case: Case) -> IFCNN:
    network = loaded("ifcnn", case.weights).network
    network.scheme = case.variant.partition("-")[0].lower()
    return network


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("ifcnn"))
def test_crops(case: Case) -> None:
    assert_crop(network_of(case)(network_inputs(case, case.crops())), case)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("ifcnn"))
def test_whole_images(case: Case) -> None:
    mode = "YCbCr" if case.variant == "MEAN-exposure" else "RGB"
    assert_output(network_of(case)(network_inputs(case, case.images(mode))), case)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("ifcnn"))
def test_what_is_saved(case: Case) -> None:
    scheme, _, kind = case.variant.partition("-")
    method = loaded("ifcnn", case.weights, scheme="sum" if scheme == "SUM" else "auto")
    pixels = case.images("YCbCr" if kind == "exposure" else "RGB", then="RGB")
    batch = Batch(sources=tuple(map(tensor, pixels)), task=_TASKS[kind])
    assert_saved(method.finish(method.fuse(batch), batch), case)


def test_one_channel_stands_for_three_equal_ones() -> None:
    torch.manual_seed(0)
    network = IFCNN("mean").eval().requires_grad_(False)
    images = list(torch.rand(3, 2, 1, 20, 24).unbind())
    torch.testing.assert_close(network(images), network([image.expand(-1, 3, -1, -1) for image in images]))


@pytest.mark.parametrize("scheme", ["max", "mean", "sum"])
def test_order_of_sources_does_not_matter(scheme: str) -> None:
    torch.manual_seed(0)
    network = IFCNN(scheme).eval().requires_grad_(False)
    images = list(torch.rand(3, 1, 3, 18, 20).unbind())
    torch.testing.assert_close(network(images), network(images[::-1]))


# Of OpenCV 5.0.0's createCLAHE(2.0, (8, 8)); without exact agreement in float32 arithmetic all but the first differ.
EQUALISED = {
    (64, 64): "42b289cea4e7088fea9e42972afdf965594d5c449beddfc0f2d229203f322064",
    (97, 131): "f961471ec9d645a9af1a29f14731edc0b1353ce0138ffc72613f1d1a53b0a587",
    (324, 484): "320e465ad5f5c25fa88243551c21d314d78e70c2f45f68de64733b0ba3961527",
    (200, 200): "cffd60c5d53ce3e160a37828df7539ce239c3beb12db73de9c3620102d8b1e6b",
}


@pytest.mark.parametrize("size", EQUALISED)
def test_equalisation_is_opencv_s(size: tuple[int, int]) -> None:
    y, x = np.mgrid[: size[0], : size[1]]
    noise = np.random.default_rng(3).integers(-25, 26, size)
    image = ((x * x // 7 + y * 3) % 181 + 30 + noise).astype(np.uint8)
    found = equalise(torch.from_numpy(image)).numpy()
    assert hashlib.sha256(found.tobytes()).hexdigest() == EQUALISED[size]


@pytest.mark.parametrize("size", [(64, 64), (61, 72), (64, 70)])
def test_equalisation_keeps_order_within_a_flat_gradient_and_widens_contrast(size: tuple[int, int]) -> None:
    ramp = torch.linspace(100, 140, size[1]).round().to(torch.uint8).expand(size).contiguous()
    found = equalise(ramp)
    assert found.shape == ramp.shape
    assert found.dtype == torch.uint8
    assert found.float().std() > ramp.float().std()
