"""Text features: exact values from every container, nothing executed, nothing allocated on trust."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from fusionbench.data import open_hdf5, read_features
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
