"""Encoding and hashing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fusionbench.images.decode import read_image
from fusionbench.images.encode import write_png
from fusionbench.images.hashing import content_sha256, file_sha256
from fusionbench.types import DataError, ImageError, LazyArray


@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3)])
def test_what_is_written_is_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "folder" / "x.png"
    write_png(path, pixels)
    np.testing.assert_array_equal(read_image(path).pixels, pixels)
    assert [entry.name for entry in path.parent.iterdir()] == ["x.png"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, file: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PIL.Image.Image, "save", full)
    with pytest.raises(ImageError, match=r"x\.png.*No space left"):
        write_png(tmp_path / "x.png", np.zeros((20, 20), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_names_too_long_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="304 bytes"):
        write_png(tmp_path / ("n" * 300 + ".png"), np.zeros((20, 20), np.uint8))
    write_png(tmp_path / ("n" * 251 + ".png"), np.zeros((20, 20), np.uint8))


def test_hashes_tell_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert file_sha256(path) == content_sha256(path) == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(DataError, match="none"):
        file_sha256(tmp_path / "none")
    flat = LazyArray("a", lambda: np.zeros(4, np.float32))
    square = LazyArray("b", lambda: np.zeros((2, 2), np.float32))
    assert content_sha256(flat) != content_sha256(square)
    assert content_sha256(flat) == content_sha256(LazyArray("c", lambda: np.zeros(4, np.float32)))
