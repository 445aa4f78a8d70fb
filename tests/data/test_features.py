"""Text features: exact values from every container, nothing executed, nothing allocated on trust."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from fusionbench.data import open_hdf5, read_features
from fusionbench.images import content_sha256, read_image
from fusionbench.types import DataError, LazyArray


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((7, 12)).astype(np.float32)


@pytest.mark.parametrize("shape", [(7, 12), (1, 7, 12)])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, values: np.ndarray, shape: tuple[int, ...], dtype: str, order: str) -> None:
    stored = np.asarray(values.reshape(shape), dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", stored)
    features = read_features(tmp_path / "x.npy")
    assert (features.dtype, features.shape) == (np.float32, (7, 12))
    np.testing.assert_array_equal(features, stored.reshape(7, 12).astype(np.float32))


def test_hdf5(tmp_path: Path, values: np.ndarray) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["text/1"] = values[None]
    np.testing.assert_array_equal(read_features(path), values)
    with h5py.File(path, "a") as file:
        file["text/2"] = values
    with pytest.raises(DataError, match="2 arrays"):
        read_features(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match=r"x\.h5"):
        read_features(path)
    with pytest.raises(DataError, match="does not exist"), open_hdf5(tmp_path / "none.h5"):
        pass


def test_a_huge_hdf5_array_is_refused_before_reading(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("text", shape=(1_000_000, 1_000_000), dtype="f4", chunks=(1000, 1000))
    with pytest.raises(DataError, match="more than"):
        read_features(tmp_path / "x.h5")


def test_lazy_array(values: np.ndarray) -> None:
    np.testing.assert_array_equal(read_features(LazyArray("x.h5:text/1", lambda: values[None])), values)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((0, 4)), "empty"),
        (np.zeros(4), r"\(4,\)"),
        (np.zeros((2, 3, 4)), r"\(2, 3, 4\)"),
        (np.full((3, 4), np.nan), "NaN"),
        (np.full((3, 4), np.inf), "infinite"),
        (np.zeros((3, 4), complex), "complex"),
        (np.array([["a", "b"]]), "expected floats"),
    ],
)
def test_what_is_no_feature_is_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=rf"x\.npy.*{words}"):
        read_features(tmp_path / "x.npy")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("unpickled",))

    np.save(tmp_path / "x.npy", np.array([[Bomb()]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="unpickled"):
        read_features(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-7, -12), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (7, 12",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 4000 + b")" * 4000 + b"}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b", 2)}",
        b"{'descr': '|V0', 'fortran_order': False, 'shape': (7, 12), }",
        b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (7, 12), }",
        b"{'descr': 3, 'fortran_order': False, 'shape': (7, 12), }",
        b"{'descr': '<f4', 'fortran_order': 0, 'shape': (True, 12), }",
        b"{'descr': '<M8[s]', 'fortran_order': False, 'shape': (7, 12), }",
        b"\0" * 40,
        b"import os",
        b"x: 'y'",
    ],
)
@pytest.mark.parametrize("version", [1, 2, 3, 9])
def test_damaged_headers(tmp_path: Path, header: bytes, version: int) -> None:
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + header + bytes(336))
    with pytest.raises(DataError, match=r"x\.npy"):
        read_features(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "error", [TypeError("odd"), RuntimeError("a\nb"), KeyError("k"), MemoryError(), OSError("disk")]
)
def test_whatever_an_adapter_raises_concerns_its_own_array(error: Exception) -> None:
    def read() -> np.ndarray:
        raise error

    for look in (read_features, read_image, content_sha256):
        with pytest.raises(DataError, match=r"x\.h5:text/1: "):
            look(LazyArray("x.h5:text/1", read))


def test_a_mask_is_not_dropped(values: np.ndarray) -> None:
    masked = np.ma.masked_greater(values, 1)
    with pytest.raises(DataError, match="masked out"):
        read_features(LazyArray("x", lambda: masked))
    np.testing.assert_array_equal(read_features(LazyArray("x", lambda: np.ma.array(values))), values)


def test_cut_and_lying_files(tmp_path: Path, values: np.ndarray) -> None:
    stream = io.BytesIO()
    np.save(stream, values)
    path = tmp_path / "x.npy"
    for length in (0, 5, 20, 130, len(stream.getvalue()) - 1):
        path.write_bytes(stream.getvalue()[:length])
        with pytest.raises(DataError, match=r"x\.npy"):
            read_features(path)
    path.write_bytes(stream.getvalue().replace(b"(7, 12)", b"(7, 99)"))
    with pytest.raises(DataError, match="cut off"):
        read_features(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_features(tmp_path / "none.npy")
