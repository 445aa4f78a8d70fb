"""Every method that has its weights, on every data set that is there: scores, cost and failures, as a page.

A run folder for each data set; the same command again computes what is missing, and a larger ``--limit`` adds samples.
Data sets that are absent are left out and said. Weights are looked for as always (``FUSIONBENCH_WEIGHTS``).

    python benchmarks/cross_dataset.py --data DATA --out runs/cross --limit 3 [--only NAME] [--weights tardal=FILE]
    python benchmarks/cross_dataset.py --out runs/cross --write docs/cross-dataset.md

``--write`` puts the tables of what the run folders hold between the markers of the page, and every mean into a CSV file
beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import fusionbench as fb
from fusionbench.plugins import current_plugins
from fusionbench.reports.statistics import average_ranks
from fusionbench.runs import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.opening import open_request

METRICS = ("EN", "SD", "SF", "AG", "VIF", "Qabf", "SSIM")
SHOWN = ("Qabf", "VIF")
MARKERS = ("<!-- cross-dataset: begin -->", "<!-- cross-dataset: end -->")


@dataclass(frozen=True)
class Entry:
    """A data set of the table: where its folder is, and how to open it."""

    label: str
    name: str
    folder: str = ""
    split: str = "test"
    options: dict[str, Any] = field(default_factory=dict)

    def request(self, data: Path) -> DatasetRequest:
        """What a run is asked for."""
        root = str(data / self.folder) if self.folder else None
        return DatasetRequest(name=self.name, label=self.label, split=self.split, root=root, options=self.options)


PAIRS = {"task": "MEF", "patterns": ["over/*", "under/*"]}
ENTRIES = (
    Entry("roadscene", "roadscene"),
    Entry("tno", "tno"),
    Entry("msrs", "msrs"),
    Entry("vifb", "vifb"),
    Entry("fmb", "fmb"),
    Entry("harvard-ct", "harvard-ct"),
    Entry("harvard-pet", "harvard-pet"),
    Entry("harvard-spect", "harvard-spect"),
    Entry("mefb", "mefb"),
    Entry("sice-pairs", "folder", "SICE_pairs", "all", PAIRS),
    Entry("lytro", "lytro"),
    Entry("mfifb", "mfifb"),
    Entry("mfi-whu", "mfi-whu"),
    Entry("m3fd", "m3fd", "M3FD"),
    Entry("m3fd-detection", "m3fd", "M3FD_Detection", "detection"),
    Entry("llvip", "llvip"),
)
# What a method needs besides its weights to run at all.
NEEDS = {"textfusion": {"fitted": True}}


def requests(task: str, weights: dict[str, str]) -> list[MethodRequest]:
    """The methods that are not found by ``all_methods``: files given by hand, options that have no default."""
    chosen = []
    for name in {*weights, *NEEDS}:
        spec = current_plugins().methods[name]
        if task in spec.tasks:
            chosen.append(MethodRequest(name=name, options=NEEDS.get(name, {}), weights=weights.get(name)))
    return sorted(chosen, key=lambda request: request.name)


def compute(entry: Entry, arguments: argparse.Namespace, weights: dict[str, str]) -> str:
    """Run everything that fits on one data set; a line that says how it went."""
    task = entry.options.get("task") or current_plugins().datasets[entry.name].task
    start = time.perf_counter()
    try:
        run = fb.run(
            requests(str(task), weights),
            [entry.request(arguments.data)],
            all_methods=True,
            data_root=str(arguments.data),
            out=str(arguments.out / entry.label),
            metrics=METRICS,
            limit=arguments.limit,
            images=arguments.images,
            device="cpu",
            batch_size=1,
            workers=1,
            timeout=arguments.timeout,
        )
    except fb.FusionBenchError as error:
        return f"{entry.label}: {error}"
    except Exception:  # what the harness does not foresee is what this looks for
        return f"{entry.label}: {traceback.format_exc()}"
    return f"{entry.label}: {run.failed} failed, {time.perf_counter() - start:.0f} s"


def results(out: Path) -> pd.DataFrame:
    """The rows of all run folders, data sets in the order above."""
    order = {entry.label: number for number, entry in enumerate(ENTRIES)}
    folders = sorted(
        (path.parent for path in out.glob("*/journal.sqlite")), key=lambda path: order.get(path.name, len(order))
    )
    if not folders:
        sys.exit(f"{out} holds no run folder: run without --write first.")
    frames = []
    for folder in folders:
        frame = fb.load_run(folder).frame()
        sizes = {sample.id: pixels for sample, pixels in sized(folder)}
        frames.append(frame.assign(megapixels=frame["sample"].map(sizes)))
    return pd.concat(frames, ignore_index=True)


def sized(folder: Path) -> Iterator[tuple[fb.Sample, float]]:
    """The samples of a run with their megapixels."""
    config = RunConfig.from_yaml(folder / "config.yaml")
    for request in config.datasets:
        for sample in open_request(request, config).samples:
            with Image.open(sample.sources[0]) as image:
                yield sample, image.width * image.height / 1e6


def page(frame: pd.DataFrame) -> Iterator[str]:
    """The tables of each task."""
    for task, rows in frame.groupby("task", sort=False, observed=True):
        yield f"## {task}"
        yield ""
        yield from samples_line(rows)
        yield ""
        ranks = ranked(rows)
        yield from ranks_table(rows, ranks)
        for metric in SHOWN:
            yield ""
            yield f"{metric}:"
            yield ""
            yield from metric_table(rows, metric, list(ranks.index))
        yield ""
    yield "## What failed"
    yield ""
    yield from failures(frame)


def samples_line(rows: pd.DataFrame) -> Iterator[str]:
    """How many samples of which size."""
    parts = []
    for dataset, found in rows.groupby("dataset", sort=False, observed=True):
        sizes = found.groupby("sample", sort=False, observed=True).megapixels.first()
        span = f"{sizes.min():.2f}" if sizes.min() == sizes.max() else f"{sizes.min():.2f} to {sizes.max():.2f}"
        parts.append(f"{dataset} {len(sizes)} ({span} MP)")
    yield "Samples: " + ", ".join(parts) + "."


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean rank over metrics of each method, a column for each data set and one for their mean; best first."""
    ranks = {}
    for dataset, here in rows.groupby("dataset", sort=False, observed=True):
        complete = here.groupby("method").status.agg(lambda status: (status == "ok").all())
        found = average_ranks(here[here.method.map(complete)], block="dataset")
        ranks[dataset] = found.groupby("method")["rank"].mean()
    table = pd.DataFrame(ranks).reindex(rows.method.unique())
    return table.assign(all=table.mean(axis=1)).sort_values("all", kind="stable")


def ranks_table(rows: pd.DataFrame, ranks: pd.DataFrame) -> Iterator[str]:
    """Ranks, and what an image cost."""
    datasets = list(rows.dataset.unique())
    timed = rows.drop_duplicates(["method", "dataset", "sample"])
    table = ranks.assign(
        **{
            "s/MP": (timed.seconds / timed.megapixels).groupby(timed.method).median(),
            "failed": (timed.status == "failed").groupby(timed.method).sum(),
        }
    )
    yield "| method | " + " | ".join([*datasets, "all", "s/MP", "failed"]) + " |"
    yield "|---|" + "---:|" * (len(datasets) + 3)
    for method, row in table.iterrows():
        cells = [shown(row[name], 1) + "†" * seen(str(method), name) for name in datasets] + [shown(row["all"], 1)]
        yield f"| `{method}` | {' | '.join(cells)} | {shown(row['s/MP'], 2)} | {int(row['failed']) or ''} |"


def seen(method: str, dataset: str) -> bool:
    """Whether a method was trained on other pairs of a data set, or of one that it is a part of."""
    return any(dataset.startswith(name) for name in current_plugins().methods[method].training_data)


def metric_table(rows: pd.DataFrame, metric: str, methods: list[str]) -> Iterator[str]:
    """Means, best and second best marked."""
    found = rows[(rows.metric == metric) & (rows.status == "ok")]
    table = found.pivot_table(index="method", columns="dataset", values="value", sort=False)
    table = table.reindex(index=methods, columns=rows.dataset.unique())
    yield "| method | " + " | ".join(table.columns) + " |"
    yield "|---|" + "---:|" * len(table.columns)
    best = {column: sorted(table[column].round(3).dropna().unique(), reverse=True)[:2] for column in table}
    for method, row in table.iterrows():
        cells = []
        for column in table.columns:
            text = shown(row[column], 3)
            place = best[column].index(round(row[column], 3)) if round(row[column], 3) in best[column] else None
            cells.append(text if place is None else (f"**{text}**", f"*{text}*")[place])
        yield f"| `{method}` | {' | '.join(cells)} |"


def shown(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def failures(frame: pd.DataFrame) -> Iterator[str]:
    """What has no value, and why."""
    bad = frame[frame.status != "ok"]
    if bad.empty:
        yield "Nothing: every method gave every sample a picture, and every metric a value."
        return
    yield "| method | data set | samples | metrics | reason |"
    yield "|---|---|---:|---|---|"
    for (method, dataset, error), rows in bad.groupby(["method", "dataset", "error"], sort=False, observed=True):
        metrics = sorted(rows.metric.unique())
        what = "all" if len(metrics) == len(METRICS) else ", ".join(metrics)
        text = str(error).splitlines()[0] if error else "not computed"
        yield f"| `{method}` | {dataset} | {rows['sample'].nunique()} | {what} | {text.replace('|', chr(92) + '|')} |"


def means(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each method on each data set: all metrics' means, how many samples, how long."""
    wide = frame.pivot_table(index=["task", "dataset", "method"], columns="metric", values="value", sort=False)
    once = frame.drop_duplicates(["method", "dataset", "sample"]).groupby(["task", "dataset", "method"])
    facts = once.agg(
        samples=("status", lambda status: int((status == "ok").sum())),
        failed=("status", lambda status: int((status == "failed").sum())),
        seconds=("seconds", "median"),
    )
    return wide.join(facts, how="right")[[*METRICS, "samples", "failed", "seconds"]].round(4).reset_index()


def main() -> None:
    """Compute, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/cross"))
    parser.add_argument("--limit", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--images", action="store_true", help="keep the fused images")
    parser.add_argument("--only", action="append", choices=[entry.label for entry in ENTRIES])
    parser.add_argument("--weights", action="append", default=[], metavar="METHOD=FILE")
    parser.add_argument("--write", type=Path, help="page into which the tables go")
    arguments = parser.parse_args()
    if arguments.write:
        frame = results(arguments.out)
        document = arguments.write.read_text(encoding="utf-8")
        begin, end = (document.index(marker) for marker in MARKERS)
        text = "\n".join(page(frame))
        arguments.write.write_text(
            f"{document[: begin + len(MARKERS[0])]}\n\n{text}\n\n{document[end:]}", encoding="utf-8"
        )
        means(frame).to_csv(arguments.write.with_suffix(".csv"), index=False)
        return
    if arguments.data is None:
        parser.error("--data is needed, unless --write is given.")
    weights = dict(item.split("=", 1) for item in arguments.weights)
    for entry in ENTRIES:
        if not arguments.only or entry.label in arguments.only:
            print(compute(entry, arguments, weights), flush=True)


if __name__ == "__main__":
    main()
