"""TIFF: exact values of all kinds that tools write, refusals with the true reason, nothing that is not stored."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from fusionbench.images import Image, probe_image, read_image
from fusionbench.types import ImageError
from tests.helpers.memory import memory_below

H, W = 45, 61


def picture(channels: int, dtype: str) -> np.ndarray:
    values = np.random.default_rng(5).random((H, W, channels))
    kind = np.dtype(dtype)
    pixels = values.astype(kind) if kind.kind == "f" else (values * np.iinfo(kind).max).astype(kind)
    return pixels[..., 0] if channels == 1 else pixels


def read(path: Path) -> Image:
    image, info = read_image(path), probe_image(path)
    assert (info.height, info.width, info.channels) == (image.height, image.width, image.channels)
    return image


@pytest.mark.parametrize(
    ("dtype", "compression", "predictor"),
    [(dtype, compression, False) for dtype in ("u1", "u2", "f2", "f4", "f8") for compression in (None, "zlib")]
    + [("u1", "zlib", True), ("u2", "zlib", True)],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", ["strips", "tiles", "planes"])
def test_every_kind_comes_back_exactly(
    tmp_path: Path, dtype: str, channels: int, compression: str | None, predictor: bool, order: str, layout: str
) -> None:
    pixels = picture(channels, dtype)
    options: dict[str, Any] = {"photometric": "rgb" if channels > 1 else "minisblack", "compression": compression}
    if predictor:
        options["predictor"] = True
    if channels == 4:
        options["extrasamples"] = ["unassalpha"]
    options |= {"tile": (16, 32)} if layout == "tiles" else {"rowsperstrip": 16}
    stored = pixels
    if layout == "planes" and channels > 1:
        stored, options["planarconfig"] = np.moveaxis(pixels, -1, 0), "separate"
    tifffile.imwrite(tmp_path / "x.tif", stored, byteorder=order, **options)
    image = read(tmp_path / "x.tif")
    expected = pixels[..., :3] if channels > 1 else pixels
    assert image.pixels.dtype == (np.float32 if dtype[0] == "f" else pixels.dtype)
    np.testing.assert_array_equal(image.pixels, expected.astype(image.pixels.dtype))
    assert image.notes == (("alpha ignored",) if channels == 4 else ())


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "lzma", "zstd"])
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "F"])
def test_compressions(tmp_path: Path, compression: str, mode: str) -> None:
    pixels = picture(3 if mode == "RGB" else 1, {"I;16": "u2", "F": "f4"}.get(mode, "u1"))
    PIL.Image.fromarray(pixels).save(tmp_path / "x.tif", compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels, pixels)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def made(*entries: bytes, body: bytes = b"", following: int = 0) -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def with_predictor(pixels: np.ndarray, predictor: int) -> bytes:
    """A deflated TIFF whose rows are differences, made by hand after Adobe's technical notes 2 and 3."""
    height, width, size = *pixels.shape[:2], pixels.itemsize
    if predictor == 2:
        integers = pixels.view(f"u{size}").reshape(height, width, -1)
        changed = np.diff(integers, axis=1, prepend=integers[:, :1] * 0)
    else:
        values = pixels.reshape(height, -1).astype(f">f{size}")
        planes = values[..., None].view(np.uint8).swapaxes(1, 2)  # The highest bytes of a row come first.
        mixed = np.ascontiguousarray(planes).reshape(height, -1, pixels.size // (height * width))
        changed = np.diff(mixed, axis=1, prepend=mixed[:, :1] * 0)
    body = zlib.compress(np.ascontiguousarray(changed).tobytes())
    channels = pixels.size // (height * width)
    numbers = {256: width, 257: height, 258: 8 * size, 259: 8, 262: 2 if channels == 3 else 1, 273: 8, 277: channels}
    numbers |= {278: height, 279: len(body), 317: predictor, 339: 3 if pixels.dtype.kind == "f" else 1}
    # The depth is one number for all channels, which readers take for each of them.
    return made(*(entry(tag, 4, 1, value) for tag, value in numbers.items()), body=body)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("dtype", "predictor"), [("u2", 2), ("f4", 2), ("f2", 3), ("f4", 3), ("f8", 3)])
def test_predictors(tmp_path: Path, channels: int, dtype: str, predictor: int) -> None:
    pixels = picture(channels, dtype)
    (tmp_path / "x.tif").write_bytes(with_predictor(pixels, predictor))
    image = read(tmp_path / "x.tif")
    np.testing.assert_array_equal(image.pixels, pixels.astype(image.pixels.dtype))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_values_are_scaled_by_their_depth(tmp_path: Path, bits: int) -> None:
    pixels = picture(1, "u2") >> (16 - bits)
    packed = np.unpackbits(pixels.astype(">u2")[..., None].view(np.uint8), axis=2)[..., 16 - bits :]
    rows = np.packbits(packed.reshape(H, -1), axis=1)
    tifffile.imwrite(tmp_path / "x.tif", rows, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(W)
        file.pages[0].tags["BitsPerSample"].overwrite(bits)
    image = read(tmp_path / "x.tif")
    white = (1 << bits) - 1
    np.testing.assert_array_equal(image.pixels, np.floor(pixels.astype(float) * 65535 / white + 0.5))
    assert image.notes == (f"{bits}-bit values scaled to 16 bit",)


def test_other_ways_to_store_the_same(tmp_path: Path) -> None:
    pixels = picture(1, "u2")
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, 65535 - pixels, photometric="miniswhite")
    np.testing.assert_array_equal(read(path).pixels, pixels)
    tifffile.imwrite(path, pixels, photometric="minisblack", bigtiff=True)
    np.testing.assert_array_equal(read(path).pixels, pixels)
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, photometric="minisblack")
        file.write(pixels[::2, ::2], photometric="minisblack", subfiletype=1)
    np.testing.assert_array_equal(read(path).pixels, pixels)  # A preview is no second page.
    colours = picture(4, "u1")
    tifffile.imwrite(path, colours, photometric="rgb", extrasamples=["assocalpha"])
    assert "multiplied by it" in read(path).notes[0]
    tifffile.imwrite(path, colours[..., :3], photometric="minisblack", planarconfig="contig")
    image = read(path)
    np.testing.assert_array_equal(image.pixels, colours[..., :3])
    assert "taken as red, green and blue" in image.notes[0]


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "LA"])
def test_kinds_that_are_left_to_pillow(tmp_path: Path, mode: str) -> None:
    source = PIL.Image.fromarray(picture(3, "u1")).convert(mode)
    source.save(tmp_path / "x.tif", compression="group4" if mode == "1" else None)
    with PIL.Image.open(tmp_path / "x.tif") as opened:
        expected = np.asarray(opened.convert("L" if mode in ("1", "LA") else "RGB"))
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels, expected)


@pytest.mark.parametrize(
    ("pixels", "options", "words"),
    [
        (picture(1, "i2"), {}, "signed 16-bit"),
        (picture(1, "i1"), {}, "signed 8-bit"),
        (picture(1, "u4"), {}, "32-bit integers"),
        (picture(1, "f4").astype("c8"), {}, "complex"),
        (picture(1, "f4"), {"photometric": "miniswhite"}, "white stored as zero"),
        (np.zeros((H, W, 9), "u1"), {"planarconfig": "contig"}, "9 channels"),
        (np.stack([picture(1, "u1")] * 3), {"metadata": None}, "3 frames"),
    ],
)
def test_refusals_name_the_kind(tmp_path: Path, pixels: np.ndarray, options: dict[str, Any], words: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", pixels, **{"photometric": "minisblack", **options})
    with pytest.raises(ImageError, match=words):
        read_image(tmp_path / "x.tif")


def test_a_stack_behind_one_directory(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.stack([picture(1, "u2")] * 3), imagej=True)
    with pytest.raises(ImageError, match="3 frames"):
        read_image(tmp_path / "x.tif")


# --- what is declared against what is there


def gray(width: int, height: int, offset: int, size: int, *more: bytes, rows: int | None = None) -> list[bytes]:
    entries = [entry(256, 4, 1, width), entry(257, 4, 1, height), entry(258, 3, 1, 8), entry(259, 3, 1, 1)]
    entries += [entry(262, 3, 1, 1), entry(273, 4, 1, offset), entry(278, 4, 1, rows or height)]
    return [*entries, entry(279, 4, 1, size), *more]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (made(*gray(50, 50, 8, 2500), body=bytes(2499)), None),
        (made(*gray(50, 50, 8, 1250), body=bytes(2500)), "not all there"),
        (made(*gray(50, 50, 0, 2500), body=bytes(2500)), "not all there"),
        (made(*gray(50, 50, 8, 2500), body=bytes(100)), "not all there"),
        (made(*gray(50, 50, 8, 2500, rows=10), body=bytes(2500)), "5 strips or tiles"),
        (made(*gray(0, 50, 8, 2500), body=bytes(2500)), "0x50"),
        (made(*gray(8000, 9000, 8, 100), body=bytes(100)), "cannot show anything"),
        (made(*gray(800, 900, 8, 720_000), body=bytes(100)), "not all there"),
        (made(*gray(50, 50, 8, 12500, entry(277, 3, 1, 5)), body=bytes(12500)), "5 channels"),
        (made(*gray(20000, 20000, 8, 100), body=bytes(100)), "the limit is"),
        (made(*gray(50, 50, 8, 2500, entry(320, 3, 1 << 30, 8)), body=bytes(2500)), "claims 1073741824 values"),
        (made(*gray(50, 50, 8, 2500, entry(277, 3, 1, 60000)), body=bytes(2500)), "60000 channels"),
        (b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(100), "65535 entries"),
        (b"II*\0" + struct.pack("<I", 4_000_000_000), "cut off"),
        (b"II*\0", "cut off"),
    ],
)
def test_what_is_declared_must_be_there(tmp_path: Path, data: bytes, words: str | None) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(data)
    if words is None:
        assert read(path).pixels.sum() > 0 or read(path).height == 50
        return
    with memory_below(4_000_000), pytest.raises(ImageError, match=words):
        read_image(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pillow_s_limit_of_pixels_is_not_held_against_bytes(
    tmp_path: Path, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = picture(3, "f4")
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="rgb", compression=compression)
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", H * W)
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels, pixels)


def test_tags_that_claim_the_same_bytes_again_and_again(tmp_path: Path) -> None:
    body = bytes(3_000_000)
    many = [entry(40000 + index, 1, len(body), 8) for index in range(3000)]
    (tmp_path / "x.tif").write_bytes(made(*gray(50, 50, 8, 2500), *many, body=body))
    with memory_below(16_000_000):
        assert read(tmp_path / "x.tif").height == 50


def test_directories_in_a_circle(tmp_path: Path) -> None:
    data = made(*gray(50, 50, 8, 2500), body=bytes(2500))
    (tmp_path / "x.tif").write_bytes(data[:-4] + struct.pack("<I", 2508))
    assert read(tmp_path / "x.tif").height == 50


def test_a_jpeg_strip_that_was_cut(tmp_path: Path) -> None:
    PIL.Image.fromarray(picture(3, "u1")).save(tmp_path / "x.tif", compression="jpeg")
    with PIL.Image.open(tmp_path / "x.tif") as opened:
        np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels, np.asarray(opened))
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        sizes = file.pages[0].tags["StripByteCounts"]
        sizes.overwrite(tuple(size // 2 for size in sizes.value))
    with pytest.raises(ImageError, match="cut off"):
        read_image(tmp_path / "x.tif")
