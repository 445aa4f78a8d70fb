"""Peak memory and rate of runs over data sets of growing size.

    python benchmarks/run_scale.py --pairs 500 10000

Every sample of a data set is one of ten small pairs written for the purpose, so the number of samples is
the only thing that grows. Prints, for each size, the peak resident memory of the run (the larger of the
planning process and its worker), samples per second, and the size of the journal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PLUGIN = """
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

import fusionbench as fb
from fusionbench.types import DatasetSpec, Sample, Task


@dataclass
class Repeated:
    name: str
    task: Task
    samples: list
    problems: tuple = ()


def open_repeated(root, split):
    files = sorted(Path(root).glob("ir*.png"))
    pairs = [(path, path.with_name(path.name.replace("ir", "vi"))) for path in files]
    count = int(os.environ["REPEATED_PAIRS"])
    samples = [Sample(id=f"{i:06d}", task=Task.IVF, sources=pairs[i % len(pairs)]) for i in range(count)]
    return Repeated("repeated", Task.IVF, samples)


def fusionbench_datasets():
    return [DatasetSpec(name="repeated", task=Task.IVF, opener=open_repeated)]


@fb.method("largest", tasks=["IVF"])
def largest(infrared, visible):
    return torch.maximum(infrared, visible)
"""

RUN = """
import json, sys, time
import fusionbench as fb
from fusionbench.plugins import load_plugins
load_plugins([sys.argv[1]])
started = time.perf_counter()
settings = {"plugins": (sys.argv[1],), "out": sys.argv[3], "images": False, "metrics": ("EN",)}
run = fb.run("largest", f"repeated={sys.argv[2]}", **settings)
seconds = time.perf_counter() - started
journal = run.path / "journal.sqlite"
print(json.dumps({"failed": run.failed, "seconds": seconds, "bytes": run.info["peak_memory_bytes"],
                  "journal": journal.stat().st_size, "rows": run.computed}))
"""


def main() -> None:
    """Write the pairs, run each size in a process of its own, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[500, 10_000])
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for index in range(10):
            for side in ("ir", "vi"):
                pixels = generator.integers(0, 256, (arguments.side, arguments.side), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{side}{index}.png")
        plugin = folder / "repeated.py"
        plugin.write_text(PLUGIN, encoding="utf-8")
        for count in arguments.pairs:
            command = [sys.executable, "-c", RUN, str(plugin), str(folder), str(folder / f"run{count}")]
            environment = {**os.environ, "REPEATED_PAIRS": str(count)}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            facts = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{count:7d} pairs: {facts['bytes'] / 2**20:6.0f} MiB peak, {count / facts['seconds']:6.1f} samples/s, "
                f"journal {facts['journal'] / 2**20:.1f} MiB, {facts['failed']} failed"
            )


if __name__ == "__main__":
    main()
