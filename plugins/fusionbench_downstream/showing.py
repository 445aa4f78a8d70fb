"""The table of an evaluation as a person at a terminal sees it."""

from __future__ import annotations

import sys

import click

from fusionbench import terminal
from fusionbench.plugins import current_plugins
from fusionbench_downstream.evaluating import Evaluation
from fusionbench_downstream.settings import Settings

_MEANS = {"detection": ["mAP50", "mAP50-95"], "segmentation": ["mIoU"]}


def shown_table(run: Evaluation, settings: Settings) -> None:
    """Print means and spreads over the seeds; the classes are for ``fusionbench table``."""
    from fusionbench.reports.display import show
    from fusionbench.reports.writing import printed

    table = run.table(metrics=_MEANS[settings.kind], decimals=3, spread=settings.spread, layout="stacked")
    if terminal.on_terminal(sys.stdout):
        show(table, terminal.console())
    else:
        click.echo(printed(table, current_plugins().exporters["markdown"]))
