"""A comparison in each format: for a terminal, for papers, for programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from fusionbench import printable
from fusionbench.reports import escape
from fusionbench.reports.comparison.document import Grid, Section, Shown, document, of_scopes, reading
from fusionbench.reports.comparison.model import Agreement, Comparison
from fusionbench.reports.standalone import standalone
from fusionbench.types import UsageError

Format: TypeAlias = Literal["markdown", "csv", "json", "latex"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[str, Format] = {".md": "markdown", ".csv": "csv", ".json": "json", ".tex": "latex"}
SCHEMA = "fusionbench-comparison/1"


def format_for(name: str | None, path: Path | None) -> Format:
    """The format that is named, or whose suffix a file has; Markdown where neither says anything.

    Raises:
        UsageError: No format has the name or suffix.
    """
    if name is not None:
        known = next((known for known in FORMATS if known == name.lower()), None)
        if known is None:
            raise UsageError(f"format {name!r} is not one of {', '.join(FORMATS)}.")
        return known
    suffix = path.suffix.lower() if path else ""
    if suffix and suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: no format of comparisons has the suffix {suffix}; known are {', '.join(SUFFIXES)}.",
            hint="Use one of them, or say which format is meant with --format.",
        )
    return SUFFIXES[suffix] if suffix else "markdown"


def rendered(comparison: Comparison, format_name: Format, pairs: Shown = "first") -> str:
    """A comparison as text; CSV and JSON hold everything, whatever pairs are shown."""
    if format_name == "csv":
        return as_csv(comparison)
    if format_name == "json":
        return as_json(comparison)
    sections = document(comparison, pairs)
    return (as_markdown if format_name == "markdown" else as_latex)(sections, comparison)


def show(comparison: Comparison, console: Console, pairs: Shown = "first") -> None:
    """Print a comparison on a console of rich."""
    sections = document(comparison, pairs)
    for section in sections:
        console.print(_text(section.title, "bold"))
        for line in section.findings:
            console.print(_text(line))
        for line in section.cautions:
            console.print(_text(f"! {line}", "yellow"))
        for grid in section.grids:
            console.print(_rich(grid))
    for line in reading(sections):
        console.print(_text(line, "dim"))


def as_markdown(sections: Sequence[Section], comparison: Comparison) -> str:
    """Headings, lists and pipe tables."""
    lines: list[str] = []
    for section in sections:
        lines += [f"## {escape.markdown(section.title)}", ""]
        lines += [f"* {escape.markdown(line)}" for line in section.findings]
        lines += [f"* **Caution.** {escape.markdown(line)}" for line in section.cautions]
        for grid in section.grids:
            lines += ["", f"{escape.markdown(grid.caption)}:", "", *_pipes(grid)]
        lines.append("")
    lines += [part for line in reading(sections) for part in (escape.markdown(line), "")]
    return "\n".join(lines)


def as_latex(sections: Sequence[Section], comparison: Comparison) -> str:
    """Tables with captions; the sentences stand above each section as comments, the cautions also below it."""
    body: list[str] = []
    for section in sections:
        body += [f"% {escape.latex_comment(line)}" for line in (section.title, *section.findings, *section.cautions)]
        told = "".join(escape.latex(line) for line in reading([section])[:1] if section.units)
        for number, grid in enumerate(section.grids):
            note = f" {told}" if number == 0 else ""
            body += _long(grid) if len(grid.rows) > 30 else _float(grid, note)
        body += [rf"\noindent{{\footnotesize {escape.latex(line)}\par}}" for line in section.cautions]
    provenance = [f"Comparison by fusionbench of {', '.join(comparison.runs)}." if comparison.runs else "fusionbench"]
    return standalone(provenance, ["booktabs", "graphicx", "longtable"], body)


def as_csv(comparison: Comparison) -> str:
    """The tidy frame; see :meth:`Comparison.frame`."""
    frame = comparison.frame()
    for column in frame.columns:
        if column != "value":
            frame[column] = frame[column].map(escape.csv_text)
    return frame.to_csv(index=False, lineterminator="\n")


def as_json(comparison: Comparison) -> str:
    """Everything, with the sentences; what is no number is null."""
    scopes = []
    for scope, section in zip(comparison.scopes, of_scopes(comparison, "none"), strict=True):
        plain = asdict(scope)
        plain["findings"] = list(section.findings)
        plain["overall"] = scope.overall
        plain["agreement"] = _plain_agreement(scope.agreement)
        scopes.append(plain)
    whole = {
        "format": SCHEMA,
        "runs": list(comparison.runs),
        "level": comparison.level,
        "titles": dict(comparison.titles),
        "scopes": scopes,
    }
    if comparison.against:
        whole |= {"against": comparison.against, "predictions": [asdict(found) for found in comparison.predictions]}
    return json.dumps(_finite(whole), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def as_html(comparison: Comparison) -> str:
    """For notebooks."""
    parts = []
    for section in document(comparison):
        parts.append(f"<h4>{escape.html_text(section.title)}</h4><ul>")
        parts += [f"<li>{escape.html_text(line)}</li>" for line in section.findings]
        parts += [f"<li><b>Caution.</b> {escape.html_text(line)}</li>" for line in section.cautions]
        parts.append("</ul>")
        for grid in section.grids:
            head = "".join(f"<th>{escape.html_text(name)}</th>" for name in grid.header)
            rows = "".join(f"<tr>{''.join(_cells(grid, i, _html_cell))}</tr>" for i in range(len(grid.rows)))
            parts.append(f"<table><caption>{escape.html_text(grid.caption)}</caption><tr>{head}</tr>{rows}</table>")
    return "".join(parts)


def _text(text: str, style: str = "") -> Text:
    return Text(printable.printable(printable.one_line(text)), style=style)


def _rich(grid: Grid) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, title=_text(grid.caption), title_justify="left", title_style="italic")
    for index, name in enumerate(grid.header):
        table.add_column(_text(name), justify="left" if index < grid.labels else "right")
    for i, row in enumerate(grid.rows):
        if grid.foot and i == len(grid.rows) - grid.foot:
            table.add_section()
        table.add_row(*(_text(cell, "bold" if (i, j) in grid.strong else "") for j, cell in enumerate(row)))
    return table


def _pipes(grid: Grid) -> list[str]:
    sides = ["---" if index < grid.labels else "---:" for index in range(len(grid.header))]
    lines = [f"| {' | '.join(map(escape.markdown, grid.header))} |", f"| {' | '.join(sides)} |"]
    for i in range(len(grid.rows)):
        lines.append(f"| {' | '.join(_cells(grid, i, _markdown_cell))} |")
    return lines


def _cells(grid: Grid, row: int, write: Callable[[str, bool], str]) -> list[str]:
    return [write(cell, (row, column) in grid.strong) for column, cell in enumerate(grid.rows[row])]


def _markdown_cell(cell: str, strong: bool) -> str:
    return f"**{escape.markdown(cell)}**" if strong else escape.markdown(cell)


def _html_cell(cell: str, strong: bool) -> str:
    return f"<td>{'<b>' * strong}{escape.html_text(cell)}{'</b>' * strong}</td>"


def _latex_cell(cell: str, strong: bool) -> str:
    text = f"${cell}$" if re.fullmatch(r"-[\d.]+", cell) else escape.latex(cell)  # a minus, not a hyphen
    return rf"\textbf{{{text}}}" if strong else text


def _float(grid: Grid, note: str) -> list[str]:
    return [
        r"\begin{table}[tbp]",
        r"\centering",
        r"\setlength{\belowcaptionskip}{6pt}",
        rf"\caption{{{escape.latex(grid.caption)}.{note}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{_columns(grid)}}}",
        r"\toprule",
        rf"{' & '.join(map(escape.latex, grid.header))} \\",
        r"\midrule",
        *_latex_rows(grid),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]


def _long(grid: Grid) -> list[str]:
    head = rf"{' & '.join(map(escape.latex, grid.header))} \\"
    return [
        r"{\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\begin{{longtable}}{{{_columns(grid)}}}",
        rf"\caption{{{escape.latex(grid.caption)}.}}\\",
        *(r"\toprule", head, r"\midrule", r"\endfirsthead"),
        *(r"\toprule", head, r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endlastfoot"),
        *_latex_rows(grid),
        r"\end{longtable}}",
    ]


def _columns(grid: Grid) -> str:
    return "l" * grid.labels + "r" * (len(grid.header) - grid.labels)


def _latex_rows(grid: Grid) -> list[str]:
    lines = []
    for i in range(len(grid.rows)):
        if grid.foot and i == len(grid.rows) - grid.foot:
            lines.append(r"\midrule")
        lines.append(rf"{' & '.join(_cells(grid, i, _latex_cell))} \\")
    return lines


def _plain_agreement(found: Agreement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "coefficient": found.coefficient,
        "metrics": list(found.metrics),
        **{
            name: [{"a": a, "b": b, "value": value} for (a, b), value in getattr(found, name).items()]
            for name in ("over_methods", "over_images")
        },
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
