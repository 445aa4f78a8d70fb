"""Decoding: exact values for every kind of file, or a refusal that names file and remedy."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from PIL import ImageFile, ImageOps

from fusionbench.images.decode import MAX_PIXELS, Image, probe_image, read_image
from fusionbench.types import ImageError, LazyArray
from tests.helpers.memory import memory_below


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 31, 3), dtype=np.uint8)


@pytest.fixture
def wide() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 65536, (24, 31, 3), dtype=np.uint16)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png16(pixels: np.ndarray, colour: int) -> bytes:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png_file(pixels.shape[1], pixels.shape[0], 16, colour, rows)


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    PIL.Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_lossless_formats_come_back_as_stored(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    path = saved(tmp_path / f"x{suffix}", rgb, **({"lossless": True} if suffix == ".webp" else {}))
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, rgb)
    assert (image.peak, image.notes, image.channels, image.is_gray) == (255.0, (), 3, False)
    info = probe_image(path)
    assert (info.height, info.width, info.channels) == (24, 31, 3)


def test_jpeg_is_what_pillow_gives_by_default(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(tmp_path / "x.jpg", rgb, quality=70)
    np.testing.assert_array_equal(read_image(path).pixels, np.asarray(PIL.Image.open(path)))


def test_content_decides_not_the_extension(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(tmp_path / "jpeg.png", rgb, format="JPEG")
    assert probe_image(path).format == "JPEG"
    assert read_image(path).channels == 3


def test_sixteen_bit_png_keeps_both_bytes(tmp_path: Path, wide: np.ndarray) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png16(wide, 2))
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, wide)
    assert image.peak == 65535.0
    path.write_bytes(png16(wide[..., 0], 0))
    np.testing.assert_array_equal(read_image(path).pixels, wide[..., 0])
    path.write_bytes(png16(np.concatenate([wide, wide[..., :1]], axis=2), 6))
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, wide)
    assert image.notes == ("alpha ignored",)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bit_tiff_keeps_both_bytes(tmp_path: Path, wide: np.ndarray, byteorder: str) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, wide, byteorder=byteorder, photometric="rgb")
    np.testing.assert_array_equal(read_image(path).pixels, wide)
    tifffile.imwrite(path, wide[..., 1], byteorder=byteorder, photometric="minisblack")
    np.testing.assert_array_equal(read_image(path).pixels, wide[..., 1])


def test_raw_counts_of_a_sensor_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "thermal.tif"
    tifffile.imwrite(path, np.full((20, 20), 7500, np.uint16), photometric="minisblack")
    with pytest.raises(ImageError, match=r"thermal\.tif.*7500.*raw"):
        read_image(path)


def test_float_tiff(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    pixels = np.random.default_rng(3).random((20, 21)).astype(np.float32)
    tifffile.imwrite(path, pixels, photometric="minisblack")
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.peak == 1.0
    pixels[3, 4] = np.nan
    tifffile.imwrite(path, pixels, photometric="minisblack")
    with pytest.raises(ImageError, match="NaN"):
        read_image(path)
    tifffile.imwrite(path, np.full((20, 20), 2.0, np.float32), photometric="minisblack")
    with pytest.raises(ImageError, match=r"\[0, 1\]"):
        read_image(path)
    tifffile.imwrite(path, np.tile(pixels[:11, :, None], 3), photometric="rgb")
    with pytest.raises(ImageError, match="NaN"):
        read_image(path)
    pixels[3, 4] = 0
    tifffile.imwrite(path, np.tile(pixels[..., None], 3), photometric="rgb")
    np.testing.assert_array_equal(read_image(path).pixels, np.tile(pixels[..., None], 3))


def test_alpha_is_left_out_with_a_note_where_it_matters(tmp_path: Path, rgb: np.ndarray) -> None:
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    path = saved(tmp_path / "x.png", np.dstack([rgb, alpha]))
    assert read_image(path).notes == ()
    alpha[0, 0] = 0
    image = read_image(saved(path, np.dstack([rgb, alpha])))
    np.testing.assert_array_equal(image.pixels, rgb)
    assert image.notes == ("alpha ignored",)


def test_palette_and_bilevel_become_intensities(tmp_path: Path) -> None:
    indices = np.tile(np.arange(16, dtype=np.uint8), (16, 2))
    picture = PIL.Image.fromarray(indices)
    picture.putpalette([value for index in range(16) for value in (index * 3, index, 255 - index)])
    picture.save(tmp_path / "p.png", bits=4, transparency=3)
    image = read_image(tmp_path / "p.png")
    assert image.pixels[0, 5].tolist() == [15, 5, 250]
    assert image.notes == ("transparent colour ignored",)
    PIL.Image.fromarray(indices > 7).save(tmp_path / "b.png")
    assert set(np.unique(read_image(tmp_path / "b.png").pixels)) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_orientation_is_applied(tmp_path: Path, rgb: np.ndarray, orientation: int, suffix: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"x{suffix}", rgb, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(PIL.Image.open(path)))
    np.testing.assert_array_equal(read_image(path).pixels, expected)
    info = probe_image(path)
    assert (info.height, info.width) == expected.shape[:2]


def test_orientation_of_sixteen_bit_tiff(tmp_path: Path, wide: np.ndarray) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, wide, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(read_image(path).pixels, np.rot90(wide, -1))
    tifffile.imwrite(path, wide[..., 0], photometric="minisblack", extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(read_image(path).pixels, np.rot90(wide[..., 0], -1))
    assert probe_image(path).height == 31


def test_gray_stored_as_rgb_stays_rgb_and_says_so(tmp_path: Path, rgb: np.ndarray) -> None:
    image = read_image(saved(tmp_path / "x.png", np.repeat(rgb[..., :1], 3, axis=2)))
    assert (image.channels, image.is_gray) == (3, True)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
@pytest.mark.parametrize("tolerant", [False, True])
def test_cut_files_are_refused(
    tmp_path: Path, rgb: np.ndarray, suffix: str, cut: float, tolerant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / f"x{suffix}", rgb)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    # Training code likes to set this for the whole process; values must not become wrong through it.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    with pytest.raises(ImageError, match=rf"x\{suffix}"):
        read_image(path)


def test_a_flipped_bit_in_a_png_is_refused(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(tmp_path / "x.png", rgb)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageError, match="checksum"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello", "text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (bytes(range(256)), "not an image"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for read in (read_image, probe_image):
        with pytest.raises(ImageError, match=words):
            read(path)


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".png", ".webp"])
def test_several_frames_are_refused(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    PIL.Image.fromarray(rgb).save(path, save_all=True, append_images=[PIL.Image.fromarray(255 - rgb)])
    for read in (read_image, probe_image):
        with pytest.raises(ImageError, match="2 frames"):
            read(path)


def test_bombs_are_refused_from_the_header_without_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_file(60_000, 60_000, 8, 2, b""))
    for read in (read_image, probe_image):
        with memory_below(4_000_000), pytest.raises(ImageError, match=str(MAX_PIXELS)):
            read(path)


def test_the_limit_can_be_set(tmp_path: Path, rgb: np.ndarray) -> None:
    with pytest.raises(ImageError, match="the limit is 100"):
        read_image(saved(tmp_path / "x.jpg", rgb), max_pixels=100)


def test_a_huge_comment_is_never_unpacked(tmp_path: Path, rgb: np.ndarray) -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(40_000_000)))
    path = tmp_path / "x.png"
    path.write_bytes(png_file(31, 24, 8, 2, b"".join(b"\0" + row.tobytes() for row in rgb), text))
    with memory_below(4_000_000):
        image = read_image(path)
    np.testing.assert_array_equal(image.pixels, rgb)


def test_trailing_bytes_are_harmless(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(tmp_path / "x.png", rgb)
    path.write_bytes(path.read_bytes() + b"\0garbage" * 100)
    np.testing.assert_array_equal(read_image(path).pixels, rgb)


def test_too_small_names_the_smallest_size(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", np.zeros((5, 7), np.uint8))
    with pytest.raises(ImageError, match=r"7x5.*11x11"):
        read_image(path)
    assert read_image(path, min_side=1).height == 5


def test_fifos_folders_and_absent_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    for name, words in (("fifo.png", "regular"), (".", "regular"), ("none.png", "does not exist")):
        with pytest.raises(ImageError, match=words):
            read_image(tmp_path / name)


def test_lazy_arrays(rgb: np.ndarray) -> None:
    image = read_image(LazyArray("file.h5:imageA/1", lambda: rgb.astype(np.float64) / 255))
    assert (image.pixels.dtype, image.peak, image.channels) == (np.float32, 1.0, 3)
    assert read_image(LazyArray("x", lambda: rgb[..., :1])).channels == 1
    assert probe_image(LazyArray("x", lambda: pytest.fail("read"), shape=(24, 31))).width == 31
    with pytest.raises(ImageError, match=r"h5:a.*4, 24, 31"):
        read_image(LazyArray("h5:a", lambda: np.zeros((4, 24, 31), np.uint8)))
    with pytest.raises(ImageError, match="int64"):
        read_image(LazyArray("x", lambda: np.zeros((24, 31), np.int64)))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_never_escapes_as_another_error(tmp_path: Path, rgb: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    for suffix in (".png", ".jpg", ".tif", ".gif", ".bmp", ".webp"):
        stream = io.BytesIO()
        PIL.Image.fromarray(rgb).save(stream, format=PIL.Image.registered_extensions()[suffix])
        path = tmp_path / f"x{suffix}"
        for _ in range(60):
            data = bytearray(stream.getvalue())
            for position in rng.integers(0, len(data), 4):
                data[position] = rng.integers(0, 256)
            path.write_bytes(data)
            for read in (probe_image, read_image):
                with contextlib.suppress(ImageError):
                    read(path)


def test_decoding_in_threads_gives_the_same(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(tmp_path / "x.jpg", rgb)
    expected = read_image(path).pixels
    results: list[Image] = []
    threads = [threading.Thread(target=lambda: results.append(read_image(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(result.pixels, expected) for result in results)
