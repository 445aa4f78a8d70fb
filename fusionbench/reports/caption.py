"""What the text around a table says, in plain text; each format escapes it for itself."""

from __future__ import annotations

from fusionbench.reports.model import Mark, Table

_MARKS: dict[Mark, str] = {
    "bold-underline": "Best value in bold, second best underlined",
    "color": "Best value in red, second best in blue",
}


def caption(table: Table) -> str:
    """One or two sentences: what the numbers are, the convention and the version behind them."""
    datasets = ", ".join(f"{group.title} ({group.pairs} {_pairs(group.pairs)})" for group in table.groups)
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
        lines.append(
            f"{_MARKS[mark]}, along the arrow (↑ higher, ↓ lower is better); equal printed values share a mark."
        )
    if any(cell.incomplete for cell in cells):
        lines.append(
            "† Mean over k/n samples only, because the others failed, are not computed or have no defined value;"
            " such a value is not ranked."
        )
    lines += [f"‡ {row.title} on {'; '.join(row.remarks)}." for row in table.rows if row.remarks]
    for source in table.published:
        if any(row.published == source.name for row in table.rows):
            ranked = "ranked with ours" if table.rank_published else "not ranked"
            lines.append(f"[{source.name}] Published, not measured here, {ranked}: {source.source.rstrip('.')}.")
            common = [group for group in table.groups if group.dataset in source.datasets]
            unstated = ", ".join(group.title for group in common if group.dataset not in source.pairs)
            lines[-1] += f" Its number of samples is not known here for {unstated}." if unstated else ""
    different = [
        f"{group.title}: {source.pairs[group.dataset]} in {source.name}, {group.pairs} here"
        for source in table.published
        for group in table.groups
        if source.pairs.get(group.dataset, group.pairs) != group.pairs and group.dataset in source.datasets
    ]
    if different:
        lines.append(f"* Published mean over another number of samples, not ranked ({'; '.join(different)}).")
    return lines


def _pairs(count: int) -> str:
    return "pair" if count == 1 else "pairs"
