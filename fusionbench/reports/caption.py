"""What the text around a table says, in plain text; each format escapes it for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusionbench.printable import counted
from fusionbench.reports.model import RANK, Group, Mark, Spread, Table
from fusionbench.reports.ranking import competing

if TYPE_CHECKING:
    from fusionbench.reports.published import PublishedTable

_MARKS: dict[Mark, tuple[str, str, str]] = {
    "bold-underline": ("in bold", "underlined", "in italics"),
    "color": ("in red", "in blue", "in green"),
    "boxes": ("on red", "on orange", "on yellow"),
}
_PLACES = ("Best value", "second best", "third best")
_SPREADS: dict[Spread, str] = {
    "sd": "± standard deviation over the {units}.",
    "ci": "± half the width of the mean's 95 % bootstrap interval over the {units}.",
}


def caption(table: Table) -> str:
    """One or two sentences: what the numbers are, the convention and the version behind them; or the user's own."""
    if table.paper.caption:
        return table.paper.caption
    datasets = ", ".join(f"{group.title} ({counted(group.pairs, table.info.unit)})" for group in table.datasets)
    profiles = ", ".join(table.profiles) or "none"
    word = "profiles" if len(table.profiles) > 1 else "profile"
    facts = f"Mean scores on {datasets}. Metric {word}: {profiles}; fusionbench {table.info.version}."
    return f"{facts} Colour: {table.info.colour.rstrip('.')}." if table.info.colour else facts


def notes(table: Table, mark: Mark | None = None) -> list[str]:
    """The signs that occur in the table, explained. ``mark`` overrides how the format can mark."""
    mark = mark or table.mark
    cells = list(table.cells.values())
    lines = []
    if mark in _MARKS and any(cell.rank for cell in cells):
        styles = zip(_PLACES[: table.places], _MARKS[mark], strict=False)
        marks = ", ".join(f"{place} {style}" for place, style in styles)
        lines.append(f"{marks}, along the arrow (↑ higher, ↓ lower is better); equal printed values share a mark.")
    if table.spread in _SPREADS and any(cell.spread is not None for cell in cells):
        lines.append(_SPREADS[table.spread].format(units=table.info.units))
    if any(metric.key == RANK for group in table.groups for metric in group.metrics):
        lines.append(
            "Rank: mean of the ranks over the columns with a direction; ties share a rank, and only methods that"
            " compete in all of them have one."
        )
    if any(cell.tied for cell in cells):
        lines.append(
            "≈ Not significantly different from the best measured value of the column (Wilcoxon's signed-rank test over"
            f" the {table.info.units}, Holm's correction over the pairs of methods, 5 %)."
        )
    if any(cell.incomplete for cell in cells):
        lines.append(
            f"† Mean over k/n {table.info.units} only, because the others failed, are not computed or have no"
            " defined value; such a value is not ranked."
        )
    lines += [f"‡ {row.title} on {'; '.join(row.remarks)}." for row in table.rows if row.remarks]
    for source in table.published:
        if any(row.published == source.name for row in table.rows):
            ranked = _ranked(table, source)
            lines.append(f"[{source.name}] Published, not measured here, {ranked}: {source.source.rstrip('.')}.")
            common = [group for group in table.datasets if group.dataset in source.datasets]
            unstated = ", ".join(group.title for group in common if group.dataset not in source.pairs)
            lines[-1] += f" Its number of samples is not known here for {unstated}." if unstated else ""
    different = [
        _counts(source, group)
        for source in table.published
        for group in table.datasets
        if _differs(table, source, group)
    ]
    if different:
        unknown = any("not known" in counts for counts in different)
        number = "another number of samples" + (", or over a number that is not known" if unknown else "")
        lines.append(f"* Published mean over {number}; not ranked ({'; '.join(different)}).")
    return lines


def _ranked(table: Table, source: PublishedTable) -> str:
    """Beside which data sets' measured values a published table's compete."""
    rows = {row.key for row in table.rows if row.published == source.name}
    having = {dataset for row, dataset, _ in table.cells if row in rows}
    present = [group for group in table.datasets if group.dataset in having]
    groups = [
        group
        for group in present
        if any(
            key[0] in rows
            for metric in group.metrics
            for key in competing(table.cells, table.rows, group.dataset, metric, table.rank_published)
        )
    ]
    if not groups:
        return "not ranked"
    if len(groups) == len(present):
        return "ranked with ours"
    return f"ranked with ours on {', '.join(group.title for group in groups)} only"


def _differs(table: Table, source: PublishedTable, group: Group) -> bool:
    """Whether cells of a published table carry the asterisk on a data set."""
    rows = [row for row in table.rows if row.published == source.name]
    cells = [cell for row in rows for cell in table.row_cells(row, group) if cell]
    return any(cell.other_pairs for cell in cells)


def _counts(source: PublishedTable, group: Group) -> str:
    known = source.pairs.get(group.dataset)
    if known is None:
        return f"{group.title}: not known in {source.name}, only the first {group.pairs} here"
    return f"{group.title}: {known} in {source.name}, {group.pairs} here"
