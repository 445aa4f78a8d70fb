"""Options that commands share, each a setting of :class:`fusionbench.runs.RunConfig`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from fusionbench.cli.options import EXECUTOR_OPTIONS, Whole, names_option

F = TypeVar("F", bound=Callable[..., Any])


_OPTIONS = [
    click.option("--data-root", metavar="DIR", help="Folder in which data sets are looked for by name."),
    names_option("--metrics", help_text="Metrics; 'all' for all of the profile."),
    names_option("--profile", "profiles", help_text="Metric conventions: zhao (default), vifb, mefb, tang, ..."),
    click.option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N",
        help="Where to compute; cpu:N, cuda:all or several with commas: a process on each.",
    ),
    *EXECUTOR_OPTIONS,
    click.option("--batch-size", type=Whole(), metavar="N", help="Samples of equal size fused at once."),
    click.option("--workers", type=Whole(), metavar="N", help="Threads that decode images."),
    click.option("--limit", type=Whole(), metavar="N", help="Only the first N samples of each data set."),
    click.option("--shard", metavar="I/N", help="Every N-th sample from the I-th; `fusionbench merge` joins the runs."),
    click.option("--precision", metavar="float32|bfloat16|float16", help="Autocast precision of networks."),
    click.option("--scoring", metavar="float64|float32", help="Precision of the scores."),
    click.option("--compile", is_flag=True, default=None, help="torch.compile the networks."),
    click.option("--colour", metavar="restore|gray", help="Whether results of luma methods get their colour back."),
    click.option("--text-features", metavar="DIR", help="Text features as DIR/DATASET/SAMPLE.npy."),
    click.option(
        "--allow-other-tasks", is_flag=True, default=None, help="Run methods on tasks they were not made for."
    ),
    click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for fusing one batch; 0: no limit."),
    click.option("--seed", type=Whole(), metavar="N", help="Seed of every random choice."),
    click.option("--fail-fast", is_flag=True, default=None, help="Stop at the first sample that fails."),
    click.option("--out", metavar="DIR", help="The run folder; the same folder again computes what is missing."),
]


def run_options(function: F) -> F:
    """Options that ``run`` and ``score`` share; each is None where it was not given."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
