"""Settings of the memory allocator: in force where asked for, and no more memory kept than is good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROBE = """
import sys
import torch
from fusionbench import allocator
kept = allocator.keep_freed_memory()
allocator._LARGE = 64 << 20
blocks = [torch.ones(1 << 20) for _ in range(100)]
full = allocator._resident()
gap = blocks[-1]
del blocks
released = allocator.release_freed_memory()
print(int(kept), int(released), full - allocator._resident() > 200 << 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator of glibc")
@pytest.mark.parametrize(("setting", "expected"), [("", "1 1 True"), ("default", "0 1 True")])
def test_freed_memory_is_kept_until_the_process_is_large(setting: str, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    environment |= {"FUSIONBENCH_ALLOCATOR": setting, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == expected
