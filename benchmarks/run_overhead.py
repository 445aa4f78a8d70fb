"""What a run costs beside a plain loop that does the same work: CPU time, both in fresh processes.

    python benchmarks/run_overhead.py --root ../shared/data/RoadScene --results 60 200

The loop has no planning, checking, isolation, journal or waiting for the disk: it decodes each pair for each method,
fuses, writes the PNG and scores, with the run's own functions, so that methods, colour, precision, compression and
metrics are the same. The pictures of both are compared. CPU time is that of all processes, imports included; the runs
alternate, and the smallest of the rounds counts.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

# The quicker the methods, the more the rest shows: what takes long hides it.
METHODS = ("average", "maximum", "laplacian")
METRICS = ("EN", "SD", "SF", "AG", "VIF", "Qabf")

LOOP = """
import sys
from pathlib import Path

import torch

from fusionbench.data import open_dataset
from fusionbench.fusing import decode_sample, load_fuser
from fusionbench.images.encode import write_png
from fusionbench.metrics import Scorer
from fusionbench.plugins import load_plugins
from fusionbench.runs import RunConfig
from fusionbench.runs.plan import metrics_of

root, out, limit, methods, metrics = sys.argv[1:]
plugins = load_plugins(())
config = RunConfig(metrics=tuple(metrics.split(",")))
dataset = open_dataset("roadscene=" + root)
scorer = Scorer.of_specs(metrics_of(config, plugins), device=torch.device("cpu"), eight_bit=True)
for name in methods.split(","):
    fuser = load_fuser(
        plugins.methods[name], device=torch.device("cpu"), task=dataset.task, weights=None, options={},
        precision=config.precision, compiled=config.compile, colour_mode=config.colour,
    )
    for sample in dataset.samples[: int(limit)]:
        item = decode_sample(sample, with_text=False)
        (fused,) = fuser.fuse_samples([item])
        pixels = fused.pixels
        array = pixels[0].numpy() if pixels.shape[0] == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
        write_png(Path(out, name, f"{sample.id}.png"), array)
        scorer.scores(pixels, item.sources, item.reference)
"""

RUN = """
import sys
import fusionbench as fb

root, out, limit, methods, metrics = sys.argv[1:]
run = fb.run(
    methods.split(","), f"roadscene={root}", out=out, limit=int(limit), metrics=tuple(metrics.split(",")), device="cpu"
)
sys.exit(run.failed)
"""


def main() -> None:
    """Print CPU and wall time of both for each number of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="folder of RoadScene")
    parser.add_argument("--results", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    for results in arguments.results:
        limit = results // len(arguments.methods)
        times: dict[str, list[tuple[float, float]]] = {"loop": [], "run": []}
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as temporary:
                for kind, code in (("loop", LOOP), ("run", RUN)):
                    words = [arguments.root, f"{temporary}/{kind}", str(limit)]
                    words += [",".join(arguments.methods), ",".join(METRICS)]
                    times[kind].append(_timed([sys.executable, "-c", code, *words], arguments.threads))
                _refuse_different(Path(temporary, "loop"), Path(temporary, "run", "images"))
        loop, run = (min(times[kind]) for kind in ("loop", "run"))
        print(
            f"{limit * len(arguments.methods):4d} results: loop {loop[0]:6.1f} CPU s ({loop[1]:.1f} s), "
            f"run {run[0]:6.1f} CPU s ({run[1]:.1f} s), ratio {run[0] / loop[0]:.2f}",
            flush=True,
        )


def _timed(command: list[str], threads: int) -> tuple[float, float]:
    """CPU and wall seconds of a command with all of its processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - started


def _refuse_different(loop: Path, run: Path) -> None:
    """End where the two did not make the same pictures."""
    for picture in sorted(loop.rglob("*.png")):
        method = picture.relative_to(loop).parts[0]
        (other,) = (run / method).rglob(picture.name)
        if not np.array_equal(np.asarray(Image.open(picture)), np.asarray(Image.open(other))):
            raise SystemExit(f"{picture.relative_to(loop)} differs between loop and run.")


if __name__ == "__main__":
    main()
