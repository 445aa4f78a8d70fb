"""Settings of the process that computes: exact float32 on GPUs, and the memory allocator."""

from __future__ import annotations

from fusionbench.allocator import keep_freed_memory
from fusionbench.runs.config import RunConfig


def prepare_process(config: RunConfig) -> None:
    """Make float32 mean float32 (no TF32 unless autocast is asked for), and reuse freed memory."""
    keep_freed_memory()
    import torch

    exact = config.precision == "float32"
    torch.backends.cudnn.allow_tf32 = not exact
    torch.backends.cuda.matmul.allow_tf32 = not exact
