"""Reading PyTorch and safetensors files: as published, nested, damaged, hostile."""

from __future__ import annotations

import argparse
import copy
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

from fusionbench.types import WeightsError
from fusionbench.weights.checkpoints import load_into, read_checkpoint, read_entries, read_state_dict
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


def zipped(folder: Path, **members: bytes) -> bytes:
    with zipfile.ZipFile(folder / "any.zip", "w") as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return (folder / "any.zip").read_bytes()


@pytest.mark.parametrize(
    ("contents", "reason", "remedy"),
    [
        (b"", "is empty", "download complete"),
        (b"<!DOCTYPE html><html>", "is a web page", "Download raw file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer", "git lfs pull"),
        (b"PK\x03\x04 and then nothing", "not a readable PyTorch", "download complete"),
        (b"\x80\x02 and then nothing", "a Python pickle that torch.save did not write", "download complete"),
        (b"\xff\x00\x00\x00\x00\x00\x00\x00{}", "not a readable safetensors", "download complete"),
        (b"\x1f\x8b\x08 packed", "packed with gzip", "Unpack it"),
        (b"\x89HDF\r\n\x1a\n and more", "an HDF5 file", "state dict"),
        (b"\x93NUMPY\x01\x00", "a single NumPy array", "state dict"),
        (b'{"weight_map": {}}', "is JSON text", "not the index"),
        (b'{"abcd":{"e": 1}}', "is JSON text", "not the index"),
        (b'model_checkpoint_path: "model-3"', "TensorFlow's note", r"\.index"),
        (b"any other thing", "neither a PyTorch checkpoint", "with the weights"),
    ],
)
def test_files_that_are_no_checkpoints_are_told_what_they_are(
    tmp_path: Path, contents: bytes, reason: str, remedy: str
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(contents)
    with pytest.raises(WeightsError, match=rf"(?s){reason}.*{remedy}") as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("members", "reason", "remedy"),
    [
        ({"out/IVF.pth": b"x"}, r"a zip archive that holds out/IVF\.pth", "Unpack it"),
        ({"a.npy": b"x", "b.npy": b"x"}, "a NumPy archive", "state dict"),
        ({"model.weights.h5": b"x", "config.json": b"x"}, "a Keras archive", "state dict"),
        ({"archive_format": b"pt2"}, "exported with torch.export", "state dict"),
    ],
)
def test_other_zips_are_told_what_they_are(tmp_path: Path, members: dict[str, bytes], reason: str, remedy: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(zipped(tmp_path, **members))
    with pytest.raises(WeightsError, match=rf"(?s){reason}.*{remedy}"):
        read_state_dict(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_file_is_called_one_and_torch_s_advice_is_kept_back(tmp_path: Path, network: nn.Module) -> None:
    path = tmp_path / "model.pt"
    torch.jit.script(network).save(path)
    with pytest.raises(WeightsError, match=r"(?s)TorchScript.*torch\.jit\.load") as caught:
        read_state_dict(path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".data-00000-of-00001", ".meta"])
def test_a_tensorflow_file_without_its_index_asks_for_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model-3{suffix}"
    path.write_bytes(b"\x00\x01\x02" * 9)
    with pytest.raises(WeightsError, match=r"(?s)TensorFlow checkpoint.*model-3\.index.*same folder"):
        read_state_dict(path)


def test_a_changed_byte_in_a_pytorch_file_is_noticed(tmp_path: Path, network: nn.Module) -> None:
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    contents = bytearray(path.read_bytes())
    place = contents.index(network[0].weight.detach().numpy().tobytes())
    contents[place + 7] ^= 1
    path.write_bytes(contents)
    with pytest.raises(WeightsError, match=r"damaged: the checksum of its part .*data/0"):
        read_state_dict(path)
    torch.serialization.set_crc32_options(False)  # then the file says nothing about its contents
    try:
        torch.save(network.state_dict(), path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert same(read_state_dict(path), network.state_dict())


def test_a_shortened_download(tmp_path: Path, network: nn.Module) -> None:
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match="download complete"):
        read_state_dict(path)


def test_absent_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state_dict(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match="is a folder"):
        read_state_dict(tmp_path)


@pytest.mark.parametrize("found", [torch.zeros(3), [torch.zeros(3)], {}, {"epoch": 3}])
def test_no_state_dict_inside(tmp_path: Path, found: object) -> None:
    torch.save(found, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="holds"):
        read_state_dict(tmp_path / "weights.pth")


PREFIXES = (
    "module.module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.",
    "net.",
    "network.",
    "generator.",
    "model._orig_mod.",
    "module.model.",
    "_forward_module.model.",
)


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_of_wrappers_do_not_matter(tmp_path: Path, network: nn.Module, prefix: str, kind: str) -> None:
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    path = tmp_path / f"weights.{kind}"
    save_file(state, path) if kind == "safetensors" else torch.save(state, path)
    assert same(read_state_dict(path), network.state_dict())


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        torch.compile,
        torch.optim.swa_utils.AveragedModel,
        lambda network: nn.DataParallel(torch.compile(network)),
    ],
    ids=["DataParallel", "compile", "AveragedModel", "both"],
)
def test_wrapped_networks_load_and_are_loaded_into(tmp_path: Path, network: nn.Module, wrap) -> None:
    path = tmp_path / "weights.pth"
    torch.save(wrap(network).state_dict(), path)
    fresh = copy.deepcopy(network)
    for parameter in fresh.parameters():
        nn.init.zeros_(parameter)
    load_into(wrap(fresh), read_state_dict(path), path=path)
    if wrap is not torch.optim.swa_utils.AveragedModel:  # it copies what it averages
        assert same(dict(fresh.state_dict()), network.state_dict())
    again = copy.deepcopy(network)
    load_into(again, read_state_dict(path), path=path)
    assert same(dict(again.state_dict()), network.state_dict())


def test_a_compiled_part_of_a_network_loads(tmp_path: Path) -> None:
    network = nn.Sequential(OrderedDict(encoder=nn.Conv2d(1, 2, 1), decoder=nn.Conv2d(2, 1, 1)))
    expected = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.encoder = torch.compile(network.encoder)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    assert same(read_state_dict(tmp_path / "weights.pth"), expected)


def test_a_network_whose_own_names_begin_like_a_wrapper_loads_its_own_file(tmp_path: Path) -> None:
    network = nn.Sequential(OrderedDict(net=nn.Linear(2, 3)))
    for state in (network.state_dict(), network.net.state_dict()):
        torch.save(state, tmp_path / "weights.pth")
        load_into(network, read_state_dict(tmp_path / "weights.pth"), path="f")


@pytest.mark.parametrize(
    "container",
    ["params", "params_ema", "ema", "net", "generator", "netG", "G_state_dict", "module", "model_ema", "my_own_name"],
)
def test_containers(tmp_path: Path, network: nn.Module, container: str) -> None:
    other = {"discriminator": "none"} if container == "my_own_name" else {"discriminator": nn.Linear(2, 2).state_dict()}
    torch.save({container: network.state_dict(), "iteration": 5, **other}, tmp_path / "weights.pth")
    assert same(read_state_dict(tmp_path / "weights.pth"), network.state_dict())


def test_averaged_weights_are_taken_and_said(tmp_path: Path, network: nn.Module) -> None:
    averaged = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    torch.save({"params": network.state_dict(), "params_ema": averaged}, tmp_path / "weights.pth")
    with pytest.warns(UserWarning, match=r"averaged weights \(params_ema\) beside params"):
        found = read_state_dict(tmp_path / "weights.pth")
    assert same(found, averaged)


def test_what_lies_beside_the_tensors_is_left_out_and_handed_over(tmp_path: Path, network: nn.Module) -> None:
    beside = {"epoch": 5, "best": 0.5, "name": "run", "history": np.arange(3.0), "scores": [1, 2], "use_eval": False}
    torch.save({**network.state_dict(), **beside}, tmp_path / "weights.pth")
    state, found = read_entries(tmp_path / "weights.pth")
    assert same(state, network.state_dict())
    assert found.keys() == beside.keys()
    assert found["use_eval"] is False


def test_numbers_among_the_tensors_do_not_hinder(tmp_path: Path, network: nn.Module) -> None:
    state = {f"module.{name}": tensor + 1 for name, tensor in network.state_dict().items()}
    torch.save(state | {"epoch": torch.tensor(5), "best_loss": torch.tensor(0.5)}, tmp_path / "weights.pth")
    with pytest.warns(UserWarning, match="left out, a number beside the weights: best_loss"):
        load_into(network, read_state_dict(tmp_path / "weights.pth"), path="f")
    assert torch.equal(network[0].weight, state["module.0.weight"])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_of_another_precision_take_the_network_s(
    tmp_path: Path, network: nn.Module, kind: torch.dtype, device: str, suffix: str
) -> None:
    state = {name: tensor.to(kind) for name, tensor in network.state_dict().items()}  # counters, too
    path = tmp_path / f"weights.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    with torch.device(device):
        fresh = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    load_into(fresh, read_state_dict(path), path=path)
    found = fresh.state_dict()
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        n: t.dtype for n, t in network.state_dict().items()
    }
    assert torch.equal(found["0.weight"], state["0.weight"].float())
    assert fresh.eval()(torch.rand(1, 1, 8, 8)).isfinite().all()


def test_what_another_type_would_change_is_refused(network: nn.Module) -> None:
    state = dict(network.state_dict())
    cases = {
        "0.weight int8": {"0.weight": torch.ones(4, 1, 3, 3, dtype=torch.int8)},
        "not finite: 2.bias": {"2.bias": torch.full((1,), 1e300, dtype=torch.float64)},
        "1.running_mean complex64": {"1.running_mean": torch.ones(4, dtype=torch.complex64)},
        "quantized or sparse: 0.bias": {"0.bias": torch.ones(4).to_sparse()},
    }
    for message, changed in cases.items():
        with pytest.raises(WeightsError, match=message):
            load_into(network, state | changed, path="f")


def test_a_network_buried_among_other_parts_is_pointed_at(tmp_path: Path, network: nn.Module) -> None:
    state = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": state | {"loss.vgg.weight": torch.zeros(3, 3)}}, tmp_path / "last.ckpt")
    with pytest.raises(WeightsError, match=r"behind the prefix 'model\.'"):
        load_into(network, read_state_dict(tmp_path / "last.ckpt"), path="f")


def test_a_mapping_that_contains_itself_ends(tmp_path: Path) -> None:
    found: dict[str, object] = {"epoch": 1}
    found |= dict.fromkeys(("model", "net", "params", "generator"), found)
    torch.save(found, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="holds no state dict"):
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


def test_the_earlier_place_of_the_readers_is_the_same_reader() -> None:
    from fusionbench.nn import checkpoints as earlier

    assert (earlier.load_into, earlier.read_state_dict) == (load_into, read_state_dict)
