"""Charts of scores: boxes, violins, radar, quality against cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.reports.plots.style import (
    ACCENT,
    CENTIMETRE,
    EDGE,
    FILL,
    GREY,
    INK,
    PALE,
    SERIES,
    SMALL,
    fitted,
    legible,
    measured,
    sheet,
)
from fusionbench.types import UsageError
from fusionbench.types.specs import arrow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

FEWEST_FOR_VIOLIN = 10
HIGHLIGHTED = len(SERIES)
NAME = 3.2
"""Centimetres that a method's name takes at most."""
LABEL, LEGEND = 1.8, 3.3
"""Centimetres of a metric's name and of the legend of a radar."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A metric's values by method.

    Attributes:
        label: The metric.
        higher_is_better: Its direction.
        values: Title of the method -> finite values over samples, in the order in which they are drawn.
    """

    label: str
    higher_is_better: bool
    values: Mapping[str, np.ndarray]

    @property
    def heading(self) -> str:
        """The label with the direction as an arrow."""
        return f"{self.label} {arrow(self.higher_is_better)}"

    @property
    def ordered(self) -> list[str]:
        """The methods, best median first."""
        sign = -1 if self.higher_is_better else 1
        return sorted(self.values, key=lambda name: sign * float(np.median(self.values[name])))


def distributions(
    scores: Sequence[Scores], *, width: float = 17.5, violins: bool = False, units: str = "samples"
) -> Figure:
    """A box, or a violin with its median and quartiles, for each method; a panel for each metric, best median on top.

    Boxes span the quartiles, whiskers go to the farthest value within 1.5 times their distance. ``units`` says what the
    values are of.

    Raises:
        UsageError: Violins of fewer than ten values.
    """
    if violins:
        few = min((len(v) for score in scores for v in score.values.values()), default=0)
        if few < FEWEST_FOR_VIOLIN:
            raise UsageError(
                f"a violin of {few} {units} would show a shape that nobody measured.",
                hint=f"It needs {FEWEST_FOR_VIOLIN} {units} or more; --kind box draws fewer.",
            )
    columns = max(1, min(len(scores), int(width // 5.8)))
    lines = math.ceil(len(scores) / columns)
    tallest = max(len(score.values) for score in scores)
    high = 0.42 * tallest + 1.0
    figure = sheet(width, high * lines)
    each = width / columns
    longest = max(measured(figure, legible(name), SMALL) for score in scores for name in score.values)
    name_width = min(longest + 0.3, NAME, each / 2)
    for place, score in enumerate(scores):
        line, column = divmod(place, columns)
        names = score.ordered
        x, y = column * each + name_width, (lines - line - 1) * high + 0.6
        axes = _panel(figure, x, y, each - name_width - 0.35, 0.42 * tallest - 0.1)
        values = [score.values[name] for name in names]
        where = list(range(len(names), 0, -1))
        if violins:
            _violins(axes, values, where)
        else:
            _boxes(axes, values, where)
        axes.set_yticks(where, [fitted(figure, name, name_width - 0.25, SMALL) for name in names])
        axes.set_ylim(0.3 + len(names) - tallest, len(names) + 0.7)
        axes.set_title(fitted(figure, score.heading, each - name_width), pad=3)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    return figure


def radar(scores: Sequence[Scores], *, width: float = 14.0) -> Figure:
    """Means over the samples, each metric scaled from its worst method (inner ring) to its best (rim).

    The six methods of best mean over the metrics are in colour, the others grey.

    Raises:
        UsageError: Fewer than three metrics, or fewer than two methods that have all of them.
    """
    names = [name for name in scores[0].values if all(name in score.values for score in scores)] if scores else []
    if len(scores) < 3 or len(names) < 2:
        raise UsageError(
            f"a radar needs three metrics and two methods that have them, not {len(scores)} and {len(names)}."
        )
    scaled = np.array([_scaled([float(score.values[name].mean()) for name in names], score) for score in scores])
    best = sorted(range(len(names)), key=lambda i: -float(scaled[:, i].mean()))
    side = width - 2 * (LABEL + 0.3) - LEGEND
    if side < 3:
        raise UsageError(f"a radar of {width:g} cm is too narrow to be read.", hint="Give it a --width of 11 or more.")
    figure = sheet(width, side + 1.3)
    axes = figure.add_axes(
        ((LABEL + 0.3) / width, 0.65 / (side + 1.3), side / width, side / (side + 1.3)), projection="polar"
    )
    angles = np.linspace(0, 2 * np.pi, len(scores), endpoint=False)
    round_ = np.append(angles, angles[0])
    for i in reversed(best):
        line = 0.25 + 0.75 * np.append(scaled[:, i], scaled[0, i])
        rank = best.index(i)
        colour = SERIES[rank] if rank < HIGHLIGHTED else PALE
        axes.plot(round_, line, color=colour, linewidth=1.3 if rank < HIGHLIGHTED else 0.8, zorder=3 - rank / 100)
        if rank < HIGHLIGHTED:
            axes.plot(angles, line[:-1], "o", color=colour, markersize=2.5, zorder=3 - rank / 100)
    axes.set_theta_offset(np.pi / 2)  # type: ignore[attr-defined]  # of polar axes
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]  # of polar axes
    axes.set_xticks(angles, [fitted(figure, score.heading, LABEL) for score in scores])
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = math.sin(angle)
        label.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
    axes.tick_params(axis="x", pad=0)
    axes.set_yticks([0.25, 0.5, 0.75, 1.0], [])
    axes.set_ylim(0, 1.0)
    axes.spines["polar"].set(edgecolor=GREY, linewidth=0.6)
    shown = best[:HIGHLIGHTED]
    _legend(figure, [names[i] for i in shown], SERIES, len(best) - len(shown), width)
    return figure


def cost(scores: Scores, seconds: Mapping[str, float], *, width: float = 8.5, one: str = "sample") -> Figure:
    """Mean quality against the median seconds that one sample takes, or what ``one`` says, on a logarithmic scale.

    The line joins the methods than which none is both faster and better.

    Raises:
        UsageError: No method has a time.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    points = {
        name: (seconds[name], float(values.mean()))
        for name, values in scores.values.items()
        if seconds.get(name, 0) > 0 and math.isfinite(seconds[name])
    }
    if not points:
        raise UsageError("the run has no times of the methods.", hint="Images that were fused elsewhere have none.")
    figure = sheet(width, 0.75 * width)
    axes = _panel(figure, 1.3, 1.0, width - 1.6, 0.75 * width - 1.3)
    axes.set_xscale("log")
    front = _front(points, scores.higher_is_better)
    axes.plot(*zip(*[points[name] for name in front], strict=True), color=ACCENT, linewidth=0.9, zorder=2)
    for name, (x, y) in points.items():
        axes.plot(x, y, "o", color=ACCENT if name in front else EDGE, markersize=3.5, zorder=3)
    # Written out: with mathematics switched off in names, powers of ten would be printed as their source.
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"seconds for one {one}")
    axes.set_ylabel(fitted(figure, scores.heading, 0.75 * width - 1.3))
    axes.grid()
    axes.margins(0.14, 0.12)
    _place_names(figure, axes, points, front)
    return figure


def _scaled(means: Sequence[float], score: Scores) -> np.ndarray:
    values = np.asarray(means) if score.higher_is_better else -np.asarray(means)
    span = np.ptp(values)
    return (values - values.min()) / span if span > 0 else np.ones_like(values)


def _boxes(axes: Axes, values: Sequence[np.ndarray], where: Sequence[int]) -> None:
    axes.boxplot(
        [list(v) for v in values],
        positions=where,
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": FILL, "edgecolor": EDGE, "linewidth": 0.7},
        whiskerprops={"color": EDGE, "linewidth": 0.7},
        capprops={"color": EDGE, "linewidth": 0.7},
        medianprops={"color": ACCENT, "linewidth": 1.1},
        flierprops={"marker": "o", "markersize": 2, "markerfacecolor": GREY, "markeredgewidth": 0},
    )


def _violins(axes: Axes, values: Sequence[np.ndarray], where: Sequence[int]) -> None:
    for v, y in zip(values, where, strict=True):
        if np.ptp(v) > 0:  # a density needs a spread
            drawn = axes.violinplot([list(v)], positions=[y], orientation="horizontal", widths=0.8, showextrema=False)
            for body in drawn["bodies"]:  # type: ignore[attr-defined]  # a list of them
                body.set(facecolor=FILL, edgecolor=EDGE, linewidth=0.6, alpha=1)
        low, middle, high = np.percentile(v, [25, 50, 75])
        axes.plot([low, high], [y, y], color=EDGE, linewidth=2.2, solid_capstyle="butt")
        axes.plot(middle, y, "o", color="white", markeredgecolor=ACCENT, markersize=3.2, markeredgewidth=0.9)


def _legend(figure: Figure, names: Sequence[str], colours: Sequence[str], others: int, width: float) -> None:
    from matplotlib.lines import Line2D

    room = LEGEND - 0.9
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=2.5, label=fitted(figure, name, room, SMALL))
        for name, colour in zip(names, colours, strict=False)
    ]
    if others:
        handles.append(Line2D([], [], color=PALE, label=f"{others} others"))
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=((width - LEGEND) / width, 0.5),
        frameon=False,
        handlelength=1.6,
    )


def _front(points: Mapping[str, tuple[float, float]], higher: bool) -> list[str]:
    """The methods than which none is both faster and better, fastest first."""
    front: list[str] = []
    for name in sorted(points, key=lambda n: (points[n][0], -points[n][1] if higher else points[n][1])):
        gain = points[name][1] - points[front[-1]][1] if front else math.inf
        if not front or (gain > 0 if higher else gain < 0):
            front.append(name)
    return front


def _place_names(figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]], front: Sequence[str]) -> None:
    """Write each name beside its point, where it covers the fewest other names and points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())  # settled, before places are measured
    renderer = FigureCanvasAgg(figure).get_renderer()
    unit = figure.dpi / 72
    taken = [
        Bbox.from_bounds(x - 2 * unit, y - 2 * unit, 4 * unit, 4 * unit)
        for x, y in axes.transData.transform(list(points.values()))
    ]
    corners = axes.transData.transform([points[name] for name in front])
    for start, end in itertools.pairwise(corners):
        along = np.linspace(0, 1, max(2, int(np.hypot(*(end - start)) / unit)))[:, None]
        taken += [Bbox.from_bounds(x - unit, y - unit, 2 * unit, 2 * unit) for x, y in start + along * (end - start)]
    inside = Bbox.from_bounds(*axes.get_window_extent(renderer).bounds).padded(3 * unit)
    sides = [(5, 0, "left", "center"), (-5, 0, "right", "center"), (0, 4, "center", "bottom"), (0, -4, "center", "top")]
    sides += [(4, 4, "left", "bottom"), (-4, 4, "right", "bottom"), (4, -4, "left", "top"), (-4, -4, "right", "top")]
    sides += [
        (0, 12, "center", "bottom"),
        (0, -12, "center", "top"),
        (12, 8, "left", "bottom"),
        (-12, -8, "right", "top"),
    ]
    for name in [*front, *(name for name in points if name not in front)]:
        text = axes.annotate(
            "", points[name], xytext=(0, 0), textcoords="offset points", fontsize=SMALL - 0.5, zorder=4
        )
        text.set_text(fitted(figure, name, 2.6, SMALL - 0.5))
        text.set_color(ACCENT if name in front else INK)
        chosen, least = sides[0], math.inf
        for side in sides:
            _put(text, side)
            box = text.get_window_extent(renderer)
            outside = 1e6 if not (inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)) else 0.0
            covered = outside + sum(_common(box, other) for other in taken)
            if covered < least:
                chosen, least = side, covered
            if covered == 0:
                break
        _put(text, chosen)
        taken.append(text.get_window_extent(renderer))


def _put(text: Text, side: tuple[float, float, str, str]) -> None:
    text.set(position=side[:2], ha=side[2], va=side[3])


def _common(a: Bbox, b: Bbox) -> float:
    """Area that two boxes share."""
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    high = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(wide * high) if wide > 0 and high > 0 else 0.0


def _panel(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    across, up = figure.get_figwidth() / CENTIMETRE, figure.get_figheight() / CENTIMETRE
    return figure.add_axes((x / across, y / up, width / across, height / up))
