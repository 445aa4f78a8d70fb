"""The native kernel of the classical methods gives what torch gives, at any size, on any number of cores."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fusionbench.native import set_aside
from fusionbench_classic import (
    diffusion,
    exposure,
    filters,
    focus,
    gradient_transfer,
    guided,
    native,
    saliency_wls,
    two_scale,
)

needs_kernel = pytest.mark.skipif(native.NATIVE.kernel() is None, reason=f"native kernel: {native.NATIVE.state()}")

# Around the widths of vectors, lines of one pixel, and images smaller than the windows.
SIZES = [(1, 1), (1, 9), (7, 1), (2, 2), (3, 5), (6, 4), (37, 66), (70, 131)]


def solved(x: Tensor) -> Tensor:
    data, smoothness = 0.1 + x, 4 * x.flip(-1)
    return gradient_transfer._solve(x, x.flip(-2), data, smoothness, 1e-4)


WORK: dict[str, Callable[[Tensor], Tensor]] = {
    "mean 0": lambda x: filters.box_mean(x, 0),
    "mean 2": lambda x: filters.box_mean(x, 2),
    "mean 40": lambda x: filters.box_mean(x, 40),
    "mirrored mean 0": lambda x: filters.box_mean(x, 0, mirror=True),
    "mirrored mean 3": lambda x: filters.box_mean(x, 3, mirror=True),
    "mirrored mean 50": lambda x: filters.box_mean(x, 50, mirror=True),
    "guided 0": lambda x: filters.guided_filter(x, x.flip(-1), 0, 0.1),
    "guided 1": lambda x: filters.guided_filter(x, x.flip(-1), 1, 1e-4),
    "guided 7": lambda x: filters.guided_filter(x, x.flip(-1), 7, 1e-3),
    "guided 45": lambda x: filters.guided_filter(x, x.flip(-2), 45, 0.3),
    "Gaussian 1": lambda x: filters.gaussian(x, 1.0, 1),
    "Gaussian 24": lambda x: filters.gaussian(x, 8.0, 24),
    "anisotropic": lambda x: diffusion.perona_malik(255 * x, 5, 0.15, 30.0) / 255,
    "fourth order": lambda x: diffusion.fourth_order(255 * x, 5, 0.9, 4.0) / 255,
    "conjugate gradients": solved,
}


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def by_torch(work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with set_aside():
        return work(x)


@needs_kernel
@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 2e-6)], ids=["f64", "f32"])
def test_kernel_and_torch_agree(name: str, dtype: torch.dtype, atol: float) -> None:
    for size in SIZES:
        x = noise(*size, dtype=dtype)
        before = x.clone()
        found = WORK[name](x)
        assert found.shape == x.shape
        assert found.dtype is dtype
        assert torch.equal(x, before), "the source was written to"
        # The solution itself is known only to the tolerance of the residual; double precision shows that steps agree.
        near = 1e-4 if name == "conjugate gradients" and dtype is torch.float32 else atol
        torch.testing.assert_close(found, by_torch(WORK[name], x), atol=near, rtol=near)


@needs_kernel
@pytest.mark.parametrize("name", WORK)
def test_planes_of_a_batch_and_strides_do_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = noise(2, 3, 23, 80)
    x = wide[..., 1::2]
    found = WORK[name](x)
    assert found.is_contiguous()
    for n, c in ((0, 0), (1, 2)):
        assert torch.equal(found[n, c], WORK[name](x[n, c].contiguous()))
    assert torch.equal(found.mT, WORK[name](x.contiguous().mT.contiguous().mT).mT)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(found, WORK[name](x)), "cores change the result"


METHODS = [
    *(guided.gff, diffusion.adf, diffusion.fpde, two_scale.tif),
    *(saliency_wls.vsmwls, gradient_transfer.gtf, exposure.mertens, focus.focus_map),
]


@needs_kernel
@pytest.mark.parametrize("method", METHODS)
def test_pictures_are_the_same(method: Callable[..., Tensor]) -> None:
    """To the rounding of float32, which conjugate gradients that stop early multiply."""
    smooth = torch.linspace(0, 1, 75)[:, None] * torch.linspace(1, 0.2, 90)
    x = (smooth.flip(-1) + 0.1 * noise(1, 3, 75, 90)).float()
    y = (smooth + 0.1 * noise(1, 3, 75, 90, seed=1)).float()
    found = method(x, y)
    with set_aside():
        expected = method(x, y)
    torch.testing.assert_close(found, expected, atol=1e-4 if method is gradient_transfer.gtf else 5e-6, rtol=0)


@needs_kernel
def test_what_is_not_finite_is_not_hidden() -> None:
    x = noise(9, 9)
    x[4, 4] = torch.nan
    for name, work in WORK.items():
        if "conjugate" not in name:
            assert work(x)[4, 4].isnan(), name


def test_the_switch_turns_the_kernel_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    assert native.NATIVE.kernel() is None
    assert native.kernel_for(torch.zeros(1, 1)) is None
    assert "FUSIONBENCH_NATIVE=0" in native.NATIVE.state()


def test_other_planes_are_left_to_torch() -> None:
    plane = torch.zeros(2, 3)
    assert native.kernel_for(plane) is native.NATIVE.kernel()
    assert native.kernel_for(plane.half()) is None
    assert native.kernel_for(plane.to("meta")) is None
    assert native.kernel_for(plane[:0]) is None
    assert native.kernel_for(plane[0]) is None
    assert native.kernel_for(plane, plane.double()) is None
    assert native.kernel_for(plane, plane[:1]) is None
    assert native.kernel_for(plane.requires_grad_()) is None
