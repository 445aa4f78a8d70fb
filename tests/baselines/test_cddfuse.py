"""CDDFuse against its golden values, plain and streamed, and through its official container."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench_cddfuse import losses
from fusionbench_cddfuse.method import PARTS, CDDFuse
from fusionbench_cddfuse.network import BaseAttention, CDDFuseNet
from fusionbench_cddfuse.streaming import StreamedCDDFuse
from tests.helpers.golden import GoldenMethod, fill_golden, manifest, shapes


@pytest.fixture(scope="module")
def golden() -> GoldenMethod:
    return GoldenMethod("cddfuse")


@pytest.fixture(scope="module")
def network(golden: GoldenMethod) -> CDDFuseNet:
    found = CDDFuseNet().eval()
    for part in PARTS:
        assert fill_golden(found.get_submodule(part), gain=golden.gain) == golden.sha256[part]
    return found


@pytest.mark.shared
@pytest.mark.parametrize("form", ["plain", "streamed", "streamed without the native kernel"])
@torch.inference_mode()
def test_fusion_matches_golden(
    golden: GoldenMethod, network: CDDFuseNet, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "without" in form:
        monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    fuse = network if form == "plain" else StreamedCDDFuse(network)
    visible, infrared = golden.inputs("c72x96").values()
    for name, skip in (("fused", visible), ("fused_skip_sum", visible + infrared), ("fused_skip_none", None)):
        fused = fuse(visible, infrared, skip)
        torch.testing.assert_close(fused, golden.expected("c72x96", name), atol=5e-6, rtol=0)


@pytest.mark.shared
@torch.inference_mode()
def test_steps_match_golden(golden: GoldenMethod, network: CDDFuseNet) -> None:
    encoder, decoder = network.DIDF_Encoder, network.DIDF_Decoder
    visible, infrared = golden.inputs("steps").values()
    found = {"patch_embed": encoder.patch_embed(visible)}
    found["encoder_level1.0"] = encoder.encoder_level1[0](found["patch_embed"])
    found["vis_base"], found["vis_detail"], found["vis_shared"] = encoder(visible)
    found["ir_base"], found["ir_detail"], _ = encoder(infrared)
    found["fused_base"] = network.BaseFuseLayer(found["vis_base"] + found["ir_base"])
    found["fused_detail"] = network.DetailFuseLayer(found["vis_detail"] + found["ir_detail"])
    joined = torch.cat((found["fused_base"], found["fused_detail"]), dim=1)
    found["decoder_level0"] = decoder.reduce_channel(joined)
    found["fused"] = decoder(found["fused_base"], found["fused_detail"], visible)
    found["recon_vis"] = decoder(found["vis_base"], found["vis_detail"], visible)
    for name, tensor in found.items():
        expected = golden.expected("steps", name)
        torch.testing.assert_close(tensor, expected, atol=2e-5, rtol=0, msg=lambda m, n=name: n + m)


@pytest.mark.shared
@torch.inference_mode()
def test_saved_levels_match_golden(golden: GoldenMethod, network: CDDFuseNet) -> None:
    method = CDDFuse()
    method.adopt(network)
    pair = golden.inputs("real")
    batch = Batch(sources=(pair["ir"], pair["vis"]), task=Task.IVF)
    fused = method.fuse(batch)
    torch.testing.assert_close(fused, golden.expected("real", "fused"), atol=5e-6, rtol=0)
    levels = (method.finish(fused, batch)[0, 0] * 255).round().int()
    difference = (levels - golden.expected("real", "uint8_saved").int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 1e-3


@pytest.mark.shared
def test_losses_match_golden(golden: GoldenMethod) -> None:
    x = golden.inputs("loss")
    x["ir_base"] = (x["ir_base"] + x["vis_base"]) / 2  # as the case's description says
    found = {
        "ssim_vis": losses.ssim_loss(x["vis"], x["vis_hat"]),
        "ssim_ir": losses.ssim_loss(x["ir"], x["ir_hat"]),
        "gradient_vis": losses.gradient_loss(x["vis"], x["vis_hat"]),
        "cc_base": losses.correlation(x["vis_base"], x["ir_base"]),
        "cc_detail": losses.correlation(x["vis_detail"], x["ir_detail"]),
        "decomposition": losses.decomposition_loss(x["vis_base"], x["ir_base"], x["vis_detail"], x["ir_detail"]),
    }
    found["fusion_intensity"], found["fusion_gradient"] = losses.fusion_losses(x["vis"], x["ir"], x["fused"])
    found["phase1_total"] = (
        losses.reconstruction_loss(x["vis"], x["vis_hat"])
        + losses.reconstruction_loss(x["ir"], x["ir_hat"])
        + 2 * found["decomposition"]
        + 5 * found["gradient_vis"]
    )
    found["fusion_total"] = found["fusion_intensity"] + 10 * found["fusion_gradient"]
    found["phase2_total"] = found["fusion_total"] + 2 * found["decomposition"]
    for name, value in found.items():
        expected = golden.expected("loss", name)
        torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5, msg=lambda m, n=name: n + m)


@pytest.mark.shared
def test_state_dicts_have_the_official_names() -> None:
    network = CDDFuseNet()
    for part in PARTS:
        assert shapes(network.get_submodule(part)) == manifest("cddfuse", part)


def test_composed_convolution_equals_the_two() -> None:
    torch.manual_seed(0)
    attention = BaseAttention().double()
    x = torch.rand(1, 64, 7, 9, dtype=torch.float64)
    composed = torch.nn.functional.conv2d(x, attention.composed_qkv(), padding=1)
    torch.testing.assert_close(composed, attention.qkv2(attention.qkv1(x)))


@torch.inference_mode()
@pytest.mark.parametrize("native", ["1", "0"], ids=["native", "torch"])
@pytest.mark.parametrize("size", [(2, 2), (3, 7), (17, 33), (40, 9)])
def test_streamed_equals_plain(size: tuple[int, int], native: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of few rows, so that small images have several, the last of them incomplete."""
    monkeypatch.setenv("FUSIONBENCH_NATIVE", native)
    monkeypatch.setattr("fusionbench.nn.streaming._CPU_STRIP", 128 * 3 * size[1])
    torch.manual_seed(0)
    network = CDDFuseNet().eval()
    visible, infrared = torch.rand(2, 1, *size), torch.rand(2, 1, *size)
    streamed = StreamedCDDFuse(network)
    torch.testing.assert_close(
        streamed(visible, infrared, visible), network(visible, infrared, visible), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(streamed(visible, infrared), network(visible, infrared), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both checkpoints as the authors publish them: four parts, names of ``DataParallel``."""
    folder = tmp_path_factory.mktemp("cddfuse")
    for seed, name in enumerate(("CDDFuse_IVF.pth", "CDDFuse_MIF.pth")):
        torch.manual_seed(seed)
        network = CDDFuseNet()
        parts = {
            part: {f"module.{key}": value for key, value in network.get_submodule(part).state_dict().items()}
            for part in PARTS
        }
        torch.save(parts, folder / name)
    return folder


@torch.inference_mode()
def test_official_container_loads_and_chooses_the_skip(official: Path) -> None:
    first, second = torch.rand(1, 1, 12, 10), torch.rand(1, 1, 12, 10)
    cases = {
        ("CDDFuse_IVF.pth", Task.IVF): (second, first, second),
        ("CDDFuse_IVF.pth", Task.MIF): (first, second, first + second),
        ("CDDFuse_MIF.pth", Task.MIF): (first, second, None),
        ("CDDFuse_MIF.pth", Task.IVF): (second, first, None),
    }
    for (name, task), (visible, infrared, skip) in cases.items():
        method = CDDFuse()
        method.load(torch.device("cpu"), official / name)
        fused = method.fuse(Batch(sources=(first, second), task=task))
        expected = method.network(visible, infrared, skip)
        torch.testing.assert_close(fused, expected, atol=1e-5, rtol=0, msg=lambda m, n=name, t=task: f"{n} {t}: {m}")
        assert set(method.finish(fused, Batch(sources=(first, second), task=task)).flatten().tolist()) >= {0.0, 1.0}


def test_both_weights_are_found_by_task(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusionbench.plugins import current_plugins
    from fusionbench.types import WeightsError
    from fusionbench.weights.finding import find_weights

    spec = current_plugins().methods["cddfuse"]
    assert find_weights(spec, Task.MIF, official).name == "CDDFuse_MIF.pth"
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(official / "nowhere"))
    with pytest.raises(WeightsError, match=r"(?s)CDDFuse_IVF\.pth.*github\.com/Zhaozixiang1228"):
        find_weights(spec, Task.IVF)
