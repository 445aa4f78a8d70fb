"""DeFusion against its golden values, and through its official container."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench.nn import native as native_kernel
from fusionbench_defusion.method import DeFusion
from fusionbench_defusion.network import ALIASES, DeFusionNet
from fusionbench_defusion.streaming import StreamedDeFusion
from tests.helpers.golden import GoldenMethod, fill_golden, manifest, shapes

needs_kernel = pytest.mark.skipif(
    native_kernel.NATIVE.kernel() is None, reason=f"native kernel: {native_kernel.NATIVE.state()}"
)


@pytest.fixture(scope="module")
def golden() -> GoldenMethod:
    return GoldenMethod("defusion")


@pytest.fixture(scope="module")
def network(golden: GoldenMethod) -> DeFusionNet:
    found = DeFusionNet().eval()
    assert fill_golden(found, gain=golden.gain, aliases=ALIASES) == golden.sha256["state_dict"]
    return found


@pytest.mark.shared
@torch.inference_mode()
def test_network_matches_golden(golden: GoldenMethod, network: DeFusionNet) -> None:
    case = "net64x80"
    first, second = golden.inputs(case).values()
    found = dict(zip(("common", "upper", "lower"), network.decompose(first, second), strict=True))
    levels = network.encode(second)
    found |= {f"lower_pass.upper_encoder_layer{i}": levels[i][:, :16] for i in (1, 2, 3)}
    found |= {"fusion": network(first, second), "encoder_first4_img2": levels[0][:, :4]}
    deepest = torch.cat((network.encode(first)[3], levels[3]), dim=1)
    found |= {"common_encoder_first16": network.common_encoder(deepest)[:, :16]}
    found |= {"common_embedding_first4": network.embeddings(first, second)[2][:, :4]}
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, golden.expected(case, name), atol=1e-5, rtol=0, msg=lambda m, n=name: n + m)


@pytest.mark.shared
@pytest.mark.parametrize("native", ["1", "0"], ids=["native", "torch"])
@torch.inference_mode()
def test_protocol_matches_golden(
    golden: GoldenMethod, network: DeFusionNet, native: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONBENCH_NATIVE", native)
    method = DeFusion()
    method._place(network, torch.device("cpu"))
    batch = Batch(sources=tuple(golden.inputs("infer72x96").values()), task=Task.MEF)
    fused = method.fuse(batch)
    torch.testing.assert_close(fused, golden.expected("infer72x96", "fusion"), atol=1e-5, rtol=0)
    levels = (method.finish(fused, batch)[0] * 255).round().int().permute(1, 2, 0)
    assert (levels - golden.expected("infer72x96", "fusion_uint8").int()).abs().max() <= 1
    pair = tuple(image.expand(-1, 3, -1, -1) for image in golden.inputs("real").values())
    fused = method.fuse(Batch(sources=pair, task=Task.IVF))
    torch.testing.assert_close(fused, golden.expected("real", "fusion"), atol=1e-5, rtol=0)


@pytest.mark.shared
@torch.inference_mode()
def test_deep_variant_matches_golden(golden: GoldenMethod) -> None:
    network = DeFusionNet(deep=True).eval()
    assert fill_golden(network, gain=golden.gain, aliases=ALIASES) == golden.sha256["state_dict_deep"]
    pair = golden.inputs("deep_net64x80").values()
    torch.testing.assert_close(network(*pair), golden.expected("deep_net64x80", "fusion"), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        network.decompose(*pair)[0], golden.expected("deep_net64x80", "common"), atol=1e-5, rtol=0
    )


@needs_kernel
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("size", [(33, 49), (40, 56)])
@torch.inference_mode()
def test_streamed_equals_plain(size: tuple[int, int], deep: bool) -> None:
    """At sizes that halve evenly and at others, with weights that leave something at the end."""
    generator = torch.Generator().manual_seed(0)
    network = DeFusionNet(deep=deep).eval()
    for name, parameter in network.named_parameters():
        spread = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim == 4 else 0.1
        spread *= 0.5 if "conv3" in name else 1  # residuals are added to each other
        parameter.normal_(0, spread, generator=generator)
    network.fusion_rule[0].weight.abs_()
    first, second = torch.rand(2, 2, 3, *size, generator=generator)
    kernel = native_kernel.NATIVE.kernel()
    assert kernel is not None
    expected = network(first, second)
    fused = StreamedDeFusion(network)(kernel, first, second)
    assert (expected > 0).float().mean() > 0.5
    torch.testing.assert_close(fused, expected, atol=float(2e-5 * expected.amax()), rtol=0)


@pytest.mark.shared
def test_state_dict_has_the_official_names() -> None:
    assert shapes(DeFusionNet()) == manifest("defusion", "state_dict")
    assert shapes(DeFusionNet(deep=True)) == manifest("defusion", "state_dict_deep")


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("stored", ["twice", "once"])
def test_official_container_loads(tmp_path: Path, deep: bool, stored: str) -> None:
    torch.manual_seed(0)
    network = DeFusionNet(deep=deep)
    state = network.state_dict()
    if stored == "once":
        state = {name: tensor for name, tensor in state.items() if name.partition(".")[0] not in ALIASES}
    path = tmp_path / "checkpoint.pth"
    adam = torch.optim.Adam(network.parameters())
    torch.save({"epoch": 50, "state_dict": state, "optimizers": [adam.state_dict()], "schedulers": []}, path)
    method = DeFusion()
    method.load(torch.device("cpu"), path)
    loaded = method.network.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in network.state_dict().items())


@torch.inference_mode()
@pytest.mark.parametrize("size", [(17, 17), (20, 25)])
def test_any_size_and_batches(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    method = DeFusion()
    method.load_untrained(torch.device("cpu"))
    sources = torch.rand(2, 3, *size), torch.rand(2, 3, *size)
    fused = method.fuse(Batch(sources=sources, task=Task.MFF))
    assert fused.shape == (2, 3, *size)
    second = method.fuse(Batch(sources=tuple(s[1:] for s in sources), task=Task.MFF))
    torch.testing.assert_close(fused[1:], second, atol=1e-5, rtol=1e-5)
