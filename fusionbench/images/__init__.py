"""Images: safe decoding and encoding, colour, padding and tiling."""

from fusionbench.images.decode import MAX_PIXELS, MIN_SIDE, Image, ImageInfo, probe_image, read_image
from fusionbench.images.encode import write_png
from fusionbench.images.hashing import content_sha256, file_sha256
from fusionbench.images.levels import from_levels, to_levels
from fusionbench.images.names import shown

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE",
    "Image",
    "ImageInfo",
    "content_sha256",
    "file_sha256",
    "from_levels",
    "probe_image",
    "read_image",
    "shown",
    "to_levels",
    "write_png",
]
