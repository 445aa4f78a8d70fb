"""Figures of a comparison: the critical-difference diagram, and the agreement of metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.reports.comparison.model import Agreement, Test
from fusionbench.reports.plots.style import ACCENT, CENTIMETRE, INK, SIZE, SMALL, fitted, sheet
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEP = 0.42
"""Centimetres between names."""
NAME = 3.0
"""Centimetres of a name, on either side."""


def cliques(ranks: Sequence[float], critical: float) -> list[tuple[int, int]]:
    """The longest stretches of methods, best first, whose mean ranks differ by less than the critical difference.

    Args:
        ranks: In rising order.
        critical: The critical difference.

    Returns:
        First and last place of each stretch of two or more; none lies within another.
    """
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = max(i for i in range(first, len(ranks)) if ranks[i] - ranks[first] < critical)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def critical_differences(tests: Sequence[Test], titles: Mapping[str, str], *, width: float = 12.0) -> Figure:
    """A critical-difference diagram for each test (Demšar, JMLR 7, 2006): bars join what does not differ by Nemenyi's.

    Raises:
        UsageError: A test has fewer than three methods.
    """
    if not tests or min(len(test.ranks) for test in tests) < 3:
        raise UsageError("a critical-difference diagram needs three methods or more.")
    heights = [_height(test) for test in tests]
    figure = sheet(width, sum(heights))
    top: float = sum(heights)
    for test, height in zip(tests, heights, strict=True):
        up = sum(heights)
        axes = figure.add_axes((0.0, (top - height) / up, 1.0, height / up))
        axes.set(xlim=(0, width), ylim=(-height, 0))
        axes.axis("off")
        _diagram(axes, test, titles, width)
        top -= height
    return figure


def agreement_matrix(found: Agreement, labels: Mapping[str, str], *, width: float = 8.5) -> Figure:
    """The correlations of metrics as a matrix of colours: over methods above the diagonal, over images below."""
    count = len(found.metrics)
    values = np.full((count, count), np.nan)
    for i, one in enumerate(found.metrics):
        for j, other in enumerate(found.metrics[i + 1 :], start=i + 1):
            values[i, j] = found.over_methods[one, other]
            values[j, i] = found.over_images[one, other]
    side = width - 1.6 - 1.5
    across, up = width, side + 2.0
    figure = sheet(across, up)
    axes = figure.add_axes((1.6 / across, (up - 0.75 - side) / up, side / across, side / up))
    drawn = axes.imshow(values, cmap="RdBu", vmin=-1, vmax=1, interpolation="none")
    names = [fitted(figure, labels.get(key, key), 1.45, SMALL) for key in found.metrics]
    axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), names)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    size = min(SMALL, 0.36 * 72 * CENTIMETRE * side / count)
    for i, j in np.ndindex(count, count):
        if math.isfinite(values[i, j]):
            colour = "white" if abs(values[i, j]) > 0.65 else INK
            text = f"{round(float(values[i, j]), 2) + 0.0:.2f}".replace("-", "−").replace("0.", ".", 1)
            axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    name = {"kendall": "Kendall's τ", "spearman": "Spearman's ρ"}[found.coefficient]
    bar = figure.colorbar(
        drawn, cax=figure.add_axes(((1.6 + side + 0.25) / across, (up - 0.75 - side) / up, 0.22 / across, side / up))
    )
    bar.outline.set_linewidth(0.4)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1])
    bar.ax.tick_params(labelsize=SMALL, length=2)
    axes.set_title(f"{name}: over methods (above), over images (below)", pad=4, fontsize=SMALL, x=0.55)
    return figure


def _bars(test: Test) -> int:
    return len(cliques(list(test.ranks.values()), test.critical_difference))


def _height(test: Test) -> float:
    return 2.35 + STEP * math.ceil(len(test.ranks) / 2) + 0.16 * _bars(test)


def _diagram(axes: Axes, test: Test, titles: Mapping[str, str], width: float) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    names, ranks = list(test.ranks), list(test.ranks.values())
    count = len(ranks)
    left, right = NAME + 0.3, width - NAME - 0.3
    line = -1.75

    def at(rank: float) -> float:
        return left + (rank - 1) / (count - 1) * (right - left)

    axes.text(0.1, -0.25, fitted(figure, f"{test.label} (n = {test.n})", 4.5), ha="left", va="center", weight="bold")
    # The critical difference as a length on the scale.
    length = min(at(1 + test.critical_difference), right) - left
    axes.plot([left, left + length], [-0.8, -0.8], color=ACCENT, linewidth=1.0)
    for x in (left, left + length):
        axes.plot([x, x], [-0.72, -0.88], color=ACCENT, linewidth=1.0)
    cut = " (beyond the scale)" if test.critical_difference > count - 1 else ""
    axes.text(
        left + length / 2, -0.63, f"CD = {test.critical_difference:.2f}{cut}", ha="center", va="bottom", color=ACCENT
    )
    axes.plot([left, right], [line, line], color=INK, linewidth=0.8)
    every = 1 if count <= 16 else 2 if count <= 32 else 5
    for rank in range(1, count + 1):
        long = (rank - 1) % every == 0
        axes.plot([at(rank)] * 2, [line, line + (0.16 if long else 0.09)], color=INK, linewidth=0.8)
        if long:
            axes.text(at(rank), line + 0.22, str(rank), ha="center", va="bottom", fontsize=SMALL)
    bars = cliques(ranks, test.critical_difference)
    for number, (first, last) in enumerate(bars):
        bar = line - 0.2 - 0.16 * number
        axes.plot([at(ranks[first]) - 0.06, at(ranks[last]) + 0.06], [bar, bar], color=INK, linewidth=2.2)
    below = line - 0.35 - 0.16 * len(bars)
    half = math.ceil(count / 2)
    for place, (name, value) in enumerate(zip(names, ranks, strict=True)):
        on_left = place < half
        y = below - STEP * ((place if on_left else count - 1 - place) + 0.3)
        end = left - 0.15 if on_left else right + 0.15
        axes.plot([at(value), at(value), end], [line, y, y], color=INK, linewidth=0.6, solid_joinstyle="miter")
        text = fitted(figure, titles.get(name, name), NAME - 0.95)
        # The rank beside the name, so that the diagram can be read without a ruler.
        axes.text(
            end + (-0.1 if on_left else 0.1),
            y,
            f"{text}  {value:.2f}" if on_left else f"{value:.2f}  {text}",
            ha="right" if on_left else "left",
            va="center",
            fontsize=SIZE,
        )
