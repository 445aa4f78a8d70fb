"""TarDAL against its golden values, and through its official container."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fusionbench import Batch, Task
from fusionbench.types import WeightsError
from fusionbench_tardal.method import TarDAL
from fusionbench_tardal.network import Discriminator, Generator
from tests.helpers.golden import GoldenMethod, fill_golden, manifest, shapes


@pytest.fixture
def golden() -> GoldenMethod:
    return GoldenMethod("tardal")


@pytest.fixture
def generator(golden: GoldenMethod) -> Generator:
    network = Generator().eval()
    assert fill_golden(network, gain=golden.gain) == golden.sha256["fuse"]
    return network


@pytest.mark.shared
@torch.inference_mode()
def test_generator_matches_golden(golden: GoldenMethod, generator: Generator) -> None:
    inputs = golden.inputs("c72x96")
    encoded = generator.encoder(torch.cat((inputs["ir"], inputs["vi"]), dim=1))
    torch.testing.assert_close(encoded[:, :8], golden.expected("c72x96", "encoder_first8"), atol=1e-5, rtol=0)
    dense = generator.dense[0](encoded)[:, :8]
    torch.testing.assert_close(dense, golden.expected("c72x96", "dense0_first8"), atol=1e-5, rtol=0)
    for case in ("c72x96", "real"):
        fused = generator(*golden.inputs(case).values())
        torch.testing.assert_close(fused, golden.expected(case, "fused"), atol=1e-5, rtol=0)


@pytest.mark.shared
@torch.inference_mode()
def test_batch_statistics_match_golden(golden: GoldenMethod, generator: Generator) -> None:
    method = TarDAL(use_eval="no")
    method.network = generator
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    fused = method._with_own_statistics(*golden.inputs("c72x96").values())
    torch.testing.assert_close(fused, golden.expected("c72x96", "fused_train_mode"), atol=1e-4, rtol=0)
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())


@pytest.mark.shared
@torch.inference_mode()
def test_discriminator_matches_golden(golden: GoldenMethod) -> None:
    network = Discriminator().eval()
    assert fill_golden(network, gain=golden.gain) == golden.sha256["disc"]
    score = network(golden.inputs("disc")["x"])
    torch.testing.assert_close(score, golden.expected("disc", "score"), atol=1e-4, rtol=0)


@pytest.mark.shared
def test_state_dict_has_the_official_names() -> None:
    assert shapes(Generator()) == manifest("tardal", "fuse")
    assert shapes(Discriminator()) == manifest("tardal", "disc.t")


@pytest.mark.parametrize("container", ["bare", "training"])
def test_official_containers_load(tmp_path: Path, container: str) -> None:
    torch.manual_seed(0)
    network = Generator().eval()
    path = tmp_path / "tardal-dt.pth"
    if container == "bare":
        torch.save(network.state_dict(), path)
    else:
        disc = Discriminator((32, 32)).state_dict()
        torch.save({"fuse": network.state_dict() | {"use_eval": False}, "disc": {"t": disc, "d": disc}}, path)
    method = TarDAL()
    method.load(torch.device("cpu"), path)
    assert method.batch_statistics is (container == "training")
    gray = torch.rand(2, 1, 21, 30).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        fused = method.fuse(Batch(sources=(gray, gray), task=Task.IVF))
        single = method.fuse(Batch(sources=(gray[1:], gray[1:]), task=Task.IVF))
    assert fused.shape == (2, 3, 21, 30)
    torch.testing.assert_close(fused[:, 0], fused[:, 2], atol=1e-6, rtol=0)
    torch.testing.assert_close(fused[1:], single, atol=1e-5, rtol=0)


def test_folded_norm_equals_the_norm() -> None:
    torch.manual_seed(0)
    network = Generator()
    pair = torch.rand(2, 1, 2, 24, 24)
    network(pair[0].mean(1, keepdim=True), pair[1].mean(1, keepdim=True))  # moves the running statistics
    block = network.dense[1].eval()
    x = torch.rand(1, 64, 9, 11)
    expected = torch.relu(block[1](block[0](x)))
    torch.testing.assert_close(block(x), expected, atol=1e-6, rtol=1e-6)


def test_wrong_file_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"encoder.0.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="does not fit Generator"):
        TarDAL().load(torch.device("cpu"), path)
