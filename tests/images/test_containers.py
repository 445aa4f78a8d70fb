"""What files declare is held against their bytes: nothing is made up, and no small file costs much."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PIL import ImageFile

from fusionbench.images import Image, probe_image, read_image
from fusionbench.types import ImageError
from tests.helpers.memory import memory_below

RGB = np.random.default_rng(1).integers(0, 256, (40, 56, 3), dtype=np.uint8)
JPEG_END = b"\xff\xd9"


def encoded(pixels: np.ndarray | PIL.Image.Image, format_: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture = pixels if isinstance(pixels, PIL.Image.Image) else PIL.Image.fromarray(pixels)
    picture.save(stream, format=format_, **options)
    return stream.getvalue()


@pytest.fixture
def read(tmp_path: Path):
    def reader(data: bytes) -> Image:
        path = tmp_path / "x.image"
        path.write_bytes(data)
        image, info = read_image(path), probe_image(path)
        assert (info.height, info.width, info.channels) == (image.height, image.width, image.channels)
        return image

    return reader


@pytest.fixture
def refused(tmp_path: Path):
    def check(data: bytes, words: str, *, memory: int = 4_000_000) -> None:
        path = tmp_path / "x.image"
        path.write_bytes(data)
        started = time.process_time()
        with memory_below(memory), pytest.raises(ImageError, match=words):
            read_image(path)
        assert time.process_time() - started < 3  # tracemalloc makes it some ten times slower.

    return check


# --- JPEG


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 100}, {"restart_marker_blocks": 3}, {"optimize": True}],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_is_decoded_as_pillow_does(read, options: dict[str, object], mode: str) -> None:
    data = encoded(PIL.Image.fromarray(RGB).convert(mode), "JPEG", **options)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("RGB" if mode == "CMYK" else mode))
    # What cameras and editors put around the picture changes nothing.
    around = b"\xff\xfe\0\6note" * 50 + b"\xff\xe1\0\x10Exif\0\0oddities"
    for whole in (data, data[:2] + around + data[2:], data + b"\0trailer" * 99 + data):
        np.testing.assert_array_equal(read(whole).pixels, expected)


@pytest.mark.parametrize("level", [0, 127, 128, 129, 255])
@pytest.mark.parametrize("progressive", [False, True])
def test_flat_jpeg_is_whole(read, level: int, progressive: bool) -> None:
    for pixels in (
        np.full((40, 56, 3), level, np.uint8),
        np.where(np.arange(40)[:, None, None] < 9, RGB, np.uint8(level)),
    ):
        assert read(encoded(pixels, "JPEG", progressive=progressive)).height == 40


@pytest.mark.parametrize("cut", [0.35, 0.6, 0.9])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("tolerant", [False, True])
def test_jpeg_that_was_cut_and_closed_again(
    refused, cut: float, options: dict[str, object], mode: str, tolerant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    data = encoded(PIL.Image.fromarray(RGB).convert(mode), "JPEG", **options)
    start = data.index(b"\xff\xda") + 20
    refused(data[: start + int((len(data) - start) * cut)] + JPEG_END, "cut off|segment")


def test_a_small_jpeg_that_declares_a_large_picture(refused) -> None:
    data = bytearray(encoded(RGB, "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 8900, 8900)
    refused(bytes(data), "8900x8900 pixels in .* cannot show anything")
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 1900, 1900)
    refused(bytes(data), "1900x1900 pixels, but its .* bytes cannot hold more than")


def test_progressive_jpeg_without_its_last_scans(read) -> None:
    data = encoded(RGB, "JPEG", progressive=True)
    scans = [index for index in range(len(data)) if data[index : index + 2] == b"\xff\xda"]
    huffman = data.rindex(b"\xff\xc4", 0, scans[-1])
    image = read(data[: min(huffman, scans[-1])] + JPEG_END)
    assert image.notes == ("progressive JPEG without its last scans: it shows less than was encoded",)


def test_jpeg_bombs(refused) -> None:
    data = encoded(RGB, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    refused(data[:-2] + last * 200 + JPEG_END, "more than 64 scans")
    refused(data[:2] + b"\xff\xfe\0\2" * 1_000_000 + data[2:], "segments", memory=16_000_000)
    refused(data[:2] + b"\xff" * 1_000_000 + data[2:], "segment")


def test_jpeg_kinds_that_are_not_read_are_named(refused) -> None:
    data = encoded(RGB, "JPEG")
    at = data.index(b"\xff\xc0")
    refused(data[: at + 1] + b"\xc9" + data[at + 2 :], "arithmetic coding")
    refused(data[: at + 1] + b"\xc3" + data[at + 2 :], "lossless")
    refused(data[: at + 4] + b"\x0c" + data[at + 5 :], "12 bits a sample")


# --- PNG


def png(width: int, height: int, depth: int, colour: int, rows: bytes, interlace: int = 0) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_png_whose_data_end_too_early(refused, read) -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in RGB)
    assert read(png(56, 40, 8, 2, rows)).height == 40
    for share in (0, 0.3, 0.99):
        refused(png(56, 40, 8, 2, rows[: int(len(rows) * share)]), "cut off")


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_black_and_interlaced_png(read, refused, mode: str) -> None:
    black = PIL.Image.new(mode, (56, 40))
    assert read(encoded(black, "PNG")).height == 40
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    gray = RGB[..., 0]
    rows = b"".join(b"\0" + row.tobytes() for x, y, across, down in passes for row in gray[y::down, x::across])
    np.testing.assert_array_equal(read(png(56, 40, 8, 0, rows, 1)).pixels, gray)
    refused(png(56, 40, 8, 0, rows[:-30], 1), "cut off")


def test_sixteen_bit_gray_with_alpha(read) -> None:
    values = np.random.default_rng(2).integers(0, 65536, (40, 56, 2), dtype=np.uint16)
    for filter_type, opaque in ((0, False), (2, False), (0, True)):
        values[..., 1] = 65535 if opaque else values[..., 1]
        raw = values.astype(">u2").view(np.uint8).reshape(40, -1)
        lines = np.diff(raw, axis=0, prepend=raw[:1] * 0) if filter_type else raw
        image = read(png(56, 40, 16, 4, b"".join(bytes([filter_type]) + line.tobytes() for line in lines)))
        np.testing.assert_array_equal(image.pixels, values[..., 0])
        assert image.notes == (() if opaque else ("alpha ignored",))


# --- GIF


def test_gif(read) -> None:
    for mode in ("L", "P"):
        picture = PIL.Image.fromarray(RGB).convert(mode)
        data = encoded(picture, "GIF")
        with PIL.Image.open(io.BytesIO(data)) as opened:
            expected = np.asarray(opened.convert("L" if opened.mode == "L" else "RGB"))
        np.testing.assert_array_equal(read(data).pixels, expected)
        at = data.index(b"\x2c\0\0\0\0")
        image = read(b"GIF89a" + data[6:at] + b"\x21\xf9\4\1\0\0\3\0" + data[at:])
        np.testing.assert_array_equal(image.pixels, expected)
        assert image.notes == ("transparent colour ignored",)


def test_gif_frames_are_counted_up_to_a_limit(refused) -> None:
    data = encoded(np.zeros((40, 56), np.uint8), "GIF")
    picture = data[data.index(b"\x2c\0\0\0\0") : -1]
    refused(data[:-1] + picture * 2 + b";", "3 frames")
    refused(data[:-1] + picture * 200_000 + b";", "100 or more frames")


def test_gif_that_stores_a_part_only(refused) -> None:
    data = bytearray(encoded(RGB[..., 0], "GIF"))
    struct.pack_into("<HH", data, 6, 300, 200)  # The canvas, larger than its picture.
    refused(bytes(data), "only a part")
    # A picture whose code ends after its first pixels: clear, 0, end, in codes of 9 bits.
    start = data.index(b"\x2c\0\0\0\0") + 10
    codes = (256 | 0 << 9 | 257 << 18).to_bytes(4, "little")
    struct.pack_into("<HH", data, 6, 56, 40)
    refused(bytes(data[:start]) + bytes([8, len(codes)]) + codes + b"\0;", "only a part|cut off")


def test_gif_with_a_long_comment(read) -> None:
    data = encoded(RGB[..., 0], "GIF")
    at = data.index(b"\x2c\0\0\0\0")
    image = read(data[:at] + b"\x21\xfe" + (b"\xff" + b"a" * 255) * 20_000 + b"\0" + data[at:])
    assert image.height == 40


# --- WebP


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}, {"quality": 80, "exif": b"Exif\0\0MM\0*"}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_webp_header_is_what_pillow_says(read, options: dict[str, object], mode: str) -> None:
    data = encoded(PIL.Image.fromarray(RGB).convert(mode), "WEBP", **options)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(read(data).pixels, np.asarray(opened.convert("RGB")))


def test_a_small_webp_that_declares_a_large_picture(tmp_path: Path) -> None:
    data = bytearray(encoded(np.zeros((40, 56, 3), np.uint8), "WEBP", lossless=True))
    at = data.index(b"\x2f")
    struct.pack_into("<I", data, at + 1, 8899 | 8899 << 14)
    (tmp_path / "x.webp").write_bytes(data + bytes(100_000))  # What lies behind it shows nothing either.
    for look in (read_image, probe_image):
        with memory_below(1_000_000), pytest.raises(ImageError, match=r"8900x8900 pixels in .* cannot show anything"):
            look(tmp_path / "x.webp")


def test_probing_a_webp_unpacks_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.webp").write_bytes(encoded(PIL.Image.new("RGB", (2000, 2000)), "WEBP", lossless=True))
    tracemalloc.start()
    try:
        info = probe_image(tmp_path / "x.webp")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert (info.height, info.width, info.format) == (2000, 2000, "WEBP")


def test_webp_that_contradicts_itself(refused) -> None:
    data = bytearray(encoded(PIL.Image.fromarray(RGB).convert("RGBA"), "WEBP", quality=80, exif=b"Exif\0\0MM\0*"))
    at = data.index(b"VP8X")
    data[at + 12] ^= 1
    refused(bytes(data), "declares .* and holds")


# --- BMP


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_bmp(read, mode: str) -> None:
    picture = PIL.Image.fromarray(RGB).convert(mode)
    data = encoded(picture, "BMP")
    with PIL.Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("L" if opened.mode in ("1", "L") else "RGB"))
    np.testing.assert_array_equal(read(data).pixels, expected)


def test_bmp_that_could_leave_pixels_out(refused) -> None:
    data = bytearray(encoded(RGB[..., 0], "BMP"))
    refused(bytes(data[:-1]), "cut off")
    struct.pack_into("<I", data, 30, 1)
    refused(bytes(data), "run-length")
    struct.pack_into("<I", data, 30, 4)
    refused(bytes(data), "kind 4")


# --- what is something else


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x1cftypheic", "HEIC or AVIF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"\x93NUMPY\1\0", "NumPy"),
        (b"PK\3\4", "zip archive(.|\n)*Unpack it"),
        (b"\0\0\1\0\1\0", "icon"),
        (b"FFF\0", "FLIR"),
    ],
)
def test_other_kinds_are_named(refused, data: bytes, kind: str) -> None:
    refused(data.ljust(200, b"\0"), kind)


def test_a_file_that_is_mostly_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded(RGB, "PNG"))
    with (tmp_path / "x.png").open("ab") as file:
        file.truncate(200_000_000)  # Sparse: no disk is used.
    with memory_below(1_000_000), pytest.raises(ImageError, match="more than an image of 56x40"):
        read_image(tmp_path / "x.png")
