"""Reading PyTorch and safetensors files: as published, nested, damaged, hostile."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fusionbench.nn.checkpoints import load_into, read_checkpoint, read_state_dict
from fusionbench.types import WeightsError
from tests.helpers.shared import shared_path

OFFICIAL = {
    "datfuse/official/model_10.pth": "datfuse/DATFuse.safetensors",
    "gesenet/official/GeSeNet.pth": "gesenet/GeSeNet.safetensors",
    "ifcnn/official/IFCNN-MAX.pth": "ifcnn/IFCNN-MAX.safetensors",
    "matr/official/model_10.pth": "matr/MATR.safetensors",
    "gifnet/official/Final.model": "gifnet/GIFNet.safetensors",
    "lrrnet/official/final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model": "lrrnet/LRRNet.safetensors",
    "mefnet/official/MEFNet_release.pt": "mefnet/MEFNet.safetensors",
    "mufusion/official/ir_vis/TNO.model": "mufusion/MUFusion_TNO.safetensors",
    "refusion/official/ReFusion_IVIF.pth": "refusion/ReFusion_IVIF.safetensors",
    "sage/official/checkpoints.pt": "sage/SAGE.safetensors",
    "seafusion/official/SeAFusion.pth": "seafusion/SeAFusion.safetensors",
    "sesf_fuse/official/lp+lssim_se_sf_net_times30.pkl": "sesf_fuse/SESF-Fuse.safetensors",
    "stackmff_v2/official/model.pth": "stackmff_v2/StackMFF-V2.safetensors",
    "stackmff_v4/official/stackmffv4.pth": "stackmff_v4/StackMFF-V4.safetensors",
    "textfusion/official/LLVIP_pretrained.model": "textfusion/TextFusion-LLVIP.safetensors",
    "ydtr/official/model_10.pth": "ydtr/YDTR.safetensors",
}


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.shared
@pytest.mark.parametrize(("official", "converted"), OFFICIAL.items())
def test_official_files_equal_their_published_conversions(official: str, converted: str) -> None:
    assert same(read_state_dict(shared_path("weights", official)), load_file(shared_path("weights", converted)))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("nested", ["none", "state_dict", "model", "net and more"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.module."])
def test_training_checkpoints(tmp_path: Path, network: nn.Module, legacy: bool, nested: str, prefix: str) -> None:
    state = OrderedDict((prefix + name, tensor) for name, tensor in network.state_dict().items())
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(2, 1, 8, 8)).sum().backward()
    optimizer.step()
    checkpoint = {
        "none": state,
        "state_dict": {"epoch": 3, "state_dict": state, "optimizer": optimizer.state_dict()},
        "model": {"model": {"state_dict": state}, "best": np.float64(0.25), "seen": np.int64(3)},
        "net and more": {
            "net": state,
            "history": OrderedDict(loss=[np.float32(1), np.float64(2)]),
            "when": np.dtype("float32"),
            "flag": np.bool_(True),
        },
    }[nested]
    path = tmp_path / "checkpoint.model"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not legacy)
    assert same(read_state_dict(path), network.state_dict())


def test_pickles_of_numpy_1_name_its_old_modules(tmp_path: Path, network: nn.Module) -> None:
    path, old = tmp_path / "new.pth", tmp_path / "old.pth"
    torch.save({"state_dict": network.state_dict(), "best": np.float64(0.5)}, path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(old, "w") as target:
        for item in source.infolist():
            target.writestr(item, source.read(item).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert b"numpy.core.multiarray" in old.read_bytes()
    assert same(read_state_dict(old), network.state_dict())


def test_safetensors(tmp_path: Path, network: nn.Module) -> None:
    save_file(network.state_dict(), tmp_path / "any.name")
    assert same(read_state_dict(tmp_path / "any.name"), network.state_dict())


def test_one_part_of_several(tmp_path: Path, network: nn.Module) -> None:
    path = tmp_path / "parts.pth"
    torch.save({"encoder": {"module.a": torch.zeros(1)}, "decoder": network.state_dict()}, path)
    assert same(read_state_dict(path, only="decoder"), network.state_dict())
    assert list(read_state_dict(path, only="encoder")) == ["a"]
    with pytest.raises(WeightsError, match="encoder, decoder"):
        read_state_dict(path)
    with pytest.raises(WeightsError, match="no part 'base'"):
        read_state_dict(path, only="base")


class Runs:
    """A pickle of it runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_does_not_run(tmp_path: Path, legacy: bool) -> None:
    path, proof = tmp_path / "evil.pth", tmp_path / "proof"
    payload = {"state_dict": {"a": torch.zeros(1)}, "epoch": Runs(f"touch {proof}")}
    torch.save(payload, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="would run code") as caught:
        read_checkpoint(path)
    assert "system" in str(caught.value)
    assert not proof.exists()


def test_a_bare_malicious_pickle_does_not_run(tmp_path: Path) -> None:
    path, proof = tmp_path / "evil.pkl", tmp_path / "proof"
    path.write_bytes(pickle.dumps(Runs(f"touch {proof}")))
    with pytest.raises(WeightsError):
        read_checkpoint(path)
    assert not proof.exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("thing", ["namespace", "module"])
def test_pickled_objects_are_explained(tmp_path: Path, network: nn.Module, legacy: bool, thing: str) -> None:
    path = tmp_path / "model.pth"
    found = network if thing == "module" else {"args": argparse.Namespace(lr=1), "model": network.state_dict()}
    torch.save(found, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match=r"state_dict\(\)") as caught:
        read_checkpoint(path)
    assert ("Namespace" if thing == "namespace" else "torch.nn") in str(caught.value)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "neither"),
        (b"<!DOCTYPE html><html>", "Git LFS"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "neither"),
        (b"PK\x03\x04 and then nothing", "not a readable PyTorch"),
        (b"\x80\x02 and then nothing", "PyTorch|pickles"),
        (b"\xff\x00\x00\x00\x00\x00\x00\x00{}", "safetensors"),
    ],
)
def test_files_that_are_no_checkpoints(tmp_path: Path, contents: bytes, message: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(contents)
    with pytest.raises(WeightsError, match=message) as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)


def test_a_shortened_download(tmp_path: Path, network: nn.Module) -> None:
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match="download complete"):
        read_state_dict(path)


def test_absent_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state_dict(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state_dict(tmp_path)


@pytest.mark.parametrize("found", [torch.zeros(3), [torch.zeros(3)], {}, {"epoch": 3}])
def test_no_state_dict_inside(tmp_path: Path, found: object) -> None:
    torch.save(found, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="holds"):
        read_state_dict(tmp_path / "weights.pth")


def test_loading_reports_every_kind_of_misfit_by_name_and_changes_nothing(network: nn.Module) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = {name: tensor + 1 for name, tensor in before.items()}
    del state["0.bias"]
    state["2.weight"] = torch.zeros(1, 4, 3, 3)
    state["2.bias"] = torch.full((1,), torch.nan)
    state["extra"] = torch.zeros(1)
    with pytest.raises(WeightsError) as caught:
        load_into(network, state, path="file.pth")
    text = str(caught.value)
    assert "file.pth" in text
    assert "missing: 0.bias" in text
    assert "unexpected: extra" in text
    assert "2.weight (1, 4, 3, 3) instead of (1, 4, 1, 1)" in text
    assert "not finite: 2.bias" in text
    assert same(network.state_dict(), before)


def test_loading_renames_drops_and_tolerates_missing_batch_counters(network: nn.Module) -> None:
    state = {f"net/{n}": t + 1 for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    state["global_step"] = torch.tensor(3)
    expected = {name.removeprefix("net/"): tensor for name, tensor in state.items()}
    load_into(network, state, path="f", rename=lambda n: n.removeprefix("net/") if n.startswith("net/") else None)
    assert all(torch.equal(network.state_dict()[n], t) for n, t in expected.items() if n != "global_step")
