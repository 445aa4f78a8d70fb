"""The GIF container: one picture, whole.

Pillow counts frames by walking them all, keeps comments of any length, and fills what a picture does not
cover, or what its data do not reach, with the colour of some index. So the blocks are walked here first,
only the picture goes on, and it is decoded on two different grounds: what shows the ground was never stored.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import numpy as np
import PIL.Image

from fusionbench.images.container import COUNTED, Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.images.stored import stored_pixels

_SIGNATURES = (b"GIF87a", b"GIF89a")
_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B
_CONTROL = 0xF9
_MAX_BLOCKS = 1 << 20


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.startswith(_SIGNATURES)


def read_header(file: BinaryIO, name: str) -> Header:
    """Size, colour and number of frames.

    Raises:
        ImageError: The file ends early or is damaged.
    """
    walk = _Walk(file, name)
    return Header("GIF", walk.height, walk.width, 1 if walk.is_gray else 3, frames=walk.frames)


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture.

    Raises:
        ImageError: It is damaged or not all there.
    """
    walk = _Walk(io.BytesIO(data), name)
    picture = data[walk.picture[0] : walk.picture[1]] + bytes([_END])
    first, second = (_indices(data[: walk.colours_end] + _control(ground) + picture) for ground in (0, 1))
    if not np.array_equal(first, second):
        raise damaged(name, f"the GIF declares {walk.width}x{walk.height} pixels and holds only a part of them")
    with PIL.Image.open(io.BytesIO(data[: walk.colours_end] + picture), formats=("GIF",)) as opened:
        opened.load()
        pixels, notes = stored_pixels(opened, name)
    return pixels, ("transparent colour ignored", *notes) if walk.transparent else notes


def _indices(data: bytes) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(data), formats=("GIF",)) as opened:
        opened.load()
        return np.array(opened)


def _control(ground: int) -> bytes:
    """An extension that makes an index transparent, which is what Pillow fills the ground with."""
    return bytes([_EXTENSION, _CONTROL, 4, 1, 0, 0, ground, 0])


class _Walk:
    """What the blocks of a GIF say.

    Attributes:
        width, height: Of the whole.
        colours_end: Where the shared colours end.
        picture: Where the first picture begins and ends.
        frames: How many there are, counted up to a limit.
        transparent: Whether some index is transparent in the first.
        is_gray: Whether the first picture's colours are the gray levels themselves.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name, self._left = file, name, _MAX_BLOCKS
        file.seek(6)
        self.width, self.height, flags = struct.unpack("<HHB", self._read(5))
        self._read(2)
        colours = self._colours(flags)
        self.colours_end = file.tell()
        self.frames, self.transparent, self.is_gray, self.picture = 0, False, True, (0, 0)
        transparent = False
        for _ in range(_MAX_BLOCKS):
            start = file.tell()
            kind = file.read(1)
            if kind == bytes([_EXTENSION]):
                label = self._read(1)[0]
                first = self._skip_blocks()
                transparent |= label == _CONTROL and bool(first[:1]) and bool(first[0] & 1)
            elif kind == bytes([_PICTURE]):
                flags = self._read(9)[8]
                own = self._colours(flags)
                self._read(1)
                self._skip_blocks()
                if not self.frames:
                    self.picture, self.transparent = (start, file.tell()), transparent
                    self.is_gray = _are_levels(own or colours)
                self.frames += 1
                if self.frames >= COUNTED:
                    return
            elif self.frames:
                return  # The end, or bytes behind it.
            else:
                raise damaged(name, "the GIF holds no picture")
        raise damaged(name, f"the GIF has more than {_MAX_BLOCKS} blocks")

    def _read(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise damaged(self._name, "the GIF is cut off")
        return data

    def _colours(self, flags: int) -> bytes:
        return self._read(3 * (2 << (flags & 7))) if flags & 0x80 else b""

    def _skip_blocks(self) -> bytes:
        """Skip data blocks up to their end; the first one's content."""
        first = b""
        while size := self._read(1)[0]:
            content = self._read(size)
            first = first or content
            self._left -= 1
            if not self._left:
                raise damaged(self._name, f"the GIF has more than {_MAX_BLOCKS} blocks")
        return first


def _are_levels(colours: bytes) -> bool:
    """Whether index and gray level are the same: then Pillow decodes to one channel."""
    table = np.frombuffer(colours, np.uint8).reshape(-1, 3)
    return bool((table == np.arange(len(table))[:, None]).all())
