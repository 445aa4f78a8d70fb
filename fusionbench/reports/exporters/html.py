"""One small HTML page without scripts or anything from elsewhere."""

from __future__ import annotations

from fusionbench.reports.caption import caption, notes
from fusionbench.reports.escape import html_text
from fusionbench.reports.model import Cell, Mark, Table
from fusionbench.reports.sheets import Entry, Sheet, number, sheets, spread

_PAGE = "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1b1b1b; }"
_STYLE = """
table { border-collapse: collapse; border-block: 2px solid; margin-block: 1rem; }
caption { text-align: left; font-weight: 600; padding-block: .4rem; }
th, td { padding: .15rem .6rem; text-align: right; font-variant-numeric: tabular-nums; }
th[scope=row], td.text, th.text { text-align: left; font-weight: normal; }
th[scope=colgroup] { text-align: center; border-bottom: 1px solid; }
thead tr:last-child th, tr.before-published > * { border-bottom: 1px solid; }
.best-bold { font-weight: 700; } .second-underline { text-decoration: underline; } .third-italic { font-style: italic; }
.best-color { color: #c00000; } .second-color { color: #0040c0; } .third-color { color: #1a7f37; }
.best-box, .second-box, .third-box { padding: .1rem .3rem; border-radius: .2rem; }
.best-box { background: #f6b3ad; } .second-box { background: #fbd5a6; } .third-box { background: #fcf2a8; }
.spread { font-size: 80%; }
""".strip()

_CLASSES: dict[Mark, tuple[str, str, str]] = {
    "bold-underline": ("best-bold", "second-underline", "third-italic"),
    "color": ("best-color", "second-color", "third-color"),
    "boxes": ("best-box", "second-box", "third-box"),
}


def render(table: Table) -> str:
    """The table as a page of its own, UTF-8."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>fusionbench</title>\n'
        f"<style>\n{_PAGE}\n{_STYLE}\n</style>\n</head>\n<body>\n{_body(table)}\n</body>\n</html>\n"
    )


def fragment(table: Table) -> str:
    """The table as a part of a page, as a notebook shows it: its style reaches nothing else there."""
    return (
        f'<div class="fusionbench-table">\n<style>.fusionbench-table {{\n{_STYLE}\n}}</style>\n{_body(table)}\n</div>\n'
    )


def _body(table: Table) -> str:
    head = html_text(caption(table))
    body = "\n".join(_sheet(block, table) for block in sheets(table))
    remarks = "\n".join(f"<p>{html_text(note)}</p>" for note in notes(table))
    return f"<p>{head}</p>\n{body}\n{remarks}"


def _sheet(block: Sheet, table: Table) -> str:
    lines = ["<table>"]
    lines += [f"<caption>{html_text(block.title)}</caption>"] if block.title else []
    lines.append("<thead>")
    if block.spans:
        spans = "".join(
            f'<th scope="colgroup" colspan="{columns}">{html_text(text)}</th>' for text, columns in block.spans
        )
        lines.append(f"<tr>{'<th></th>' * block.labels}{spans}</tr>")
    heads = (
        f'<th scope="col"{_text_class(index < block.labels)}>{html_text(text)}</th>'
        for index, text in enumerate(block.header)
    )
    lines += [f"<tr>{''.join(heads)}</tr>", "</thead>", "<tbody>"]
    for index, line in enumerate(block.lines):
        before = ' class="before-published"' if block.divider is not None and index == block.divider - 1 else ""
        entries = "".join(_entry(entry, place, block, table) for place, entry in enumerate(line))
        lines.append(f"<tr{before}>{entries}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"])


def _text_class(is_text: bool) -> str:
    return ' class="text"' if is_text else ""


def _entry(entry: Entry, place: int, block: Sheet, table: Table) -> str:
    if entry is None:
        return "<td>–</td>"
    if isinstance(entry, Cell):
        return _number(entry, table)
    if block.labels == 1 and place == 0:
        return f'<th scope="row">{html_text(entry)}</th>'
    return f"<td{_text_class(place < block.labels)}>{html_text(entry)}</td>"


def _number(cell: Cell, table: Table) -> str:
    text = number(cell, table.decimals)
    if cell.rank and table.mark in _CLASSES:
        text = f'<span class="{_CLASSES[table.mark][cell.rank - 1]}">{text}</span>'
    if width := spread(cell, table.decimals):
        text += f' <span class="spread">± {width}</span>'
    text += "<sup>≈</sup>" * cell.tied
    if cell.incomplete:
        text += f"<sup>† {cell.n}/{cell.expected}</sup>"
    return f"<td>{text}{'<sup>*</sup>' if cell.other_pairs else ''}</td>"
