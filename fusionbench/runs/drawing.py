"""A figure of run folders, from their rows and pictures to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.plugins import current_plugins
from fusionbench.reports.choosing import chosen
from fusionbench.reports.from_runs import recorded_metrics, title_of, unit_of
from fusionbench.reports.merge import merge_frames
from fusionbench.reports.plots import Kind
from fusionbench.reports.plots.drawing import WIDTHS, chart
from fusionbench.reports.plots.files import planned, write_figure
from fusionbench.reports.plots.grid import Block
from fusionbench.reports.plots.grid import grid as grid_of
from fusionbench.reports.plots.picking import Place
from fusionbench.reports.plots.style import styled
from fusionbench.reports.run_view import load_run
from fusionbench.runs.illustrating import GridSettings, blocks_of
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fusionbench.plugins import Plugins
    from fusionbench.results.loading import RunResults

WIDEST = (2, 100)
"""Centimetres that a figure may be wide."""


def draw(
    runs: Sequence[Path],
    output: Path,
    *,
    kind: Kind = "grid",
    grid: GridSettings | None = None,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    columns: int | None = None,
    width: float | None = None,
    dpi: int = 300,
    caption: str = "",
    label: str = "",
    data_root: Path | None = None,
    command: str = "",
) -> list[Path]:
    """Draw a figure of runs and write it.

    Args:
        runs: Run folders.
        output: ``figure.pdf``, ``.png`` or ``.svg``; without a suffix all three, and LaTeX.
        kind: What is drawn.
        grid: What a grid shows; the first sample of each data set if None.
        methods, datasets: Names or patterns; a grid shows methods in this order.
        metrics: Of charts; see :func:`fusionbench.reports.plots.drawing.chart`.
        columns: Of a grid.
        width: Centimetres.
        dpi: Of the PNG.
        caption, label: For the LaTeX.
        data_root: Where data sets lie today, if not where the runs found them.
        command: What was called, for a comment in the LaTeX.

    Returns:
        The files.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError, UnknownNameError, DataError: See :func:`fusionbench.runs.illustrating.blocks_of` and
            :func:`fusionbench.reports.plots.drawing.chart`; or the file cannot be written.
    """
    planned(output)
    if width is not None and not WIDEST[0] <= width <= WIDEST[1]:  # nor is NaN
        raise UsageError(f"a figure is {WIDEST[0]} to {WIDEST[1]} cm wide, not {width:g}.")
    plugins = current_plugins()
    loaded = {str(path): load_run(path) for path in runs}
    provenance = [f"From {', '.join(loaded)}.", *([command] if command else [])]
    with styled():
        if kind == "grid":
            blocks = blocks_of(
                loaded, plugins, grid or GridSettings(), methods=methods, datasets=datasets, data_root=data_root
            )
            figure = grid_of([block for _, block in blocks], width=width or WIDTHS["grid"], columns=columns)
            told = _caption(blocks, plugins)
        else:
            figure, told = _chart(kind, loaded, plugins, methods, datasets, metrics, width)
        return write_figure(figure, output, caption=caption or told, label=label, provenance=provenance, dpi=dpi)


def _chart(
    kind: Kind,
    loaded: Mapping[str, RunResults],
    plugins: Plugins,
    methods: Sequence[str] | None,
    datasets: Sequence[str] | None,
    metrics: Sequence[str] | None,
    width: float | None,
) -> tuple[Figure, str]:
    frame = merge_frames({name: run.frame() for name, run in loaded.items()})
    frame = chosen(frame, methods=methods, datasets=datasets)
    recorded = {k: str(facts["title"]) for run in loaded.values() for k, facts in run.info["methods"].items()}
    return chart(
        kind,
        frame,
        {**recorded_metrics(loaded), **plugins.metrics},
        metrics=metrics,
        titles={str(name): title_of(plugins.methods, str(name)) for name in frame["method"].unique()} | recorded,
        datasets={str(name): title_of(plugins.datasets, str(name)) for name in frame["dataset"].unique()},
        width=width,
        unit=unit_of(loaded),
    )


def _caption(blocks: Sequence[tuple[Place, Block]], plugins: Plugins) -> str:
    by_dataset: dict[str, list[str]] = {}
    for (dataset, sample), _ in blocks:
        by_dataset.setdefault(title_of(plugins.datasets, dataset), []).append(sample)
    names = [f"{', '.join(samples)} of {dataset}" for dataset, samples in by_dataset.items()]
    first = blocks[0][1]
    parts = [f"Sources and results of {'; '.join(names)}."]
    if first.zooms:
        parts.append("Framed details are enlarged below each picture.")
    if first.meaning:
        parts.append(f"Maps show the absolute difference of luma to {first.meaning}, in levels of 255.")
    return " ".join(parts)
