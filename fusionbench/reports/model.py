"""What a table is: rows, groups of columns and cells; immutable, and the same for every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from fusionbench.types.specs import arrow

if TYPE_CHECKING:
    from fusionbench.reports.published import PublishedTable
    from fusionbench.types import Citation, MetricSpec

Layout = Literal["side-by-side", "stacked", "long"]
Mark = Literal["bold-underline", "color", "boxes", "none"]
Spread = Literal["none", "sd", "ci"]
Size = Literal["auto", "normal", "small", "footnotesize", "scriptsize", "fit"]
LAYOUTS: tuple[str, ...] = get_args(Layout)
MARKS: tuple[str, ...] = get_args(Mark)
SPREADS: tuple[str, ...] = get_args(Spread)
SIZES: tuple[str, ...] = get_args(Size)
RANK = "rank"
"""Key of the column of average ranks, which is no metric's."""
UNIT = "pair"
"""What the rows of a run count, where it does not say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableInfo:
    """What a table has to know besides the frame.

    Attributes:
        version: Version(s) of fusionbench that computed the rows.
        colour: How colour was handled, in words.
        pairs: Data set name -> number of samples the run was planned for. A run that was cut short has
            fewer in its frame; without this its cells would look complete.
        limited: Data sets of which the runs took only the first samples (``--limit``).
        metrics: Metric specs by ``name@profile``; one that is missing has no direction.
        methods, datasets: Titles by name, in the order in which to show them; what is missing comes
            after them under its own name.
        runs: Where the rows come from, for the provenance comment.
        command: The command that made the table, likewise.
        data: Data set name -> digest of the sources that were scored, likewise.
        papers: Method name -> where it was published.
        unit: What the rows of the frame count, in the singular: pairs of images, or seeds of an evaluation that
            trains.
    """

    version: str
    colour: str = ""
    pairs: Mapping[str, int] = field(default_factory=dict)
    limited: frozenset[str] = frozenset()
    metrics: Mapping[str, MetricSpec] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    command: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    papers: Mapping[str, Citation] = field(default_factory=dict)
    unit: str = UNIT

    @property
    def units(self) -> str:
        """What the rows count, in the plural and for any task."""
        return units_of(self.unit)


def units_of(unit: str) -> str:
    """What rows count, in the plural: pairs of images are samples, whatever their task."""
    return "samples" if unit == UNIT else f"{unit}s"


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric as a column: ``key`` is ``name@profile``, ``label`` what the header says."""

    key: str
    label: str
    higher_is_better: bool | None

    @property
    def heading(self) -> str:
        """The label with the direction as an arrow."""
        return self.label + arrow(self.higher_is_better)


@dataclass(frozen=True, slots=True)
class Group:
    """The columns of one data set. ``pairs`` is the number of its samples, scored or not.

    A group over all data sets (the average ranks of a side-by-side table) has no name and no samples.
    """

    dataset: str
    title: str
    task: str
    pairs: int
    metrics: tuple[MetricColumn, ...]

    @property
    def heading(self) -> str:
        """The title with the number of samples."""
        return f"{self.title} (n = {self.pairs})" if self.dataset else self.title


@dataclass(frozen=True, slots=True)
class Row:
    """A method, measured or (``published`` names the table) as printed in a paper.

    ``remarks`` are what a reader has to know about it, such as data sets of a task it was not made for.
    """

    key: str
    title: str
    published: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the first column says; rows that are published or have remarks are marked."""
        sign = f" [{self.published}]" if self.published else ""
        return self.title + sign + ("‡" if self.remarks else "")


@dataclass(frozen=True, slots=True)
class Cell:
    """The mean of one metric of one method on one data set.

    Attributes:
        mean: Mean over the samples that have a finite value; None where there is none.
        n: How many those are; None for published values whose number of samples is not known.
        expected: How many there should be.
        published: Whether it was printed and not measured.
        rank: 1 for the best value of the column, 2 for the second best, ..., None for those that are not marked.
        scientific: Whether the values of its column are shown with a power of ten.
        part: For a published value whose number of samples is not known: whether the measured ones are over a
            part of the data set only.
        spread: Standard deviation over the samples, or half the width of the mean's 95 % interval; None where it is
            not asked for or not known.
        tied: Whether it does not differ significantly from the best measured value of its column.
    """

    mean: float | None
    n: int | None
    expected: int
    published: bool = False
    rank: int | None = None
    scientific: bool = False
    part: bool = False
    spread: float | None = None
    tied: bool = False

    @property
    def incomplete(self) -> bool:
        """Whether samples are missing from the mean: failed, not yet computed, or undefined."""
        return not self.published and self.n != self.expected

    @property
    def other_pairs(self) -> bool:
        """Whether a published value is a mean over another number of samples, as far as that is known."""
        return self.published and (self.part if self.n is None else self.n != self.expected)

    @property
    def comparable(self) -> bool:
        """Whether it may be ranked against the other cells of its column."""
        return self.mean is not None and not self.incomplete and not self.other_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """How a paper wants its table; formats other than LaTeX use the caption alone.

    Attributes:
        caption: In place of the sentence that says what the numbers are; the signs are explained after it.
        label: For ``\\ref``.
        size: Of the type; ``fit`` scales the table to the width of the text, ``auto`` does so if it has many columns.
        align_decimals: Align the numbers at their decimal point (siunitx).
        longtable: Let the table run over several pages.
        cite: Set ``\\cite`` behind methods, with the keys of :func:`fusionbench.reports.citations.bibliography`.
    """

    caption: str = ""
    label: str = ""
    size: Size = "auto"
    align_decimals: bool = False
    longtable: bool = False
    cite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Methods against the metrics of data sets, ready for any format.

    Attributes:
        rows, groups: In the order in which they are shown.
        rows_by_dataset: For layouts that show a data set at a time, the rows that have anything in it; a
            table sorted by a metric is sorted within each data set.
        cells: By row key, data set and metric key; what is absent was never computed.
        profiles: Metric conventions of the measured rows.
        published: The published tables that rows were taken from.
        rank_published: Whether published rows took part in the ranking; None where it depends on their samples.
        places: How many places of a column are marked: the best, the second best, the third.
        spread: What stands behind each mean.
        paper: How it is typeset.
    """

    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    rows_by_dataset: Mapping[str, tuple[Row, ...]]
    cells: Mapping[tuple[str, str, str], Cell]
    layout: Layout
    decimals: int
    mark: Mark
    profiles: tuple[str, ...]
    info: TableInfo
    published: tuple[PublishedTable, ...] = ()
    rank_published: bool | None = None
    places: int = 2
    spread: Spread = "none"
    paper: Paper = field(default_factory=Paper)

    def cell(self, row: Row, group: Group, metric: MetricColumn) -> Cell | None:
        """The cell at a place, None where nothing was computed."""
        return self.cells.get((row.key, group.dataset, metric.key))

    def row_cells(self, row: Row, group: Group) -> list[Cell | None]:
        """A row's cells of one data set, in the order of its metrics."""
        return [self.cell(row, group, metric) for metric in group.metrics]

    def rows_of(self, group: Group) -> tuple[Row, ...]:
        """The rows that have anything in a data set."""
        return self.rows_by_dataset[group.dataset]

    @property
    def datasets(self) -> tuple[Group, ...]:
        """The groups that are a data set's."""
        return tuple(group for group in self.groups if group.dataset)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from fusionbench.reports.exporters.html import fragment

        return fragment(self)
