"""``fusionbench figure``: figures of papers."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench.cli.options import Whole, WholeRange, data_root_option, names_option, plugin_option
from fusionbench.reports.plots import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence


class Numbers(click.ParamType):
    """Whole numbers separated by commas, such as ``x,y,w,h``; or a word instead."""

    def __init__(self, name: str, *words: str) -> None:
        self.name = name
        self.words = words

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """A tuple of numbers, or the word."""
        if isinstance(value, tuple) or value in self.words:
            return value
        count = self.name.count(",") + 1
        if not re.fullmatch(rf"\s*[0-9]{{1,6}}\s*(,\s*[0-9]{{1,6}}\s*){{{count - 1}}}", str(value), re.ASCII):
            instead = f", or {' or '.join(self.words)}" if self.words else ""
            self.fail(f"{value!r} is not {self.name} in whole pixels{instead}.", param, ctx)
        return tuple(int(part) for part in str(value).split(","))


@click.command(name="figure")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="figure.pdf, .png or .svg; without a suffix all three, and the LaTeX that includes the PDF.",
)
@click.option(
    "--kind",
    type=click.Choice(KINDS, case_sensitive=False),
    default="grid",
    show_default=True,
    help="Pictures side by side; or charts of the scores: box, violin, radar, quality against cost, critical"
    " differences, agreement of metrics.",
)
@names_option("--methods", help_text="Methods to show, in this order: names or patterns such as 'film*'.")
@names_option("--datasets", help_text="Data sets to use: names or patterns.")
@names_option("--metrics", metavar="M,M,...", help_text="Charts: metrics to draw; cost and cd draw the first.")
@click.option("--sample", "samples", multiple=True, metavar="[DATASET/]ID", help="Grid: a sample. Repeatable.")
@click.option("--random", "drawn", type=WholeRange(min=1), default=None, help="Grid: so many samples at random.")
@click.option("--seed", type=Whole(), default=0, show_default=True, help="Grid: of --random.")
@click.option(
    "--most-different", type=WholeRange(min=1), default=None, help="Grid: so many samples where methods differ most."
)
@click.option(
    "--zoom",
    "zooms",
    type=Numbers("x,y,w,h", "auto"),
    multiple=True,
    metavar="X,Y,W,H|auto",
    help="Grid: a detail to frame and enlarge, in pixels; auto takes the place where results differ most. Repeatable.",
)
@click.option(
    "--arrow",
    "arrows",
    type=Numbers("x,y"),
    multiple=True,
    metavar="X,Y",
    help="Grid: a pixel to point at. Repeatable.",
)
@click.option(
    "--difference",
    default="",
    metavar="SOURCE|mean|truth",
    help="Grid: maps of the absolute difference to a source (its name or number), the mean of the results, or the"
    " ground truth.",
)
@click.option("--sources/--no-sources", default=True, show_default=True, help="Grid: show sources and ground truth.")
@click.option("--columns", type=WholeRange(1, 40), default=None, help="Grid: pictures beside each other.")
@click.option("--width", type=float, default=None, help="Centimetres; that of a page or column by default.")
@click.option("--dpi", type=WholeRange(30, 1200), default=300, show_default=True, help="Of the PNG.")
@click.option("--caption", default="", metavar="TEXT", help="LaTeX: caption, in place of ours.")
@click.option("--label", default="", metavar="KEY", help=r"LaTeX: \label of the figure, such as fig:grid.")
@data_root_option
@plugin_option
def command(
    runs: tuple[Path, ...],
    output: Path,
    kind: Kind,
    methods: tuple[str, ...] | None,
    datasets: tuple[str, ...] | None,
    metrics: tuple[str, ...] | None,
    samples: tuple[str, ...],
    drawn: int | None,
    seed: int,
    most_different: int | None,
    zooms: Sequence[tuple[int, int, int, int] | str],
    arrows: tuple[tuple[int, int], ...],
    difference: str,
    sources: bool,
    columns: int | None,
    width: float | None,
    dpi: int,
    caption: str,
    label: str,
    data_root: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Draw a figure of one or more RUN folders for a paper.

    A grid shows sources, results and enlarged details of samples: by name, at random, where methods differ most; by
    default the first of each data set. Needs the extra plot.
    """
    from fusionbench.printable import command_line
    from fusionbench.reports.figures import Box
    from fusionbench.runs.drawing import draw
    from fusionbench.runs.illustrating import GridSettings

    boxes = tuple(Box(*zoom) for zoom in zooms if not isinstance(zoom, str))
    grid = GridSettings(
        samples=samples,
        random=drawn or 0,
        seed=seed,
        most_different=most_different or 0,
        zooms=boxes,
        auto_zoom="auto" in zooms,
        arrows=arrows,
        difference=difference,
        sources=sources,
    )
    files = draw(
        runs,
        output,
        kind=kind,
        grid=grid,
        methods=methods,
        datasets=datasets,
        metrics=metrics,
        columns=columns,
        width=width,
        dpi=dpi,
        caption=caption,
        label=label,
        data_root=data_root,
        command=command_line("fusionbench", *sys.argv[1:]),
    )
    for file in files:
        click.echo(str(file))
