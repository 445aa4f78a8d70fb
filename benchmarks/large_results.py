"""What reading a large run costs: ``frame()`` and the table of a million scores.

    python benchmarks/large_results.py --scores 1000000

A journal of 20 methods x 10 metrics x as many samples as it takes is written, and read back in a process of its own,
whose CPU time and peak memory are printed beside those of the imports alone.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal
from fusionbench.results.records import Cell, FusionRecord

METHODS, DATASETS = 20, 4
METRICS = ("EN", "SD", "SF", "AG", "VIF", "Qabf", "SSIM", "MI", "CC", "PSNR")
STEPS = ("imports", "frame", "table")


def main() -> None:
    """Print CPU seconds and peak memory of each step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        measured(arguments.step, arguments.run)
        return
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), arguments.scores // METHODS // len(METRICS))
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--run", folder]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="")


def written(folder: Path, samples: int) -> None:
    """A journal with a value for each method, sample and metric."""
    keys = tuple((name, "zhao", "1") for name in METRICS)
    with Journal(folder / JOURNAL) as journal:
        journal._db.execute("PRAGMA synchronous=OFF")
        names = [(f"data{number % DATASETS}", f"scene_{number:05d}") for number in range(samples)]
        session = journal.begin_session(
            "2026-01-01", {"version": "benchmark", "metrics": {}, "methods": {}, "pairs": {}}
        )
        cells = [
            Cell(method=f"m{m}", dataset=d, sample=s, task="IVF", fusion=f"{m}-{s}", metrics=keys)
            for m in range(METHODS)
            for d, s in names
        ]  # fmt: skip
        listings: dict[str, list[tuple[str, str]]] = {}
        for dataset, sample in names:
            listings.setdefault(dataset, []).append((sample, ""))
        journal.set_cells(cells, listings)
        for number, cell in enumerate(cells):
            scores = {key: (number * 7919 % 1000) / 100 + place for place, key in enumerate(keys)}
            journal.record(FusionRecord(key=cell.fusion, status="ok", seconds=0.1, scores=scores), session)


def measured(step: str, run: Path) -> None:
    """One step, in this process."""
    from fusionbench.reports import from_runs  # noqa: F401 - what reading needs anyway
    from fusionbench.reports.run_view import load_run

    if step == "frame":
        assert load_run(run).frame()["value"].notna().all()
    elif step == "table":
        load_run(run).table()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{step}: {usage.ru_utime + usage.ru_stime:.2f} CPU s, {usage.ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
