"""Images: safe decoding and encoding, colour, padding and tiling."""

from fusionbench.images.decode import MAX_PIXELS, MIN_SIDE, Image, ImageInfo, probe_image, read_image
from fusionbench.images.encode import write_png
from fusionbench.images.hashing import content_sha256, digest_if_readable, file_sha256, pixels_sha256
from fusionbench.images.levels import from_levels, to_levels
from fusionbench.images.names import shown
from fusionbench.images.reading import reader_digest

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE",
    "Image",
    "ImageInfo",
    "content_sha256",
    "digest_if_readable",
    "file_sha256",
    "from_levels",
    "pixels_sha256",
    "probe_image",
    "read_image",
    "reader_digest",
    "shown",
    "to_levels",
    "write_png",
]
