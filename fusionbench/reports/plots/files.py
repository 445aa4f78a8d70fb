"""Figures as files: PDF, PNG and SVG, and the LaTeX that includes them."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench import __version__
from fusionbench.reports import escape
from fusionbench.reports.standalone import standalone
from fusionbench.reports.writing import write_bytes, write_text
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".pdf", ".png", ".svg")
INCLUDE = "-include.tex"
"""Behind the name of the LaTeX: compiled by itself, it must not write its page over the figure."""
COLUMN = 9.0
"""Centimetres up to which a figure goes into one column of a paper."""
# Without the time of day: the same figure is the same file.
_METADATA = {
    "pdf": {"CreationDate": None, "Creator": f"fusionbench {__version__}", "Producer": None},
    "svg": {"Date": None, "Creator": f"fusionbench {__version__}"},
    "png": {"Software": f"fusionbench {__version__}"},
}


def planned(path: Path) -> list[Path]:
    """The files that a name stands for: itself if it has a suffix of :data:`SUFFIXES`, else all of them and LaTeX.

    Raises:
        UsageError: It has another suffix, or LaTeX could not include the file.
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return [path]
    if suffix in (".jpg", ".jpeg", ".tif", ".tiff", ".eps", ".gif", ".webp", ".bmp", ".ps", ".tex"):
        raise UsageError(
            f"{path}: figures are written as {', '.join(SUFFIXES)}.",
            hint="Without a suffix, all of these are written, and the LaTeX that includes the PDF.",
        )
    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", path.name):
        raise UsageError(
            f"LaTeX cannot include a figure called {path.name!r}.",
            hint="Take letters, digits and - _ + . for its name, or ask for one file, such as figure.pdf.",
        )
    return [path.with_name(path.name + suffix) for suffix in (*SUFFIXES, INCLUDE)]


def write_figure(
    figure: Figure, path: Path, *, caption: str, label: str = "", provenance: Sequence[str] = (), dpi: int = 300
) -> list[Path]:
    """Write a figure; within :func:`fusionbench.reports.plots.style.styled`.

    Args:
        figure: What was drawn.
        path: See :func:`planned`.
        caption, label: For the LaTeX, in plain text.
        provenance: Facts for a comment in the LaTeX.
        dpi: Dots per inch of the PNG.

    Returns:
        The files.

    Raises:
        UsageError: See :func:`planned`; or a file cannot be written.
    """
    files = planned(path)
    for file in files:
        if file.suffix == ".tex":
            width = figure.get_size_inches()[0] * 2.54
            write_text(file, latex(path.name, caption=caption, label=label, provenance=provenance, width=width))
            continue
        kind = file.suffix.lower()[1:]
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=dpi, metadata=_METADATA[kind])
        write_bytes(file, content.getvalue())
    return files


def latex(name: str, *, caption: str, label: str, provenance: Sequence[str], width: float) -> str:
    """The environment that includes ``name.pdf``; narrow ones for a column, wide ones for a page."""
    star = "" if width <= COLUMN else "*"
    lines = [
        rf"\begin{{figure{star}}}[tbp]",
        r"\centering",
        rf"\includegraphics[width=\linewidth]{{{name}.pdf}}",
        rf"\caption{{{escape.latex(caption)}}}",
        *([rf"\label{{{_label(label)}}}"] if label else []),
        rf"\end{{figure{star}}}",
    ]
    return standalone([f"Figure by fusionbench {__version__}.", *provenance], ["graphicx"], lines)


def _label(label: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:._+-]+", label):
        raise UsageError(f"{label!r} is no label of LaTeX.", hint="Letters, digits and : . _ + - such as fig:grid.")
    return label
