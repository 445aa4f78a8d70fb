"""A comparison as headings, sentences and grids of text, which every format then writes in its own way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from fusionbench.printable import counted
from fusionbench.reports.comparison.model import (
    Agreement,
    Coefficient,
    Comparison,
    Pair,
    Prediction,
    Scope,
    Test,
    ranked_within,
)
from fusionbench.reports.model import UNIT, units_of

Shown: TypeAlias = Literal["first", "all", "none"]
SHOWN: tuple[Shown, ...] = get_args(Shown)
"""Which pairs are listed: those of the first method, all, or none."""

READING = (
    "Ranks are means over {over} (1 is best; ties share the mean of theirs). Friedman's test asks whether the methods"
    " rank alike at all; Kendall's W says how far {units} agree on the order, from 0 to 1. CD is the difference of mean"
    " ranks from which two methods differ by Nemenyi's test. ≈ marks what does not differ significantly from the best"
    " of its column (Wilcoxon's signed-rank test, Holm)."
)
READING_PAIRS = (
    "The median difference is in the direction of the metric. The effect is the matched-pairs rank-biserial"
    " correlation: 1 where the better method always wins, 0 where neither does. A small p-value says that a difference"
    " is there, not that it is large."
)
READING_AGREEMENT = (
    "Above the diagonal: whether two metrics order the methods alike on {one}, averaged over the {several}. Below:"
    " whether they order the {several} alike, averaged over the methods. 1 is the same order, -1 the reverse."
)
READING_PREDICTION = (
    "A correlation with a downstream score is over the methods: 1 where the metric orders them as the score does, 0"
    " where it says nothing of it. The 95 % interval is a bootstrap over methods and seeds, p is of a permutation of"
    " the methods, corrected by Holm for the number of metrics."
)
COEFFICIENT_NAMES: dict[Coefficient, str] = {"kendall": "Kendall's tau-b", "spearman": "Spearman's rho"}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text.

    Attributes:
        caption: What it shows, a sentence.
        header: Of the columns; ``labels`` of them are text, the others numbers.
        rows: As wide as the header.
        strong: (row, column) of what is best.
        foot: The last so many rows are apart from the others.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1
    strong: frozenset[tuple[int, int]] = frozenset()
    foot: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A scope: its title, what was found, what to beware of, the numbers, and within what methods are ranked."""

    title: str
    findings: tuple[str, ...]
    cautions: tuple[str, ...]
    grids: tuple[Grid, ...]
    units: str = ""


def document(comparison: Comparison, pairs: Shown = "first") -> tuple[Section, ...]:
    """A section for each scope, then one for each prediction."""
    return (
        *of_scopes(comparison, pairs),
        *(_prediction(found, comparison) for found in comparison.predictions),
    )


def of_scopes(comparison: Comparison, pairs: Shown = "first") -> tuple[Section, ...]:
    """A section for each scope."""
    return tuple(
        Section(
            _title(scope),
            tuple(finding(test, comparison) for test in scope.tests),
            scope.cautions,
            tuple(_grids(scope, comparison, pairs)),
            scope.units,
        )
        for scope in comparison.scopes
    )


def reading(sections: Sequence[Section]) -> tuple[str, ...]:
    """How the numbers are read, as far as they occur."""
    headers = [grid.header for section in sections for grid in section.grids]
    units = list(dict.fromkeys(section.units for section in sections if section.units))
    own = [name for name in units if name != _MEANS]
    over = " or ".join(own)
    if _MEANS in units:
        over += f", or over {_MEANS} where their means are ranked" if own else _MEANS
    told = [READING.format(over=over, units=" or ".join(units))]
    if any("Effect" in header for header in headers):
        told.append(READING_PAIRS)
    if any(header[0] == "" for header in headers):
        one, several = ("an image", "images") if own == [units_of(UNIT)] else (f"a {own[0].removesuffix('s')}", own[0])
        told.append(READING_AGREEMENT.format(one=one, several=several))
    if any(header[1:3] == _PREDICTION_HEADER for header in headers):
        told.append(READING_PREDICTION)
    return tuple(told)


def finding(test: Test, comparison: Comparison) -> str:
    """What the tests say of a metric, in a sentence or two."""
    named = {name: comparison.titles.get(name, name) for name in test.ranks}
    first, level = named[test.first], comparison.level
    start = f"{test.label}: {first} ranks first ({test.ranks[test.first]:.2f} of {len(named)}"
    start += f", n = {test.n})."
    if math.isfinite(test.p):
        differ = "the methods differ" if test.p < level else "no difference between the methods is shown"
        start += f" Friedman: {differ} (p {_p(test.p, equals=True)}, W = {test.concordance:.2f})."
    significant = [pair for pair in test.pairs if pair.p_holm < level]
    if not significant:
        return f"{start} No pair differs significantly."
    same = [named[name] for name in test.alike(level)]
    if not same:
        return f"{start} It differs significantly from every other."
    return f"{start} Not significantly different from it: {', '.join(same)}."


def _title(scope: Scope) -> str:
    if scope.block == "dataset":
        return f"{scope.title}, on their means"
    return scope.title


def _grids(scope: Scope, comparison: Comparison, pairs: Shown) -> list[Grid]:
    grids = [_ranks(scope, comparison)]
    listed = _listed(scope, comparison, pairs)
    if listed is not None:
        grids.append(listed)
    if scope.agreement is not None:
        grids.append(_agreement(scope.agreement, comparison, scope))
    return grids


def _ranks(scope: Scope, comparison: Comparison) -> Grid:
    methods = list(dict.fromkeys([*scope.overall, *(name for test in scope.tests for name in test.ranks)]))
    several = len(scope.tests) > 1
    overall = scope.overall
    rows, strong = [], set()
    alike = {
        test.metric: set(test.alike(comparison.level))
        if any(pair.p_holm < comparison.level for pair in test.pairs)
        else set()
        for test in scope.tests
    }
    for line, method in enumerate(methods):
        cells = [comparison.titles.get(method, method)]
        for column, test in enumerate(scope.tests, start=1):
            rank = test.ranks.get(method)
            cells.append("–" if rank is None else f"{rank:.2f}{'≈' if method in alike[test.metric] else ''}")
            if rank is not None and rank == test.ranks[test.first]:
                strong.add((line, column))
        if several:
            cells.append(f"{overall[method]:.2f}" if method in overall else "–")
            if overall.get(method) == min(overall.values(), default=None):
                strong.add((line, len(cells) - 1))
        rows.append(tuple(cells))
    empty = ("",) if several else ()
    rows += [
        ("n", *(str(test.n) for test in scope.tests), *empty),
        ("Friedman p", *(_p(test.p) for test in scope.tests), *empty),
        ("Kendall's W", *(_number(test.concordance) for test in scope.tests), *empty),
        ("CD", *(f"{test.critical_difference:.2f}" for test in scope.tests), *empty),
    ]
    return Grid(
        f"Mean ranks, {scope.title}",
        ("Method", *(test.label for test in scope.tests), *(("Mean",) if several else ())),
        tuple(rows),
        strong=frozenset(strong),
        foot=4,
    )


def _listed(scope: Scope, comparison: Comparison, shown: Shown) -> Grid | None:
    if shown == "none":
        return None
    rows = []
    for test in scope.tests:
        pairs = [pair for pair in test.pairs if shown == "all" or test.first in pair.members]
        rows += [_pair(test.label, pair, comparison) for pair in pairs]
    header = ("Metric", "Better", "Worse", "Median diff.", "Effect", "W/T/L", "p", "p Holm", "p Nemenyi")
    what = "All pairs" if shown == "all" else "The pairs of the method that ranks first"
    return Grid(f"{what}, {scope.title}", header, tuple(rows), labels=3)


def _pair(label: str, pair: Pair, comparison: Comparison) -> tuple[str, ...]:
    return (
        label,
        comparison.titles.get(pair.better, pair.better),
        comparison.titles.get(pair.worse, pair.worse),
        f"{pair.difference:.3g}",
        f"{pair.effect:.2f}",
        f"{pair.wins}/{pair.ties}/{pair.losses}",
        _p(pair.p),
        _p(pair.p_holm),
        _p(pair.p_nemenyi),
    )


def _agreement(found: Agreement, comparison: Comparison, scope: Scope) -> Grid:
    labels = [comparison.labels.get(key, key) for key in found.metrics]
    rows = []
    for i, one in enumerate(found.metrics):
        cells = [labels[i]]
        for j, other in enumerate(found.metrics):
            if i == j:
                cells.append("·")
            else:
                cells.append(_number((found.over_methods[one, other]) if i < j else found.over_images[other, one]))
        rows.append(tuple(cells))
    name = COEFFICIENT_NAMES[found.coefficient]
    return Grid(f"How metrics agree ({name}), {scope.title}", ("", *labels), tuple(rows))


def _prediction(found: Prediction, comparison: Comparison) -> Section:
    target = found.target.partition("@")[0]
    rows, strong = [], set()
    for line, one in enumerate(found.predictors):
        interval = f"[{_number(one.low)}, {_number(one.high)}]"
        label = comparison.labels.get(one.metric, one.metric)
        rows.append((label, _number(one.value), interval, _p(one.p), _p(one.p_holm), str(one.n)))
        if one.p_holm < comparison.level:
            strong.add((line, 1))
    name = COEFFICIENT_NAMES[found.coefficient]
    caption = f"Which metric predicts {target} ({name} over methods), {found.title}"
    grid = Grid(
        caption, ("Metric", *_PREDICTION_HEADER, "p", "p Holm", "methods"), tuple(rows), strong=frozenset(strong)
    )
    return Section(f"Against {target}, {found.title}", _told(found, comparison, target), found.cautions, (grid,))


_PREDICTION_HEADER = ("Correlation", "95 % interval")
_MEANS = ranked_within("dataset", UNIT)


def _told(found: Prediction, comparison: Comparison, target: str) -> tuple[str, ...]:
    n = len(found.methods)
    sure = [one for one in found.predictors if one.p_holm < comparison.level]
    told = [f"{target} of {n} methods, {counted(found.seeds, 'seed')} each."]
    if found.left_out:
        named = [comparison.titles.get(name, name) for name in found.left_out]
        told[0] += f" Without fusion scores, and so not among them: {', '.join(named)}."
    for sign, what in ((1, "order the methods as it does"), (-1, "order them in reverse")):
        listed = [comparison.labels.get(one.metric, one.metric) for one in sure if one.value * sign > 0]
        if listed:
            told.append(f"Significantly, these metrics {what}: {', '.join(listed)}.")
    if not sure:
        told.append("No metric is shown to predict it.")
    return tuple(told)


def _p(p: float, *, equals: bool = False) -> str:
    if not math.isfinite(p):
        return "–"
    if p < 0.001:
        return "< 0.001" if equals else "<0.001"
    return f"{'= ' if equals else ''}{p:.3f}"


def _number(value: float) -> str:
    return f"{value:z.2f}" if math.isfinite(value) else "–"
