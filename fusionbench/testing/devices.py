"""A CUDA device to check against: the machine's own, or one that is pretended where a compiler can make it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from fusionbench.testing.findings import NotApplicable


@contextmanager
def cuda_device() -> Iterator[torch.device]:
    """A CUDA device for as long as the context lasts; :mod:`fusionbench.testing.pretended_cuda` is the pretended one.

    Raises:
        NotApplicable: There is none, and none can be pretended.
    """
    if torch.cuda.is_available():
        yield torch.device("cuda", 0)
        return
    from fusionbench.testing import pretended_cuda

    reason = pretended_cuda.missing_parts()
    if reason:
        raise NotApplicable(reason)
    pretended_cuda.prepare(_folder())
    with pretended_cuda.pretended():
        yield pretended_cuda.CUDA


@cache
def _folder() -> Path:
    """One for the process: what is built there is loaded once."""
    return Path(tempfile.mkdtemp(prefix="fusionbench-"))
