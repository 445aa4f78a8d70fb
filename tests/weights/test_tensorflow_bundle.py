"""The reader of TensorFlow checkpoints: official files, files written by the test, damaged files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from fusionbench.types import WeightsError
from fusionbench.weights import crc32c
from fusionbench.weights.checkpoints import from_tensorflow, read_state_dict
from fusionbench.weights.tensorflow_bundle import bundle_index, read_bundle
from tests.helpers.shared import shared_path
from tests.weights import bundles

OFFICIAL = {
    "sdnet/official/IRVIS.model-10": "sdnet/SDNet-IR_VIS.safetensors",
    "sdnet/official/MFF.model-19": "sdnet/SDNet-Multi_focus.safetensors",
    "u2fusion/official/model.ckpt": "u2fusion/U2Fusion.safetensors",
    "murf/official/0000.ckpt": "murf/MURF-RGB-IR-finetuning.safetensors",
}


@pytest.mark.shared
@pytest.mark.parametrize(("bundle", "converted"), OFFICIAL.items())
def test_official_checkpoints_equal_their_published_conversions(bundle: str, converted: str) -> None:
    found = read_state_dict(shared_path("weights", bundle + ".index").with_suffix(""))
    expected = load_file(shared_path("weights", converted))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_checksum_known_values() -> None:
    # RFC 3720, appendix B.4
    assert crc32c.crc32c(b"123456789") == 0xE3069283
    assert crc32c.crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c.crc32c(bytes(range(32))) == 0x46DD794E


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3000), st.integers(0, 2**32 - 1))
def test_checksum_of_any_length_equals_the_definition(length: int, seed: int) -> None:
    data = np.random.default_rng(seed).bytes(length)
    assert crc32c.crc32c(data) == bundles.crc32c(data)


def variables() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "net/conv/kernel": rng.standard_normal((3, 5, 2, 4)).astype(np.float32),
        "net/conv/kernel/Adam": rng.standard_normal((3, 5, 2, 4)).astype(np.float32),
        "net/conv/bias": rng.standard_normal(4),
        "net/dense/kernel": rng.standard_normal((6, 7)).astype(np.float32),
        "empty": np.zeros((0, 3), np.float32),
        "flag": np.array(True),
        "step": np.array(12, np.int64),
    }


@pytest.mark.parametrize("shards", [1, 3])
def test_reads_what_was_written(tmp_path: Path, shards: int) -> None:
    index = bundles.write_bundle(tmp_path / "model.ckpt-7", variables(), shards=shards, texts=("_OBJECT_GRAPH",))
    found = read_bundle(index)
    assert found.keys() == variables().keys()
    for name, array in variables().items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_every_file_of_a_bundle_names_it(tmp_path: Path, suffix: str) -> None:
    index = bundles.write_bundle(tmp_path / "model.ckpt", variables())
    (tmp_path / "model.ckpt.meta").touch()
    assert bundle_index(tmp_path / f"model.ckpt{suffix}") == index


def test_other_files_are_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "model.pth").touch()
    assert bundle_index(tmp_path / "model.pth") is None
    assert bundle_index(tmp_path / "absent") is None
    bundles.write_bundle(tmp_path / "model.pth", variables())
    assert bundle_index(tmp_path / "model.pth") is None


def test_layout_becomes_pytorchs() -> None:
    found = from_tensorflow(variables())
    assert found["net.conv.kernel"].shape == (4, 2, 3, 5)
    assert found["net.conv.kernel"][1, 0, 2, 3] == variables()["net/conv/kernel"][2, 3, 0, 1]
    assert found["net.dense.kernel"].shape == (7, 6)
    assert found["step"].item() == 12


def test_damage_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    index = bundles.write_bundle(tmp_path / "m", variables())
    whole = index.read_bytes()
    unnoticed = 0
    for place in range(0, len(whole), 3):
        index.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        # The empty block of statistics and the padding of the footer are not read.
        with contextlib.suppress(WeightsError):
            read_bundle(index)
            unnoticed += 1
    assert unnoticed < 20


@pytest.mark.parametrize("length", [0, 10, 47, 60, 200])
def test_a_shortened_index_is_an_error(tmp_path: Path, length: int) -> None:
    index = bundles.write_bundle(tmp_path / "m", variables())
    index.write_bytes(index.read_bytes()[:length])
    with pytest.raises(WeightsError, match="not a TensorFlow checkpoint index"):
        read_bundle(index)


def test_damaged_short_and_missing_data(tmp_path: Path) -> None:
    index = bundles.write_bundle(tmp_path / "m", variables())
    data = tmp_path / "m.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(WeightsError, match="checksum differs"):
        read_bundle(index)
    data.write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match="too short"):
        read_bundle(index)
    data.unlink()
    with pytest.raises(WeightsError, match="side by side"):
        read_bundle(index)


def test_big_endian_is_refused(tmp_path: Path) -> None:
    index = bundles.write_bundle(tmp_path / "m", variables(), endian=1)
    with pytest.raises(WeightsError, match="big-endian"):
        read_bundle(index)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_give_an_error_and_no_crash(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    index = tmp_path_factory.mktemp("noise") / "m.index"
    index.write_bytes(noise + bundles.table([(b"", b""), (noise[:20], noise)])[-200:])
    with pytest.raises(WeightsError):
        read_bundle(index)
