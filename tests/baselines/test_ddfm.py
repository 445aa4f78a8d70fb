"""DDFM's network, rectification and sampler against their golden values."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import fusionbench as fb
from fusionbench import Batch, Task
from fusionbench.types import UsageError
from fusionbench_ddfm.method import DDFM
from fusionbench_ddfm.rectification import Rectifier, difference_power
from fusionbench_ddfm.sampler import Schedule, sample
from fusionbench_ddfm.unet import UNet, UNetConfig
from tests.helpers.golden import GoldenMethod, fill_golden, golden_input, manifest, shapes

SMALL = UNetConfig(channels=32, multipliers=(1, 2, 2), blocks=1, attention=(2, 4), head_width=16)


@pytest.fixture(scope="module")
def golden() -> GoldenMethod:
    return GoldenMethod("ddfm")


@pytest.fixture(scope="module")
def network(golden: GoldenMethod) -> UNet:
    found = UNet(SMALL).eval()
    assert fill_golden(found, gain=golden.gain) == golden.sha256["unet_small"]
    return found


@pytest.mark.shared
@torch.inference_mode()
def test_small_network_matches_golden(golden: GoldenMethod, network: UNet) -> None:
    out = network(golden.inputs("unet_small")["x"], torch.tensor([0, 713]))
    torch.testing.assert_close(out, golden.expected("unet_small", "out"), atol=2e-5, rtol=0)


@pytest.mark.shared
@pytest.mark.slow
@torch.inference_mode()
def test_full_network_matches_golden(golden: GoldenMethod) -> None:
    """Needs 2.5 GB of memory: the network has 553 million parameters."""
    with torch.device("meta"):
        network = UNet()
    fill_golden(network.eval(), gain=golden.gain)
    out = network(golden.inputs("unet_full")["x"], torch.tensor([500]))
    torch.testing.assert_close(out, golden.expected("unet_full", "out"), atol=1e-4, rtol=0)


@pytest.mark.shared
def test_rectification_matches_golden(golden: GoldenMethod) -> None:
    inputs = {name: 2 * image - 1 for name, image in golden.inputs("em").items()}
    rectify = Rectifier(inputs["I"], inputs["V"])
    first = rectify(inputs["f_pre_step1"])
    found = {"F": first, "F1": rectify.f1, "F2": rectify.f2}
    found |= {"tau_a": rectify.tau_a.squeeze(), "tau_b": rectify.tau_b.squeeze()}
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, golden.expected("em", f"step1.{name}"), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(rectify(inputs["f_pre_step2"]), golden.expected("em", "step2.F"), atol=1e-6, rtol=1e-5)
    for name in ("tau_a", "tau_b"):
        found = getattr(rectify, name).squeeze()
        torch.testing.assert_close(found, golden.expected("em", f"step2.{name}"), atol=1e-6, rtol=1e-5)


@pytest.mark.shared
def test_difference_power_matches_golden(golden: GoldenMethod) -> None:
    parts = (golden.expected("em", f"fft_k{axis}_{part}") for axis in (1, 2) for part in ("real", "imag"))
    power = sum(part.square() for part in parts)[:, :25]
    torch.testing.assert_close(difference_power(32, 48), power, atol=1e-5, rtol=0)


@pytest.mark.shared
@torch.inference_mode()
def test_sampler_matches_golden(golden: GoldenMethod, network: UNet) -> None:
    case = "sampler_small"
    schedule = Schedule.evenly(5)
    assert list(schedule.steps) == golden.expected(case, "timesteps_used").tolist()
    signal = torch.tensor(schedule.signal, dtype=torch.float32)
    torch.testing.assert_close(signal, golden.expected(case, "alphas_cumprod"), atol=0, rtol=1e-6)
    inputs = golden.inputs(case)
    i, v = 2 * inputs["I"] - 1, 2 * inputs["V"] - 1
    fused = sample(network, inputs["x_start"], i, v, schedule)
    torch.testing.assert_close(fused, golden.expected(case, "sample"), atol=1e-4, rtol=0)


@pytest.mark.shared
def test_state_dicts_have_the_official_names() -> None:
    with torch.device("meta"):
        assert shapes(UNet()) == manifest("ddfm", "unet")
        assert shapes(UNet(SMALL)) == manifest("ddfm", "unet_small")


def test_released_schedule() -> None:
    steps = Schedule.evenly(100).steps
    assert (len(steps), steps[0], steps[1], steps[-1]) == (100, 0, 10, 999)
    assert len(Schedule.evenly(1000).steps) == 1000


@pytest.fixture
def method(tmp_path: Path) -> DDFM:
    torch.manual_seed(0)
    path = tmp_path / "256x256_diffusion_uncond.pt"
    torch.save(UNet(SMALL).state_dict(), path)
    loaded = DDFM(steps=2, config=SMALL)
    loaded.load(torch.device("cpu"), path)
    return loaded


@torch.inference_mode()
def test_images_of_a_batch_are_independent(method: DDFM) -> None:
    sources = torch.rand(2, 1, 32, 64), torch.rand(2, 1, 32, 64)
    fused = method.fuse(Batch(sources=sources, task=Task.IVF))
    assert fused.shape == (2, 1, 32, 64)
    second = method.fuse(Batch(sources=tuple(source[1:] for source in sources), task=Task.IVF))
    torch.testing.assert_close(fused[1:], second, atol=1e-4, rtol=0)
    finished = method.finish(fused, Batch(sources=sources, task=Task.IVF))
    assert finished.amin(dim=(1, 2, 3)).tolist() == [0, 0]
    assert finished.amax(dim=(1, 2, 3)).tolist() == [1, 1]


@torch.inference_mode()
def test_roles_depend_on_the_task(method: DDFM) -> None:
    a, b = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32)
    infrared_visible = method.fuse(Batch(sources=(a, b), task=Task.IVF))
    assert torch.equal(infrared_visible, method.fuse(Batch(sources=(b, a), task=Task.MIF)))
    assert not torch.allclose(infrared_visible, method.fuse(Batch(sources=(a, b), task=Task.MIF)))


def test_equal_sources_do_not_break_the_rectification() -> None:
    image = golden_input("image", (1, 1, 16, 16))
    rectify = Rectifier(image, image)
    for _ in range(5):
        fused = rectify(image + 1e-6)
    assert fused.isfinite().all()


def test_step_count_is_checked() -> None:
    with pytest.raises(UsageError, match=r"ddfm\.steps must be from 2 to 1000, got 1"):
        fb.get_method("ddfm", steps=1)
