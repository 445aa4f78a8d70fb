"""What can be asked of a table, checked before anything is averaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from fusionbench.reports.model import LAYOUTS, MARKS, SIZES, SPREADS, Layout, Mark, Paper, Spread
from fusionbench.types import UsageError


class TableOptions(TypedDict, total=False):
    """The fields of :class:`TableSettings` as keywords."""

    layout: Layout
    metrics: Sequence[str] | None
    decimals: int
    mark: Mark
    places: int
    spread: Spread
    average_rank: bool
    significance: bool
    sort: str | None
    order: Sequence[str] | None
    rank_published: bool | None
    paper: Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """How a table is laid out, marked and set.

    Attributes:
        layout: Data sets beside each other, below each other, or one line for each cell.
        metrics: Names (``SSIM``) or keys (``SSIM@zhao``) to show, in this order; all if None.
        decimals: Digits after the point, 0 to 10. Columns of very large values, and of values that all would
            print as 0, are shown with powers of ten.
        mark: How the best of a column are marked.
        places: How many places of a column are marked, 1 to 3.
        spread: Behind each measured mean, nothing, the standard deviation over the samples (``sd``), or half the width
            of its 95 % bootstrap interval (``ci``).
        average_rank: A last column with the mean of a method's ranks over the columns that have a direction: 1 is
            best, ties share a rank. Only methods that compete in all of them have one.
        significance: Mark measured values that do not differ significantly from the best one of their column
            (Wilcoxon's signed-rank test over the samples, Holm's correction over the pairs of methods, 5 %).
        sort: A metric; rows are ordered by it, best first: side by side on the first data set that has
            it, in the other layouts within each data set.
        order: Methods to put first, in this order; the others keep theirs.
        rank_published: Whether published values compete for the marks: True also those over an unknown number of
            samples, whatever part was run; False none; None those that are comparable as far as that is known.
        paper: How LaTeX sets it.

    Raises:
        UsageError: An impossible setting.
    """

    layout: Layout = "side-by-side"
    metrics: Sequence[str] | None = None
    decimals: int = 2
    mark: Mark = "bold-underline"
    places: int = 2
    spread: Spread = "none"
    average_rank: bool = False
    significance: bool = False
    sort: str | None = None
    order: Sequence[str] | None = None
    rank_published: bool | None = None
    paper: Paper = field(default_factory=Paper)

    def __post_init__(self) -> None:
        for name, given, allowed in (
            ("layout", self.layout, LAYOUTS),
            ("mark", self.mark, MARKS),
            ("spread", self.spread, SPREADS),
            ("size", self.paper.size, SIZES),
        ):
            if given not in allowed:
                raise UsageError(f"{name} {given!r} is not one of {', '.join(allowed)}.")
        for name, number, most in (("decimals", self.decimals, 10), ("places", self.places, 3)):
            least = 0 if name == "decimals" else 1
            if not least <= number <= most:
                raise UsageError(f"{name} must be from {least} to {most}, not {number}.")
        if not re.fullmatch(r"[A-Za-z0-9:._/+ -]*", self.paper.label):
            raise UsageError(
                f"label {self.paper.label!r} is not one for LaTeX.", hint="Letters, digits and : . _ / + - are safe."
            )
        if self.sort is not None and self.order is not None:
            raise UsageError("rows can follow a metric (sort) or a list of methods (order), not both.")
