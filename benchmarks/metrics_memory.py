"""What scoring one large pair takes: CPU and wall time, peak of the resident memory, each in a process of its own.

    python benchmarks/metrics_memory.py [PROFILE ...] [--size 3000x4000] [--colour] [--each] [--threads 1]

The pair is generated. All metrics of a profile are computed in float64, as runs do, freed memory kept as in runs
(see fusionbench/allocator.py); with ``--each`` every metric alone, too. The peak is that of the whole process, the
libraries (first line) and the images themselves included.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.allocator import keep_freed_memory
from fusionbench.metrics import MetricWarning, Scorer


def triple(height: int, width: int, channels: int) -> list[Tensor]:
    """A fused image and two sources, 1 x C x H x W uint8: smooth areas, edges and some noise."""
    generator = torch.Generator().manual_seed(0)
    pair = []
    for _ in range(2):
        low = torch.rand(1, channels, height // 16, width // 16, generator=generator)
        picture = F.interpolate(low, (height, width), mode="bicubic")
        picture += (picture > 0.5) * 0.2
        picture += 0.05 * torch.rand(picture.shape, generator=generator)
        pair.append(picture.clamp_(0, 1).mul_(255).round_().to(torch.uint8))
    return [((pair[0].int() + pair[1]) // 2).to(torch.uint8), *pair]


def peak() -> float:
    """Largest resident size of this process so far, GB; getrusage counts what the parent had, too."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024 / 1e9


def child(connection, profile: str, metrics: Sequence[str] | str, images: list, threads: int) -> None:
    warnings.simplefilter("ignore", MetricWarning)
    keep_freed_memory()
    torch.set_num_threads(threads)
    fused, *sources = (torch.from_numpy(image) for image in images)
    scorer = Scorer(metrics, (profile,))
    cpu, wall = time.process_time(), time.perf_counter()
    scorer.score(fused, sources)
    connection.send((time.process_time() - cpu, time.perf_counter() - wall, peak()))


def measured(*arguments) -> tuple[float, float, float]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=child, args=(there, *arguments))
    process.start()
    there.close()
    try:
        return here.recv()
    finally:
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="*", default=["tang", "mefb"], metavar="PROFILE")
    parser.add_argument("--size", default="3000x4000", metavar="HxW")
    parser.add_argument("--colour", action="store_true", help="RGB images in place of gray ones")
    parser.add_argument("--each", action="store_true", help="every metric alone, too")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    images = [image.numpy() for image in triple(height, width, 3 if options.colour else 1)]
    small = [image[..., :64, :64].copy() for image in images]
    print(f"{height} x {width}, {'RGB' if options.colour else 'gray'}, {options.threads} threads")
    print(f"{'':24s}{'CPU s':>8}{'wall s':>8}{'peak GB':>9}")
    for profile in options.profiles:
        names = [spec.name for spec in Scorer("all", (profile,)).specs]
        rows = [(f"{profile}, 64 x 64", "all", small), (f"{profile}, all", "all", images)]
        rows += [(f"  {name}", [name], images) for name in names if options.each]
        for label, metrics, given in rows:
            cpu, wall, memory = measured(profile, metrics, given, options.threads)
            print(f"{label:24s}{cpu:8.1f}{wall:8.1f}{memory:9.2f}", flush=True)


if __name__ == "__main__":
    main()
