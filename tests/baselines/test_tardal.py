"""TarDAL against its golden values, and through its official container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench import Batch, Task
from fusionbench.images.colour import luma
from fusionbench.plugins import current_plugins
from fusionbench.types import WeightsError
from fusionbench.weights import store as weights_store
from fusionbench.weights.finding import find_weights
from fusionbench_tardal.method import TarDAL
from fusionbench_tardal.network import Discriminator, Generator
from tests.helpers.golden import GoldenMethod, fill_golden, golden_input, manifest, shapes
from tests.helpers.shared import shared_path


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
        network.encoder[1].num_batches_tracked += 1  # as training leaves it
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


REAL = {"dt-v0": "tardal.pt", "tt-v0": "tardal+.pt", "ct-v0": "tardal++.pt"}
WRAPPED = {
    "as published": lambda state: state,
    "DataParallel": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "compiled": lambda state: {"model": {f"_orig_mod.{name}": tensor for name, tensor in state.items()}, "epoch": 3},
    "bfloat16": lambda state: {"fuse": {name: tensor.bfloat16() for name, tensor in state.items()}},
}


def _real(variant: str) -> Path:
    return shared_path("weights", "tardal", "official", REAL[variant])


def _case(variant: str, data: str, norm: str) -> dict[str, np.ndarray]:
    """Arrays of a golden case by their last name, and the crops that its data set's cases share."""
    with np.load(shared_path("reference", "golden", "tardal_real.npz")) as arrays:
        names = (f"{variant[:2]}/{data}/{norm}/", f"{data}/")
        return {key.rpartition("/")[2]: arrays[key] for key in arrays.files if key.rpartition("/")[0] + "/" in names}


@pytest.mark.shared
@pytest.mark.parametrize(("variant", "norm"), [("dt-v0", "batch"), ("tt-v0", "eval"), ("ct-v0", "eval")])
@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.filterwarnings("ignore:.*use_eval")
@torch.inference_mode()
def test_the_first_release_s_files_run_as_their_authors_ran_them(
    tmp_path: Path, variant: str, norm: str, wrapped: str
) -> None:
    path = tmp_path / "weights.pt"
    torch.save(WRAPPED[wrapped](torch.load(_real(variant), weights_only=True)), path)
    method = TarDAL(variant=variant)
    method.load(torch.device("cpu"), path)
    assert method.batch_statistics is (norm == "batch")
    found = method.fused_luma(*(golden_input(f"tardal_real/rng37x53/{side}", (1, 1, 37, 53)) for side in ("ir", "vi")))
    tolerance = 0.05 if wrapped == "bfloat16" else 1e-4
    np.testing.assert_allclose(found[0], _case(variant, "rng37x53", norm)["out"], atol=tolerance, rtol=0)


@pytest.mark.shared
@torch.inference_mode()
def test_tardal_pt_on_a_real_pair_is_the_authors_picture() -> None:
    arrays = _case("dt-v0", "RoadScene/FLIR_00977", "batch")
    infrared, visible = (torch.from_numpy(arrays[f"crop_{side}"].astype(np.float32) / 255) for side in ("ir", "vi"))
    gray = torch.round(luma(visible.permute(2, 0, 1)[None]) * 255) / 255  # the first release's script rounds it
    with pytest.warns(UserWarning, match="own statistics"):
        fuser = fb.get_method("tardal", weights=_real("dt-v0"), device="cpu")
    found = fuser.method.fused_luma(infrared[None, None], gray)[0, 0]
    np.testing.assert_allclose(found, arrays["crop_out"], atol=1e-4, rtol=0)
    stored = fb.get_method("tardal", weights=_real("dt-v0"), device="cpu", use_eval="yes")
    other = stored.method.fused_luma(infrared[None, None], gray)[0, 0]
    expected = _case("dt-v0", "RoadScene/FLIR_00977", "eval")["crop_out"]
    np.testing.assert_allclose(other, expected, atol=1e-4, rtol=0)


@pytest.mark.shared
@pytest.mark.parametrize("variant", REAL)
def test_the_first_release_s_files_are_recognised(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    spec = current_plugins().methods["tardal"]
    weight, stored = weights_store.add(spec, _real(variant))
    assert weight.name.lower() == variant
    assert find_weights(spec, Task.IVF, options={"variant": variant}) == stored
    assert weights_store.verify(spec, weight, stored).origin == "official"


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
