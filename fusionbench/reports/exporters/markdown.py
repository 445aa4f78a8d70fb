"""Markdown pipe tables, as GitHub and most other readers show them."""

from __future__ import annotations

from fusionbench.reports import escape
from fusionbench.reports.caption import caption, notes
from fusionbench.reports.model import Cell, Mark, Table
from fusionbench.reports.sheets import Entry, Sheet, number, sheets, spread

_MARKED = ("**%s**", "<u>%s</u>", "*%s*")


def render(table: Table) -> str:
    """Caption, tables, notes. Pipe tables know no colour: it is shown as bold, underlined and italic."""
    mark: Mark = "none" if table.mark == "none" else "bold-underline"
    parts = [escape.markdown(caption(table))]
    for block in sheets(table):
        parts += [f"### {escape.markdown(block.title)}"] if block.title else []
        parts.append("\n".join(_sheet(block, table)))
    parts += [escape.markdown(note) for note in notes(table, mark)]
    return "\n\n".join(parts) + "\n"


def _sheet(block: Sheet, table: Table) -> list[str]:
    # A pipe table has one header line, so the data set stands in every heading of its columns.
    groups = [text for text, columns in block.spans for _ in range(columns)]
    heads = [escape.markdown(text) for text in block.header]
    if len(block.spans) > 1:
        heads[block.labels :] = [
            f"{escape.markdown(group)}<br>{head}" for group, head in zip(groups, heads[block.labels :], strict=True)
        ]
    rule = ["---" if index < block.labels else "---:" for index in range(len(heads))]
    return [_line(heads), _line(rule), *(_line([_entry(entry, table) for entry in line]) for line in block.lines)]


def _line(entries: list[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _entry(entry: Entry, table: Table) -> str:
    if entry is None:
        return "–"
    if not isinstance(entry, Cell):
        return escape.markdown(entry)
    text = number(entry, table.decimals)
    if entry.rank and table.mark != "none":
        text = _MARKED[entry.rank - 1] % text
    if width := spread(entry, table.decimals):
        text += f" ± {width}"
    text += "≈" * entry.tied
    if entry.incomplete:
        text += f"† {entry.n}/{entry.expected}"
    return text + (r"\*" if entry.other_pairs else "")
