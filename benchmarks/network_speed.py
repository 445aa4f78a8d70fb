"""Learned methods now and at an earlier revision: CPU time and pictures, in turn on one machine.

    python benchmarks/network_speed.py --before REVISION [METHOD ...] [--size 480x640] [--threads 1] [--repeats 3]

The revision's packages are read from git. Each side is a process of its own, which fuses the same generated pair with
the same random weights; they work in turn, and the best of the repeats counts. GFLOP/s are those of the earlier
revision's plain network, counted by torch, over the CPU time of either side; beside them those of torch's 3x3
convolution of 256 channels in the same minutes. The last column is the largest difference of the outputs.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# 10^9 floating-point operations of a 3x3 convolution of 256 channels of 60 x 80.
LARGE = 2 * 9 * 256 * 256 * 60 * 80 / 1e9
_TIMES = 20
FOLDERS = ("", "baselines", "plugins")
# Method: the task of the pair, the channels that it takes.
METHODS = {
    "cddfuse": ("IVF", 1),
    "segmif": ("IVF", 3),
    "defusion": ("MEF", 3),
    "lrrnet": ("IVF", 1),
}


class Side:
    """One revision at work in a process of its own."""

    def __init__(self, root: Path, method: str, size: str, threads: int) -> None:
        paths = os.pathsep.join(str(root / folder) for folder in FOLDERS)
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, "--serve", method, "--size", size, "--threads", str(threads)],
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(question, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The process ended with status {self._process.wait()}.")
        return json.loads(line)

    def close(self) -> None:
        self._process.communicate()


def serve(method: str, size: str, threads: int) -> None:
    """Answer questions, one a line: ``fuse``, ``convolve`` (CPU seconds of each), ``count`` (FLOPs), ``keep FILE``."""
    import torch
    import torch.nn.functional as F

    from fusionbench import Batch, Task
    from fusionbench.allocator import keep_freed_memory
    from fusionbench.fusing.cost import count_flops

    keep_freed_memory()
    torch.set_num_threads(threads)
    height, width = (int(side) for side in size.split("x"))
    big, taps = torch.rand(1, 256, 60, 80), torch.rand(256, 256, 3, 3)
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(2, 3, height // 8, width // 8, generator=generator)
    pictures = F.interpolate(low, (height, width), mode="bicubic")
    pictures += (pictures > 0.5) * 0.2 + 0.05 * torch.rand(2, 3, height, width, generator=generator)
    pictures = pictures.clamp(0, 1).mul(255).round().div(255)
    task, channels = METHODS[method]
    spec = importlib.import_module(f"fusionbench_{method}").fusionbench_methods()[0]
    module, _, name = spec.factory.partition(":")
    kind = getattr(importlib.import_module(module), name)
    sources = tuple(picture[None, :channels] for picture in pictures)
    batch = Batch(sources=sources, task=Task(task))

    def ready() -> Any:
        torch.manual_seed(1)  # with 0, nothing of DeFusion passes its last activation
        found = kind()
        found.load_untrained(torch.device("cpu"))
        return found

    fuser = ready()
    output = torch.empty(0)
    with torch.inference_mode():
        for line in sys.stdin:
            question, _, path = line.strip().partition(" ")
            answer: float = 0
            if question == "fuse":
                started = time.process_time()
                output = fuser.fuse(batch)
                answer = time.process_time() - started
            elif question == "convolve":
                started = time.process_time()
                for _ in range(_TIMES):
                    F.conv2d(big, taps, padding=1)
                answer = (time.process_time() - started) / _TIMES
            elif question == "count":
                plain = ready()
                plain._streamed = None  # so that the whole network is what runs, not what is left of it
                answer, _ = count_flops(partial(plain.fuse, batch))
            else:
                torch.save(output, path)
            print(json.dumps(answer), flush=True)


def extract(revision: str, folder: Path) -> Path:
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", revision], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(METHODS)}; all if none")
    parser.add_argument("--before", metavar="REVISION")
    parser.add_argument("--size", default="480x640", metavar="HxW")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--serve", metavar="METHOD", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.size, arguments.threads)
        return
    if arguments.before is None:
        parser.error("--before is missing")
    if unknown := set(arguments.methods) - set(METHODS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    import torch

    print(f"torch {torch.__version__}, threads {arguments.threads}, {arguments.size}, float32, CPU seconds")
    print("method         GFLOP  before s   now s  ratio  GFLOP/s    now   conv difference")
    with tempfile.TemporaryDirectory() as folder:
        before = extract(arguments.before, Path(folder) / "before")
        for method in arguments.methods or METHODS:
            sides = [Side(root, method, arguments.size, arguments.threads) for root in (before, ROOT)]
            flops = sides[0].ask("count")
            seconds = [float("inf"), float("inf")]
            large = float("inf")
            for _ in range(arguments.repeats + 1):  # the first warms up
                large = min(large, sides[1].ask("convolve"))
                seconds = [min(best, side.ask("fuse")) for best, side in zip(seconds, sides, strict=True)]
            outputs = []
            for number, side in enumerate(sides):
                file = Path(folder) / f"{number}.pt"
                side.ask(f"keep {file}")
                side.close()
                outputs.append(torch.load(file, weights_only=True))
            rates = [flops / each / 1e9 for each in seconds]
            difference = float((outputs[0] - outputs[1]).abs().max())
            row = f"{method:12s} {flops / 1e9:7.1f} {seconds[0]:9.2f} {seconds[1]:7.2f} {seconds[0] / seconds[1]:6.2f}"
            print(f"{row} {rates[0]:8.1f} {rates[1]:6.1f} {LARGE / large:6.1f} {difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
