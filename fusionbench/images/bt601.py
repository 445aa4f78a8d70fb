"""The weights of luma, for arrays and tensors alike."""

from __future__ import annotations

RGB_TO_LUMA = (0.299, 0.587, 0.114)
"""Y of R, G and B in ITU-R BT.601, which this field uses throughout."""
