"""SegMiF against its golden values, and through its two official files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from fusionbench import Batch, Task
from fusionbench.nn import native
from fusionbench.types import WeightsError
from fusionbench_segmif.method import SegMIF
from fusionbench_segmif.network import FusionNet, SegMIFNet
from fusionbench_segmif.segformer import SegmentationNet
from fusionbench_segmif.streaming import StreamedFusion
from tests.helpers.golden import GoldenMethod, fill_golden, manifest, shapes

needs_kernel = pytest.mark.skipif(native.NATIVE.kernel() is None, reason=f"native kernel: {native.NATIVE.state()}")


@pytest.fixture(scope="module")
def golden() -> GoldenMethod:
    return GoldenMethod("segmif")


@pytest.fixture(scope="module")
def network(golden: GoldenMethod) -> SegMIFNet:
    found = SegMIFNet().eval()
    for part in ("fusion", "segmentation"):
        assert fill_golden(found.get_submodule(part), gain=golden.gain) == golden.sha256[part]
    return found


def _guided(golden: GoldenMethod, case: str) -> tuple[Tensor, ...]:
    inputs = golden.inputs(case)
    return inputs["ir"], inputs["vis"], inputs["out1"] - 0.5, inputs["out2"] - 0.5


@pytest.mark.shared
@torch.inference_mode()
def test_fusion_network_matches_golden(golden: GoldenMethod, network: SegMIFNet) -> None:
    fused = network.fusion(*_guided(golden, "fusion72x96"))
    torch.testing.assert_close(fused, golden.expected("fusion72x96", "fused"), atol=1e-5, rtol=0)


@pytest.mark.shared
@needs_kernel
@torch.inference_mode()
def test_streamed_fusion_network_matches_golden(golden: GoldenMethod, network: SegMIFNet) -> None:
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    fused = StreamedFusion(network.fusion)(kernel, *_guided(golden, "fusion72x96"))
    torch.testing.assert_close(fused, golden.expected("fusion72x96", "fused"), atol=1e-5, rtol=0)


@pytest.mark.shared
@torch.inference_mode()
def test_fusion_steps_match_golden(golden: GoldenMethod, network: SegMIFNet) -> None:
    net = network.fusion
    infrared, visible, guide1, guide2 = _guided(golden, "steps")
    a, b = net.DRDB1(net.relu(net.conv1_ir(infrared))), net.DRDB2(net.relu(net.conv1_vis(visible)))
    found = {"DRDB1_first8": a, "DRDB2_first8": b}
    a, b = net.ffm.cross(a, b, guide1, net.conv3)
    found |= {"ffm_call1.ir_first8": a, "ffm_call1.vis_first8": b}
    a, b = net.ffm.cross(net.DRDB3(a), net.DRDB4(b), guide2, net.conv4)
    found |= {"ffm_call2.ir_first8": a, "ffm_call2.vis_first8": b, "conv2_first8": net.conv2(torch.cat((a, b), dim=1))}
    for name, tensor in found.items():
        expected = golden.expected("steps", name)
        torch.testing.assert_close(tensor[:, :8], expected, atol=1e-4, rtol=1e-4, msg=lambda m, n=name: n + m)


@pytest.mark.shared
@torch.inference_mode()
def test_whole_network_matches_golden(golden: GoldenMethod, network: SegMIFNet) -> None:
    inputs = golden.inputs("full64x96")
    guides = network.segmentation.guidance(inputs["mask"].expand(-1, 3, -1, -1))
    for name, guide in zip(("out1_first4", "out2_first4"), guides, strict=True):
        full = torch.nn.functional.interpolate(guide, (64, 96), mode="bilinear", align_corners=False)[:, :4]
        torch.testing.assert_close(full, golden.expected("full64x96", name), atol=1e-5, rtol=0)
    fused = network(inputs["ir"], inputs["vis"][:, :1], inputs["mask"])
    torch.testing.assert_close(fused, golden.expected("full64x96", "fused"), atol=1e-5, rtol=0)
    logits = network.segmentation(inputs["mask"].expand(-1, 3, -1, -1))
    torch.testing.assert_close(logits, golden.expected("full64x96", "segmentation_logits"), atol=1e-4, rtol=0)


@pytest.mark.shared
def test_state_dicts_have_the_official_names() -> None:
    with torch.device("meta"):
        assert shapes(FusionNet()) == manifest("segmif", "fusion")
        assert shapes(SegmentationNet()) == manifest("segmif", "segmentation")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files as the authors publish them, random weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("segmif")
    torch.save(FusionNet().state_dict(), folder / "modelfusion-final2.pth")
    torch.save(SegmentationNet().state_dict(), folder / "model-fusion_add_final2.pth")
    return folder


@torch.inference_mode()
def test_official_files_load_and_fuse(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = SegMIF()
    method.load(torch.device("cpu"), files / "modelfusion-final2.pth")
    batch = Batch(sources=(torch.rand(2, 3, 33, 45), torch.rand(2, 3, 33, 45)), task=Task.IVF)
    fused = method.fuse(batch)
    assert fused.shape == (2, 1, 33, 45)
    second = Batch(sources=tuple(source[1:] for source in batch.sources), task=Task.IVF)
    torch.testing.assert_close(fused[1:], method.fuse(second), atol=1e-5, rtol=1e-5)
    with monkeypatch.context() as patch:
        patch.setenv("FUSIONBENCH_NATIVE", "0")
        torch.testing.assert_close(fused, method.fuse(batch), atol=1e-5, rtol=1e-5)
    finished = method.finish(fused, batch)
    assert finished.shape == (2, 3, 33, 45)
    assert finished.amin() == 0
    assert finished.amax() == 1
    torch.testing.assert_close(finished * 255, (finished * 255).round(), atol=1e-4, rtol=0)
    method.output = "plain"
    assert not torch.equal(method.finish(fused, batch), finished)


def test_missing_encoder_is_explained(files: Path, tmp_path: Path) -> None:
    alone = tmp_path / "modelfusion-final2.pth"
    alone.write_bytes((files / "modelfusion-final2.pth").read_bytes())
    with pytest.raises(WeightsError, match=r"(?s)model-fusion_add_final2\.pth is missing.*encoder=PATH"):
        SegMIF().load(torch.device("cpu"), alone)
    SegMIF(encoder=files / "model-fusion_add_final2.pth").load(torch.device("cpu"), alone)


def test_swapped_files_are_refused(files: Path) -> None:
    swapped = SegMIF(encoder=files / "modelfusion-final2.pth")
    with pytest.raises(WeightsError, match="does not fit FusionNet"):
        swapped.load(torch.device("cpu"), files / "model-fusion_add_final2.pth")
