"""Settings of the process that computes: exact float32 on GPUs, and the memory allocator."""

from __future__ import annotations

import os

from fusionbench.allocator import keep_freed_memory
from fusionbench.cores import usable_cores
from fusionbench.runs.config import RunConfig


def prepare_process(config: RunConfig, *, threads: int = 0, device: str = "") -> None:
    """Make float32 mean float32 (no TF32), and reuse freed memory.

    Also under autocast: it chooses what may lose digits by itself, and scores and classical methods share the process.

    Args:
        config: The run's settings.
        threads: With how many threads torch computes; 0 for as many as it likes, and as there are cores for.
        device: What the process has for itself: also what ``cuda`` alone means there, so that a method that names no
            number takes no memory of another process's device.
    """
    keep_freed_memory()
    import torch

    if device.startswith("cuda:"):
        torch.cuda.set_device(device)
    if not threads and not os.environ.get("OMP_NUM_THREADS"):
        # torch counts the cores of the machine, also where a container gives the process fewer.
        threads = min(torch.get_num_threads(), usable_cores())
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
