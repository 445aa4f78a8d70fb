"""Functions without slope somewhere: the usual values, and gradient 0 there."""

from __future__ import annotations

import math

import pytest
import torch

from fusionbench.metrics import functional
from fusionbench.metrics.formulas.singular import orientation, power, quotient, root
from tests.metrics.tester import awkward, scenes

VALUES = [0.0, 1e-30, 1e-8, 0.25, 1.0, 7.3, 65025.0, math.nan]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("tracked", [False, True])
def test_values_are_those_of_torch(dtype: torch.dtype, tracked: bool) -> None:
    values = torch.tensor(VALUES, dtype=dtype, requires_grad=tracked)
    other = torch.tensor([0.0, 0.0, 3.0, 0.1, 0.0, 1e-7, 2.0, 1.0], dtype=dtype)
    run, rise = torch.meshgrid(values.nan_to_num(2.0) - 1, other - 1, indexing="ij")
    angle = torch.where(run == 0, math.pi / 2, torch.atan(rise / torch.where(run == 0, 1.0, run)))
    for ours, expected in [
        (root(values), values.sqrt()),
        (power(values, 0.3), values.pow(0.3)),
        (quotient(values, other), values / other),
        (orientation(rise, run), angle),
    ]:
        torch.testing.assert_close(ours, expected, rtol=0, atol=0, equal_nan=True)


def test_the_slope_is_the_usual_one_elsewhere_and_zero_there() -> None:
    values = torch.tensor([0.0, 4.0], dtype=torch.float64, requires_grad=True)
    for ours, slope in [(root, 0.25), (lambda x: power(x, 0.5), 0.25), (lambda x: quotient(x.new_ones(2), x), -1 / 16)]:
        (gradient,) = torch.autograd.grad(ours(values)[1] + ours(values)[0], values)
        assert gradient.tolist() == [0.0, pytest.approx(slope)]
    run = torch.tensor([0.0, 1e-200, 3.0], dtype=torch.float64, requires_grad=True)
    rise = torch.tensor([0.0, 1e-200, 4.0], dtype=torch.float64, requires_grad=True)
    gradients = torch.autograd.grad(orientation(rise, run).sum(), (rise, run))
    assert gradients[0].tolist() == [0, 0, pytest.approx(3 / 25)]
    assert gradients[1].tolist() == [0, 0, pytest.approx(-4 / 25)]


def test_the_direction_of_rounding_errors_has_no_weight() -> None:
    """A flat image as a network writes it: constant but for its last bits."""
    _, a, b = (image / 255 for image in scenes(1, 46, 50))
    image = awkward(46, 50)["flat but for rounding"].double().requires_grad_()
    (gradient,) = torch.autograd.grad(functional.qabf(image, [a, b]), image)
    assert gradient.abs().max() < 10


def test_a_step_with_such_a_loss_leaves_weights_finite() -> None:
    """Fused images that are black in the corners, as medical ones are."""
    _, a, b = (image / 255 for image in scenes(1, 46, 50))
    mask = torch.zeros_like(a)
    mask[..., 10:40, 10:40] = 1
    layer = torch.nn.Conv2d(2, 1, 3, padding=1, bias=False)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1e-2)
    sources = [a * mask, b * mask]
    for _ in range(3):
        fused = (layer(torch.cat(sources, 1)).sigmoid() * mask).clamp(0, 1)
        loss = -sum(functional.compute(name, fused, sources).sum() for name in ("Qabf", "AG", "SF", "SD", "SSIM"))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert all(parameter.isfinite().all() for parameter in layer.parameters())
