"""LaTeX with booktabs: a file that compiles by itself and that a paper can ``\\input``."""

from __future__ import annotations

from fusionbench.reports import escape
from fusionbench.reports.caption import caption, notes
from fusionbench.reports.model import Cell, Mark, Table
from fusionbench.reports.sheets import Entry, Sheet, number, sheets
from fusionbench.reports.standalone import standalone

# More columns than a page of 10 pt text holds: the table is scaled to the width of the text.
WIDEST = 11

_BEST: dict[Mark, tuple[str, str]] = {
    "bold-underline": (r"\textbf{%s}", r"\underline{%s}"),
    "color": (r"\textcolor{red}{%s}", r"\textcolor{blue}{%s}"),
    "none": ("%s", "%s"),
}


def render(table: Table) -> str:
    """The table as pure ASCII LaTeX; begins with a comment that says where it comes from."""
    blocks = sheets(table)
    width = max(len(block.header) for block in blocks)
    wide = table.layout != "long" and width > WIDEST
    packages = ["booktabs"]
    packages += ["xcolor"] * (table.mark == "color")
    packages += ["longtable"] * (table.layout == "long")
    packages += ["graphicx"] * wide
    body = _longtable(table, blocks[0]) if table.layout == "long" else _float(table, blocks, width, wide)
    return standalone(_provenance(table), packages, body)


def _provenance(table: Table) -> list[str]:
    facts = [
        f"Table by fusionbench {table.info.version}; metric profile {', '.join(table.profiles) or 'none'}.",
        *(f"From {run}" for run in table.info.runs),
        *([f"Made by {table.info.command}"] if table.info.command else []),
    ]
    return facts


def _float(table: Table, blocks: list[Sheet], width: int, wide: bool) -> list[str]:
    lines = [
        r"\begin{table}[tbp]",
        r"\centering",
        r"\setlength{\belowcaptionskip}{6pt}",
        rf"\caption{{{_sentences(table)}}}",
    ]
    lines += [r"\resizebox{\textwidth}{!}{%"] if wide else []
    lines += [rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}", r"\toprule"]
    for index, block in enumerate(blocks):
        if block.title:
            lines += [r"\midrule"] if index else []
            lines.append(rf"\multicolumn{{{width}}}{{c}}{{{escape.latex(block.title)}}} \\")
            lines.append(r"\midrule")
        lines += _sheet(block, table, width)
    lines += [r"\bottomrule", r"\end{tabular}%" if wide else r"\end{tabular}"]
    lines += ["}"] if wide else []
    return [*lines, r"\end{table}"]


def _longtable(table: Table, block: Sheet) -> list[str]:
    align = "l" * block.labels + "r" * (len(block.header) - block.labels)
    head, *body = _sheet(block, table, len(block.header))
    return [
        rf"\begin{{longtable}}{{{align}}}",
        rf"\caption{{{_sentences(table)}}} \\",
        r"\toprule",
        head,
        body[0],
        r"\endhead",
        *body[1:],
        r"\bottomrule",
        r"\end{longtable}",
    ]


def _sentences(table: Table) -> str:
    return " ".join(escape.latex(sentence) for sentence in [caption(table), *notes(table)])


def _sheet(block: Sheet, table: Table, width: int) -> list[str]:
    padding = [""] * (width - len(block.header))
    lines = []
    if block.spans:
        column, rules = block.labels + 1, []
        for _, columns in block.spans:
            rules.append(rf"\cmidrule(lr){{{column}-{column + columns - 1}}}")
            column += columns
        spans = [rf"\multicolumn{{{columns}}}{{c}}{{{escape.latex(text)}}}" for text, columns in block.spans]
        lines += [_line([*[""] * block.labels, *spans]), " ".join(rules)]
    lines += [_line([*map(escape.latex, block.header), *padding]), r"\midrule"]
    for index, line in enumerate(block.lines):
        lines += [r"\midrule"] if index == block.divider else []
        lines.append(_line([*(_entry(entry, table) for entry in line), *padding]))
    return lines


def _line(entries: list[str]) -> str:
    return " & ".join(entries).strip() + r" \\"


def _entry(entry: Entry, table: Table) -> str:
    if entry is None:
        return escape.latex("–")
    return _number(entry, table) if isinstance(entry, Cell) else escape.latex(entry)


def _typeset(number: str) -> str:
    """``-1.28e-07`` as -1.28 x 10^-7, whose digits can be bold and underlined."""
    digits, _, exponent = number.partition("e")
    power = rf"$\times$10$^{{{int(exponent)}}}$" if exponent else ""
    return digits.replace("-", "$-$") + power


def _number(cell: Cell, table: Table) -> str:
    text = number(cell, table.decimals)
    text = escape.latex(text) if cell.mean is None else _typeset(text)
    if cell.rank:
        text = _BEST[table.mark][cell.rank - 1] % text
    if cell.incomplete:
        text += rf"$^{{\dagger {cell.n}/{cell.expected}}}$"
    return text + ("$^{*}$" if cell.other_pairs else "")
