"""Classical methods now and at an earlier revision: CPU time and pictures, side by side in one process.

    python benchmarks/classic_speed.py --before REVISION [METHOD ...] [--size 480x640] [--repeats 5]

The revision's package is read from git. Both work in turn on the same generated pair, on one thread; the best of the
repeats counts. The last column is the largest difference of the pictures in levels of 8 bits.
"""

from __future__ import annotations

import argparse
import importlib
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]
PACKAGE = "fusionbench_classic"
# Method: the module of its function.
METHODS = {
    "adf": "diffusion",
    "fpde": "diffusion",
    "gff": "guided",
    "gtf": "gradient_transfer",
    "mertens": "exposure",
    "tif": "two_scale",
    "vsmwls": "saliency_wls",
}


def package(folder: Path) -> dict[str, ModuleType]:
    """The modules of the package that lies in a folder."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        return {name: importlib.import_module(f"{PACKAGE}.{name}") for name in dict.fromkeys(METHODS.values())}
    finally:
        sys.path.pop(0)


def extract(revision: str, folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", revision, f"baselines/{PACKAGE}"], check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "baselines"


def pair(height: int, width: int, channels: int) -> list[Tensor]:
    """Smooth areas, edges and some noise, in 8 bits."""
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(2, channels, height // 8, width // 8, generator=generator)
    pictures = F.interpolate(low, (height, width), mode="bicubic")
    pictures += (pictures > 0.5) * 0.2 + 0.05 * torch.rand(2, channels, height, width, generator=generator)
    return list(pictures.clamp(0, 1).mul(255).round().div(255)[:, None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(METHODS)}; all if none")
    parser.add_argument("--before", required=True, metavar="REVISION")
    parser.add_argument("--size", default="480x640", metavar="HxW")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    unknown = set(arguments.methods) - set(METHODS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    from fusionbench.allocator import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(1)
    height, width = (int(side) for side in arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "before": package(extract(arguments.before, Path(folder))),
            "now": package(ROOT / "baselines"),
        }
        print(f"{'method':10s} {'before ms':>10s} {'now ms':>10s} {'ratio':>6s} {'levels':>7s}")
        for name in arguments.methods or METHODS:
            sources = pair(height, width, 3 if name == "mertens" else 1)
            seconds = dict.fromkeys(sides, float("inf"))
            pictures: dict[str, Tensor] = {}
            for _ in range(arguments.repeats + 1):  # the first warms up
                for side, modules in sides.items():
                    function = getattr(modules[METHODS[name]], name)
                    started = time.process_time()
                    pictures[side] = function(*sources)
                    seconds[side] = min(seconds[side], time.process_time() - started)
            levels = [picture.clamp(0, 1).mul(255).round() for picture in pictures.values()]
            before, now = (1000 * value for value in seconds.values())
            difference = int((levels[0] - levels[1]).abs().max())
            print(f"{name:10s} {before:10.1f} {now:10.1f} {before / now:6.2f} {difference:7d}", flush=True)


if __name__ == "__main__":
    main()
