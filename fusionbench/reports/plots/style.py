"""How all figures look: type, sizes, colours; and text that cannot act as a formula."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from fusionbench.extras import require
from fusionbench.printable import one_line, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1b1b1b"
GREY = "#8a8a8a"
PALE = "#d9d9d9"
FILL = "#9ecae1"
EDGE = "#08519c"
ACCENT = "#c8102e"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that people of every colour vision tell apart (Okabe and Ito, 2008)."""
FRAMES = ("#e4002b", "#00b050", "#1f77ff", "#ffb000")
"""Of details: they are seen on grey pictures and on coloured ones."""

CENTIMETRE = 1 / 2.54
SIZE = 8.0
"""Of type, in points: that of a paper's captions."""
SMALL = 7.0
_FONTS = ("STIXGeneral", "DejaVu Sans")  # both come with matplotlib, so every machine draws the same

_SETTINGS = {
    "font.family": list(_FONTS),
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.usetex": False,
    "pdf.fonttype": 42,  # TrueType: what journals ask for
    "svg.fonttype": "path",
    "svg.hashsalt": "fusionbench",  # the same figure is the same file
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
}


@contextmanager
def styled() -> Iterator[None]:
    """The settings of matplotlib for as long as a figure is made *and written*; afterwards they are as before.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="plot", purpose="a figure")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def sheet(width: float, height: float) -> Figure:
    """An empty figure of so many centimetres. It belongs to nobody else: no window, no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width * CENTIMETRE, height * CENTIMETRE))


def legible(text: str) -> str:
    """A name on one line in characters that the fonts have; others become their code point, ``[U+753B]``."""
    known = _glyphs()
    return "".join(c if ord(c) in known else f"[U+{ord(c):04X}]" for c in printable(one_line(text)))


def fitted(figure: Figure, text: str, width: float, size: float = SIZE) -> str:
    """A legible name, cut with an ellipsis where it is wider than ``width`` centimetres."""
    text = legible(text)
    if measured(figure, text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if measured(figure, text[:middle].rstrip() + "…", size) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


def measured(figure: Figure, text: str, size: float = SIZE) -> float:
    """Width of a text in centimetres."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    found = figure.text(0, 0, text, fontsize=size)
    box = found.get_window_extent(renderer)
    found.remove()
    return float(box.width / figure.dpi / CENTIMETRE)


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(code for name in _FONTS for code in get_font(findfont(name)).get_charmap())
