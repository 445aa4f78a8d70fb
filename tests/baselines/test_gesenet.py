"""GeSeNet against the official network with its published weights and given noise."""

from __future__ import annotations

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_gesenet.method import GeSeNetMethod, gumbel
from fusionbench_gesenet.network import noise_shapes
from tests.baselines.golden import Case, assert_levels, assert_near, cases, decoded, loaded, tensor
from tests.helpers.golden import golden_input

ALL = cases("gesenet")


def batch_of(case: Case) -> Batch:
    facts = case.facts["input"]
    if facts["source"].startswith("stored"):
        functional, structural = tensor(case.array("vis")), tensor(case.array("mri"))
    else:
        paths, digests = facts["paths"], facts["decoded_sha256"]
        functional = tensor(decoded(paths[0], digests[0], "RGB"))
        structural = tensor(decoded(paths[1], digests[1], "L"))
    return Batch(sources=(structural.expand(-1, 3, -1, -1), functional), task=Task.MIF)


@pytest.mark.shared
@pytest.mark.parametrize("case", ALL)
def test_outputs_and_what_is_saved(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    method, batch, drawn = loaded("gesenet", case.weights), batch_of(case), []

    def uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
        drawn.append(golden_input(f"{case.facts['noise_seed']}/{len(drawn)}", tuple(shape)))
        return drawn[-1]

    monkeypatch.setattr(torch, "rand", uniform)
    fused = method.fuse(batch)
    assert [list(each.shape) for each in drawn] == case.facts["noise_shapes"]
    saved = method.finish(fused, batch)
    every_fourth, window = (..., slice(0, None, 4), slice(0, None, 4)), (..., slice(64, 128), slice(64, 128))
    if case.has("y"):
        assert_near(fused, case.array("y"))
        assert_levels(saved, case.array("saved"))
    else:
        assert_near(fused[every_fourth], case.array("y_s4"))
        assert_near(fused[window], case.array("y_window"))
        assert_levels(saved[window], case.array("saved_window"))


@pytest.mark.shared
@pytest.mark.parametrize("case", ALL[:2])
def test_without_noise_it_is_close_to_the_mean_of_many_draws(case: Case) -> None:
    batch, mean = batch_of(case), torch.from_numpy(case.array("y_mean16"))
    still, one, many = (loaded("gesenet", case.weights, draws=draws).fuse(batch)[0, 0] for draws in (0, 1, 12))
    spread = (one - mean).abs().mean()
    assert (still - mean).abs().mean() < 0.6 * spread
    assert (many - mean).abs().mean() < 0.6 * spread


def test_the_seed_decides_and_other_images_do_not_matter() -> None:
    torch.manual_seed(0)
    method = GeSeNetMethod()
    method.load_untrained(torch.device("cpu"))
    sources = torch.rand(2, 2, 3, 12, 14).unbind()
    both = method.fuse(Batch(sources=sources, task=Task.MIF))
    second = Batch(sources=tuple(each[1:] for each in sources), task=Task.MIF)
    torch.testing.assert_close(method.fuse(second), both[1:], atol=1e-6, rtol=0)
    method.seed = 1
    assert (method.fuse(second) - both[1:]).abs().max() > 1e-5


def test_noise_is_finite_at_the_ends() -> None:
    assert gumbel(torch.tensor([0.0, 0.5, 1 - 2**-24])).isfinite().all()
    assert noise_shapes(4, 6)[2] == (1, 2, 4, 6)
