"""LRRNet against the official network with its published weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fusionbench import Batch, Task
from fusionbench_lrrnet.network import LRRNet
from tests.baselines.golden import Case, assert_crop, assert_output, assert_saved, cases, loaded, tensor


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("lrrnet"))
def test_crops(case: Case) -> None:
    method = loaded("lrrnet", case.weights)
    assert_crop(method.fuse(Batch(sources=tuple(map(tensor, case.crops())), task=Task.IVF)), case)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("lrrnet"))
def test_whole_images_and_what_is_saved(case: Case) -> None:
    method = loaded("lrrnet", case.weights)
    batch = Batch(sources=tuple(map(tensor, case.images(gray_jpeg=True))), task=Task.IVF)
    fused = method.fuse(batch)
    assert_output(fused, case)
    assert_saved(method.finish(fused, batch), case)


def plain(network: LRRNet, infrared: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """The network as its paper draws it: convolutions on whole images, in float64."""

    def convolve(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.conv2d.weight, layer.conv2d.bias)

    def split(part: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        threshold = part.lamj.view(1, -1, 1, 1)

        def shrink(r: torch.Tensor) -> torch.Tensor:
            return r.sign() * (r.abs() - threshold).clamp(min=0)

        z = shrink(convolve(part.conv_W00, x))
        for number in range(4):
            block = getattr(part, f"lrrblock{number}")
            rest = x - convolve(block.conv_Wdz, z)
            z = shrink(part.lamz * z + convolve(block.conv_Wdtz, rest))
        return z[:, :128], z[:, 128:]

    decoder = network.decoder
    (low_x, high_x), (low_y, high_y) = split(network.get_ls1, infrared), split(network.get_ls2, visible)
    low = torch.cat((convolve(decoder.conv_ReZx, low_x), convolve(decoder.conv_ReZy, low_y)), 1)
    high = torch.cat((convolve(decoder.conv_ReUx, high_x), convolve(decoder.conv_ReUy, high_y)), 1)
    return convolve(decoder.conv_ReL, low) + convolve(decoder.conv_ReH, high)


@pytest.mark.parametrize("size", [(2, 2), (5, 7), (47, 53)])
def test_equals_the_plain_convolutions(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = LRRNet().double().requires_grad_(False)
    for part in (network.get_ls1, network.get_ls2):
        part.lamj.uniform_(-0.02, 0.1)  # trained thresholds include negative ones
    sources = torch.rand(2, 2, 1, *size, dtype=torch.float64).unbind()
    torch.testing.assert_close(network(*sources), plain(network, *sources), atol=1e-12, rtol=1e-12)
