"""LaTeX with booktabs: a file that compiles by itself and that a paper can ``\\input``."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.reports import escape
from fusionbench.reports.caption import caption, notes
from fusionbench.reports.citations import bibliography
from fusionbench.reports.model import Cell, Mark, Size, Table
from fusionbench.reports.sheets import Entry, Sheet, number, sheets, spread
from fusionbench.reports.standalone import standalone

# More columns than a page of 10 pt text holds: the table is scaled to the width of the text.
WIDEST = 11

_BEST: dict[Mark, tuple[str, str, str]] = {
    "bold-underline": (r"\textbf{%s}", r"\underline{%s}", r"\textit{%s}"),
    "color": (r"\textcolor{red}{%s}", r"\textcolor{blue}{%s}", r"\textcolor{green!50!black}{%s}"),
    "boxes": (r"\cellcolor{red!30}%s", r"\cellcolor{orange!30}%s", r"\cellcolor{yellow!40}%s"),
    "none": ("%s", "%s", "%s"),
}
_SIZES: dict[Size, str] = {"small": r"\small", "footnotesize": r"\footnotesize", "scriptsize": r"\scriptsize"}
# Text, so that a number can be bold or italic like the text around it.
_ALIGNED = r"\sisetup{mode=text, reset-text-series=false, reset-text-shape=false}"


def render(table: Table) -> str:
    """The table as pure ASCII LaTeX; begins with a comment that says where it comes from."""
    blocks = sheets(table)
    width = max(len(block.header) for block in blocks)
    paged = table.layout == "long" or table.paper.longtable
    wide = not paged and (table.paper.size == "fit" or (table.paper.size == "auto" and width > WIDEST))
    packages = ["booktabs"]
    packages += {"color": ["xcolor"], "boxes": ["[table]xcolor"]}.get(table.mark, [])
    packages += ["longtable"] * paged
    packages += ["graphicx"] * wide
    packages += ["siunitx"] * table.paper.align_decimals
    body = _longtable(table, blocks, width) if paged else _float(table, blocks, width, wide)
    return standalone(_provenance(table), packages, body)


def _provenance(table: Table) -> list[str]:
    return [
        f"Table by fusionbench {table.info.version}; metric profile {', '.join(table.profiles) or 'none'}.",
        *(f"From {run}" for run in table.info.runs),
        *(
            f"Data {group.title}: {group.pairs} {table.info.units}, digest {table.info.data[group.dataset]}"
            for group in table.datasets
            if group.dataset in table.info.data
        ),
        *([f"Made by {table.info.command}"] if table.info.command else []),
    ]


def _float(table: Table, blocks: list[Sheet], width: int, wide: bool) -> list[str]:
    lines = [
        r"\begin{table}[tbp]",
        r"\centering",
        *_setup(table),
        r"\setlength{\belowcaptionskip}{6pt}",
        _caption(table),
    ]
    lines += [r"\resizebox{\textwidth}{!}{%"] if wide else []
    lines += [rf"\begin{{tabular}}{{{_columns(table, blocks)}}}", r"\toprule"]
    for index, block in enumerate(blocks):
        lines += [r"\midrule"] if index else []
        lines += [*_head(block, table, width), r"\midrule", *_body(block, table, blocks, width)]
    lines += [r"\bottomrule", r"\end{tabular}%" if wide else r"\end{tabular}"]
    lines += ["}"] if wide else []
    return [*lines, r"\end{table}"]


def _longtable(table: Table, blocks: list[Sheet], width: int) -> list[str]:
    """A table over several pages; the heading of the only, or the first, block is repeated on each."""
    first, *others = blocks
    lines = [
        "{",
        *_setup(table),
        rf"\begin{{longtable}}{{{_columns(table, blocks)}}}",
        _caption(table) + r" \\",
        r"\toprule",
        *_head(first, table, width),
        r"\midrule",
        r"\endhead" if not others else r"\endfirsthead",
        *([r"\endhead"] if others else []),
        *_body(first, table, blocks, width),
    ]
    for block in others:
        lines += [r"\midrule", *_head(block, table, width), r"\midrule", *_body(block, table, blocks, width)]
    return [*lines, r"\bottomrule", r"\end{longtable}", "}"]


def _setup(table: Table) -> list[str]:
    lines = [_SIZES[table.paper.size]] if table.paper.size in _SIZES else []
    return lines + [_ALIGNED] * table.paper.align_decimals


def _caption(table: Table) -> str:
    first = caption(table)
    if first[-1:].isalnum():
        first += "."
    sentences = " ".join(escape.latex(sentence) for sentence in [first, *notes(table)])
    label = rf"\label{{{table.paper.label}}}" if table.paper.label else ""
    return rf"\caption{{{sentences}}}{label}"


def _columns(table: Table, blocks: Sequence[Sheet]) -> str:
    """What the columns are aligned at. Numbers aligned at their point are boxes of one width, signs stand behind."""
    labels = blocks[0].labels
    width = max(len(block.header) for block in blocks)
    return "l" * labels + ("l" if table.paper.align_decimals else "r") * (width - labels)


def _format(table: Table, blocks: Sequence[Sheet], column: int) -> str:
    """The ``table-format`` of a column aligned at the decimal point, ``-3.2``; empty for others."""
    if not table.paper.align_decimals:
        return ""
    entries = [line[column] for block in blocks for line in block.lines if column < len(line)]
    if not entries or any(isinstance(entry, str) or (entry and entry.scientific) for entry in entries):
        return ""
    shown = [number(entry, table.decimals) for entry in entries if isinstance(entry, Cell) and entry.mean is not None]
    digits = max((len(text.lstrip("-").partition(".")[0]) for text in shown), default=1)
    sign = "-" if any(text.startswith("-") for text in shown) else ""
    return f"{sign}{digits}.{table.decimals}"


def _head(block: Sheet, table: Table, width: int) -> list[str]:
    padding = [""] * (width - len(block.header))
    lines = []
    if block.title:
        lines = [rf"\multicolumn{{{width}}}{{c}}{{{escape.latex(block.title)}}} \\", r"\midrule"]
    if block.spans:
        column, rules = block.labels + 1, []
        for _, columns in block.spans:
            rules.append(rf"\cmidrule(lr){{{column}-{column + columns - 1}}}")
            column += columns
        spans = [rf"\multicolumn{{{columns}}}{{c}}{{{escape.latex(text)}}}" for text, columns in block.spans]
        lines += [_line([*[""] * block.labels, *spans]), " ".join(rules)]
    heads = [escape.latex(text) for text in block.header]
    if table.paper.align_decimals:
        heads[block.labels :] = [rf"\multicolumn{{1}}{{c}}{{{text}}}" for text in heads[block.labels :]]
    return [*lines, _line([*heads, *padding])]


def _body(block: Sheet, table: Table, blocks: Sequence[Sheet], width: int) -> list[str]:
    padding = [""] * (width - len(block.header))
    formats = [_format(table, blocks, column) for column in range(len(block.header))]
    keys = _keys(table)
    lines = []
    for index, line in enumerate(block.lines):
        entries = [_entry(entry, table, place) for entry, place in zip(line, formats, strict=True)]
        if block.rows and block.rows[index].key in keys:
            entries[block.method] += rf"~\cite{{{keys[block.rows[index].key]}}}"
        lines += [r"\midrule"] if index == block.divider else []
        lines.append(_line([*entries, *padding]))
    return lines


def _keys(table: Table) -> dict[str, str]:
    """Citation key by row, where the paper wants them."""
    if not table.paper.cite:
        return {}
    keys, _ = bibliography(table.info.papers.values())
    return {row: keys[paper] for row, paper in table.info.papers.items()}


def _line(entries: list[str]) -> str:
    return " & ".join(entries).strip() + r" \\"


def _entry(entry: Entry, table: Table, place: str) -> str:
    """A field; ``place`` is the ``table-format`` of a column aligned at the decimal point, else empty."""
    if entry is None:
        return escape.latex("–")
    return _number(entry, table, place) if isinstance(entry, Cell) else escape.latex(entry)


def _typeset(number: str) -> str:
    """``-1.28e-07`` as -1.28 x 10^-7, whose digits can be bold and underlined."""
    digits, _, exponent = number.partition("e")
    power = rf"$\times$10$^{{{int(exponent)}}}$" if exponent else ""
    return digits.replace("-", "$-$") + power


def _number(cell: Cell, table: Table, place: str) -> str:
    text = number(cell, table.decimals)
    if cell.mean is None:
        text = escape.latex(text)
    else:
        # Boxed, since otherwise it spreads over the column and pushes away what stands behind it.
        text = rf"\mbox{{\tablenum[table-format={place}]{{{text}}}}}" if place else _typeset(text)
    if cell.rank:
        text = _BEST[table.mark][cell.rank - 1] % text
    return text + _behind(cell, table)


def _behind(cell: Cell, table: Table) -> str:
    """What stands behind a mean: its spread, and the signs that the notes explain."""
    width = spread(cell, table.decimals)
    text = rf"\,{{\scriptsize$\pm$\,{_typeset(width)}}}" if width else ""
    text += r"$^{\approx}$" * cell.tied
    if cell.incomplete:
        text += rf"$^{{\dagger {cell.n}/{cell.expected}}}$"
    return text + ("$^{*}$" if cell.other_pairs else "")
