"""From decoded samples to fused images: luma, padding, batches, tiles, retreat from memory, colour."""

from fusionbench.fusing.decoding import DecodedSample, decode_sample
from fusionbench.fusing.fuser import FusedImage, Fuser
from fusionbench.fusing.loading import load_fuser

__all__ = ["DecodedSample", "FusedImage", "Fuser", "decode_sample", "load_fuser"]
