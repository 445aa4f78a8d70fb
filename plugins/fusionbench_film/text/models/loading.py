"""Where and in which precision ``transformers`` models run, and giving their memory back."""

from __future__ import annotations

import gc

import torch

from fusionbench.weights.pretrained import from_pretrained

__all__ = ["from_pretrained", "half_or_full", "pick_device", "release"]


def half_or_full(dtype: str, device: torch.device) -> torch.dtype:
    """The precision that an option names; ``auto`` is half on GPUs and float32 on the CPU."""
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[dtype]


def pick_device(name: str) -> str:
    """``auto`` is the first GPU, or the CPU without one.

    Raises:
        UsageError: No such device.
    """
    from fusionbench.devices import pick_device as picked

    return str(picked(name))


def release(device: torch.device) -> None:
    """Return the memory of models that are no longer referenced."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
