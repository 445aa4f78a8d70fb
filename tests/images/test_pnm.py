"""PNM: every kind and maximum, exactly, or a refusal."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fusionbench.images import probe_image, read_image
from fusionbench.images.decode import Image
from fusionbench.types import ImageError

GRAY = np.random.default_rng(0).integers(0, 256, (24, 31), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (24, 31, 3), dtype=np.uint8)
WIDE = np.random.default_rng(2).integers(0, 65536, (24, 31, 3), dtype=np.uint16)


@pytest.fixture
def read(tmp_path: Path):
    def reader(data: bytes) -> Image:
        path = tmp_path / "x.pnm"
        path.write_bytes(data)
        image, info = read_image(path), probe_image(path)
        assert (info.height, info.width, info.channels) == (image.height, image.width, image.channels)
        return image

    return reader


def words(values: np.ndarray) -> bytes:
    return b"\n".join(b" ".join(b"%d" % value for value in row) for row in values.reshape(len(values), -1))


@pytest.mark.parametrize("pixels", [GRAY, RGB, WIDE, WIDE[..., 0]], ids=["gray", "colour", "colour16", "gray16"])
@pytest.mark.parametrize("plain", [False, True])
def test_full_range_values_come_back_as_stored(read, pixels: np.ndarray, plain: bool) -> None:
    kind = {(2, False): b"P5", (2, True): b"P2", (3, False): b"P6", (3, True): b"P3"}[pixels.ndim, plain]
    top = 255 if pixels.dtype == np.uint8 else 65535
    body = words(pixels) if plain else pixels.astype(">u2" if top > 255 else "u1").tobytes()
    image = read(b"%s\n# made by hand\n31 24\n%d\n" % (kind, top) + body)
    assert image.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(image.pixels, pixels)
    assert (image.peak, image.notes) == (top, ())


@pytest.mark.parametrize("white", [1, 100, 254, 1023, 4095, 16383])
def test_other_maxima_are_scaled_by_what_the_file_states(read, white: int) -> None:
    stored = np.random.default_rng(3).integers(0, white + 1, (24, 31))
    stored[0, :2] = 0, white
    body = stored.astype("u1" if white < 256 else ">u2").tobytes()
    image = read(b"P5 31 24 %d\n" % white + body)
    peak = 255 if white < 256 else 65535
    assert image.peak == peak
    np.testing.assert_array_equal(image.pixels, np.floor(stored * peak / white + 0.5))
    assert f"0 to {white} (the stated maximum) scaled to 0 to {peak}" in image.notes[0]
    with pytest.raises(ImageError, match="stated maximum"):
        read(b"P2 31 24 %d\n" % white + words(stored + (stored == white)))


@pytest.mark.parametrize("plain", [False, True])
def test_bits(read, plain: bool) -> None:
    bits = GRAY > 99
    body = words(bits.astype(int)) if plain else np.packbits(bits, axis=1).tobytes()
    image = read((b"P1" if plain else b"P4") + b"\n31 24\n" + body)
    np.testing.assert_array_equal(image.pixels, np.where(bits, 0, 255))
    if plain:
        np.testing.assert_array_equal(read(b"P1 31 24\n" + body.replace(b" ", b"")).pixels, image.pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "colour"])
def test_floats(read, order: str, pixels: np.ndarray) -> None:
    values = (pixels / 255).astype(np.float32)
    kind, scale = b"Pf" if pixels.ndim == 2 else b"PF", b"-1.0" if order == "<" else b"1.0"
    body = values[::-1].astype(f"{order}f4").tobytes()
    np.testing.assert_array_equal(read(kind + b"\n31 24\n" + scale + b"\n" + body).pixels, values)
    with pytest.raises(ImageError, match=r"scale of '2\.5'"):
        read(kind + b"\n31 24\n2.5\n" + body)


def test_agreement_with_pillow_where_it_loses_nothing(read) -> None:
    for pixels in (GRAY, RGB):
        stream = io.BytesIO()
        PIL.Image.fromarray(pixels).save(stream, format="PPM")
        np.testing.assert_array_equal(read(stream.getvalue()).pixels, pixels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P5 31 24 255\n" + GRAY.tobytes()[:-1], "cut off"),
        (b"P2 31 24 255\n" + words(GRAY)[:-4], "cut off"),
        (b"P2 31 24 255\n", "cut off"),
        (b"P1 31 24\n01", "cut off"),
        (b"P2 31 24 255\n" + words(GRAY).replace(b" ", b" x", 1), "other things than numbers"),
        (b"P2 31 24 255\n-" + words(GRAY), "other things than numbers"),
        (b"P2 31 24 255\n99999999999 " + words(GRAY), "other things than numbers"),
        (b"P5 31 24 255\n" + GRAY.tobytes() + b"P5 31 24 255\n" + GRAY.tobytes(), "2 frames"),
        (b"P5 31 24 0\n" + GRAY.tobytes(), "maximum of '0'"),
        (b"P5 31 24 70000\n" + GRAY.tobytes(), "maximum of '70000'"),
        (b"P5 -31 24 255\n" + GRAY.tobytes(), "no size"),
        (b"P5 31 2e1 255\n" + GRAY.tobytes(), "no size"),
        (b"P5 999999999 999999999 255\n", "the limit is"),
        (b"P5 31", "cut off"),
        (b"P7\nWIDTH 31\nHEIGHT 24\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + GRAY.tobytes(), "a PAM file"),
    ],
)
def test_what_is_wrong_is_said(read, data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read(data)


def test_a_long_comment_costs_no_time(read) -> None:
    started = time.process_time()
    with pytest.raises(ImageError, match="header"):
        read(b"P6\n#" + b"a" * 10_000_000 + b"\n31 24\n255\n" + RGB.tobytes())
    # It took Pillow more than a second; this takes milliseconds, of which the most is writing the file.
    assert time.process_time() - started < 1
    assert read(b"P6\n#" + b"a" * 9_000 + b"\n31 24 255\n" + RGB.tobytes()).channels == 3
