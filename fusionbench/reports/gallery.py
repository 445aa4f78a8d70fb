"""One picture that shows a run: a sample of each data set with its sources, the leading results and the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.images import file_sha256, read_image, shown
from fusionbench.reports.figures import PanelRow, detail, panel
from fusionbench.reports.statistics import average_ranks
from fusionbench.types import DataError, Dataset, MethodSpec, MetricSpec, Readable, Sample, UsageError

if TYPE_CHECKING:
    import pandas as pd


def gallery(
    frame: pd.DataFrame,
    datasets: Sequence[Dataset],
    *,
    metrics: Mapping[str, MetricSpec],
    methods: Mapping[str, MethodSpec],
    results: int = 4,
) -> np.ndarray:
    """Draw the first fused sample of each data set, the results of the best ranked methods beside its sources.

    Args:
        frame: Tidy frame of a run that kept its images.
        datasets: Data sets of the run, under the names they have in the frame.
        metrics: Specs, for the direction in which scores are ranked.
        methods: Specs, for titles.
        results: How many methods are shown: those of best mean rank over the data set's samples and
            metrics, or over the metrics against ground truth where there is one.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UsageError: The run kept no image.
        ImageError: A picture has been damaged since.
        DataError: A picture is not the one that was scored (where the frame has ``image_sha256``).
    """
    kept = frame[frame["image"].notna() & (frame["status"] == "ok")]
    rows = []
    for dataset in datasets:
        own = kept[kept["dataset"] == dataset.name]
        sample = next((sample for sample in dataset.samples if sample.id in set(own["sample"])), None)
        if sample is not None:
            lines = own[own["sample"] == sample.id].drop_duplicates("method").set_index("method")
            best = [method for method in _leading(own, metrics) if method in lines.index][:results]
            for name in best:
                require_scored(lines.loc[[name]].iloc[0])
            fused = {
                methods[name].title or name if name in methods else name: Path(str(lines.loc[name, "image"]))
                for name in best
            }
            rows.append(_row(sample, fused))
    if not rows:
        raise UsageError("the run kept no fused images to show.", hint="Run without --no-images.")
    columns = max(len(row.images) for row in rows)
    return panel([_padded(row, columns) for row in rows])


def require_scored(row: pd.Series) -> None:
    """Refuse the picture of a frame's row that was changed since it was scored.

    Raises:
        DataError: It was.
    """
    path, digest = Path(row["image"]), row.get("image_sha256")
    if digest and file_sha256(path) != digest:
        raise DataError(
            f"{shown(path)} is not the picture that was scored: it was changed since.",
            hint="The same fusionbench run again makes it anew.",
        )


def _leading(frame: pd.DataFrame, metrics: Mapping[str, MetricSpec]) -> list[str]:
    against_truth = [spec.name for spec in metrics.values() if spec.operands == "F|GT"]
    judged = frame[frame["metric"].isin(against_truth)]
    ranks = average_ranks(frame if judged.empty else judged, metrics)
    return list(ranks.groupby("method", observed=True)["rank"].mean().sort_values(kind="stable").index)


def source_names(sample: Sample) -> list[str]:
    """What the sources of a sample are called: as its task calls two, and numbers beyond."""
    return [*sample.task.source_names, *(f"source {n}" for n in range(3, len(sample.sources) + 1))][
        : len(sample.sources)
    ]


def _row(sample: Sample, fused: Mapping[str, Path]) -> PanelRow:
    sources = [(name, _pixels(source)) for name, source in zip(source_names(sample), sample.sources, strict=True)]
    results = [(name, _pixels(path)) for name, path in fused.items()]
    truth = [("ground truth", _pixels(sample.reference))] if sample.reference is not None else []
    zoom = detail([pixels for _, pixels in sources])
    return PanelRow(images=[*sources, *results, *truth], label=f"{sample.task}: {sample.id}", zoom=zoom)


def _padded(row: PanelRow, columns: int) -> PanelRow:
    images = [*row.images, *[("", None)] * (columns - len(row.images))]
    return PanelRow(images=images, label=row.label, zoom=row.zoom)


def _pixels(source: Readable) -> np.ndarray:
    return read_image(source).levels()
