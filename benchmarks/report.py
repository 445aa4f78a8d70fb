"""How large a report is, how long it takes to write, and how soon a browser shows it.

    python benchmarks/report.py --methods 25 --samples 500

A generated result of that size is written as a report; Chromium opens its pages from the disk. Needs playwright and a
Chromium (`make test-full` installs both).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright
from skimage import data

from fusionbench.images.encode import write_png
from fusionbench.plugins import current_plugins
from fusionbench.reports.model import TableInfo
from fusionbench.reports.site.content import Report, failures_of, pages_of
from fusionbench.reports.site.writing import claim, dataset_pictures, write_report
from fusionbench.reports.tables import build_table
from fusionbench.types import Sample, Task

METRICS = ("EN", "SD", "SF", "AG", "VIF", "Qabf")


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=25)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--pictures", choices=("preview", "exact", "none"), default="preview")
    parser.add_argument("--size", default="480x640")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        frame, samples = generated(work, arguments.methods, arguments.samples, *map(int, arguments.size.split("x")))
        start = time.perf_counter()
        first = written(frame, samples, work / "site", arguments.pictures)
        print(f"written in {time.perf_counter() - start:.1f} s")
        total = sum(path.stat().st_size for path in (work / "site").rglob("*") if path.is_file())
        pages = sum(
            path.stat().st_size for path in (work / "site").rglob("*") if path.suffix in (".html", ".js", ".css")
        )
        print(f"size {total / 1e6:.1f} MB, without pictures and downloads {pages / 1e6:.2f} MB")
        for page in (first, first.with_name("dataset-0.html")):
            print(f"{page.name}: first paint {paint(page):.0f} ms")


def generated(work: Path, methods: int, count: int, height: int, width: int) -> tuple[pd.DataFrame, dict[str, Sample]]:
    """A frame of random scores over twenty pictures: a photograph, moved."""
    generator = np.random.default_rng(0)
    photograph = np.pad(data.astronaut(), ((0, max(0, height - 512)), (0, max(0, width - 512)), (0, 0)), mode="reflect")
    pictures = []
    for number in range(20):
        path = work / f"{number}.png"
        write_png(path, np.roll(photograph, 20 * number, axis=1)[:height, :width])
        pictures.append(path)
    names = [f"scene_{number:04d}" for number in range(count)]
    rows = [
        (f"method-{m:02d}", name, metric, generator.normal(m / 10, 1), str(pictures[n % 20]))
        for m in range(methods)
        for n, name in enumerate(names)
        for metric in METRICS
    ]
    frame = pd.DataFrame(rows, columns=["method", "sample", "metric", "value", "image"])
    frame = frame.assign(dataset="roadscene", task="IVF", profile="zhao", status="ok", error="", image_sha256="")
    samples = {name: Sample(id=name, task=Task.IVF, sources=(pictures[0], pictures[1])) for name in names}
    return frame, samples


def written(frame: pd.DataFrame, samples: dict[str, Sample], folder: Path, pictures: str) -> Path:
    """The report's first page."""
    metrics = current_plugins().metrics
    info = TableInfo(version="benchmark", metrics=metrics)
    table = build_table(frame, info=info, layout="stacked", average_rank=True, places=3)
    report = Report(
        title="Benchmark", table=table, pages=pages_of(frame, table, metrics), failures=failures_of(frame, table)
    )
    claim(folder, "report")
    shown = {
        page.group.dataset: dataset_pictures(page, frame, samples, folder, pictures)  # type: ignore[arg-type]  # argparse knows the choices
        for page in report.pages
    }
    return write_report(report, folder, pictures=shown, downloads={})


def paint(page: Path) -> float:
    """Milliseconds until Chromium has painted the page for the first time."""
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(page.as_uri())
        tab.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        found = float(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        browser.close()
    return found


if __name__ == "__main__":
    main()
