"""What a comparison of methods found, as plain values; every output is a pure function of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from fusionbench.reports.model import UNIT, units_of

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.reports.statistics import Block

Per: TypeAlias = Literal["task", "dataset"]
"""What is compared by itself."""
Coefficient: TypeAlias = Literal["kendall", "spearman"]
LEVEL = 0.05
"""Significance level of all tests, unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods by one metric.

    Attributes:
        better, worse: The methods, by the sign of ``difference``.
        difference: Median of better minus worse in the metric's own direction.
        effect: Matched-pairs rank-biserial correlation, -1 to 1; 1 if ``better`` always wins.
        wins, ties, losses: Blocks, of ``better``.
        p: Of Wilcoxon's signed-rank test, two-sided.
        p_holm: Corrected for the pairs of the metric.
        p_nemenyi: Of Nemenyi's test of the mean ranks.
    """

    better: str
    worse: str
    difference: float
    effect: float
    wins: int
    ties: int
    losses: int
    p: float
    p_holm: float
    p_nemenyi: float

    @property
    def members(self) -> frozenset[str]:
        """Both methods."""
        return frozenset((self.better, self.worse))


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """The methods by one metric.

    Attributes:
        metric: Its key.
        label: How it is printed.
        ranks: Method -> mean rank over the blocks, best first; 1 is best.
        n: How many blocks every method has.
        left_out: Blocks that some method lacks.
        statistic: Of Friedman's test, chi-squared; NaN where it cannot be made.
        p: Its p-value.
        concordance: Kendall's W, from 0 (ranks by chance) to 1 (every block ranks alike).
        critical_difference: Of mean ranks, by Nemenyi.
        pairs: All pairs of methods.
        autocorrelation: Of ranks between neighbouring blocks of a data set; NaN with too few.
    """

    metric: str
    label: str
    ranks: Mapping[str, float]
    n: int
    left_out: int
    statistic: float
    p: float
    concordance: float
    critical_difference: float
    pairs: tuple[Pair, ...]
    autocorrelation: float

    @property
    def first(self) -> str:
        """The method of the best mean rank."""
        return next(iter(self.ranks))

    def alike(self, level: float) -> tuple[str, ...]:
        """The methods that do not differ significantly from the first (Wilcoxon, Holm), best first."""
        same = {
            name for pair in self.pairs if self.first in pair.members and pair.p_holm >= level for name in pair.members
        }
        return tuple(name for name in self.ranks if name in same and name != self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How metrics agree with each other; every value is of metrics turned so that higher is better.

    Attributes:
        metrics: Keys.
        over_methods: Correlation of two metrics over the methods of one image, averaged over the images.
        over_images: Correlation over the images of one method, averaged over the methods.
    """

    metrics: tuple[str, ...]
    coefficient: Coefficient
    over_methods: Mapping[tuple[str, str], float]
    over_images: Mapping[tuple[str, str], float]


def ranked_within(block: Block, unit: str) -> str:
    """What methods are ranked within, in the plural: data sets, or what the rows of a data set count."""
    return "data sets" if block == "dataset" else units_of(unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What was compared together: the data sets of a task, one data set, or the means of all data sets.

    Attributes:
        name: Task or data set; ``all`` across data sets.
        title: How it is called in print.
        block: What is ranked within: ``sample`` or ``dataset``.
        datasets: Names of its data sets.
        tests: A metric each.
        unit: What a row of the runs counts, in the singular.
        agreement: None with fewer than two metrics or methods.
        cautions: What a reader must know before believing the numbers, in sentences.
    """

    name: str
    title: str
    block: Block
    datasets: tuple[str, ...]
    tests: tuple[Test, ...]
    unit: str = UNIT
    agreement: Agreement | None = None
    cautions: tuple[str, ...] = ()

    @property
    def units(self) -> str:
        """What is ranked within, in the plural."""
        return ranked_within(self.block, self.unit)

    @property
    def overall(self) -> dict[str, float]:
        """Mean over the metrics of the mean ranks of the methods that all tests have, best first."""
        common = [name for name in self.tests[0].ranks if all(name in test.ranks for test in self.tests)]
        means = {name: sum(test.ranks[name] for test in self.tests) / len(self.tests) for name in common}
        return dict(sorted(means.items(), key=lambda item: item[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """How a fusion metric orders methods in comparison with a downstream score.

    Attributes:
        metric: Its key.
        value: Correlation over the methods, 1 where it orders them as the downstream score does.
        low, high: 95 % bootstrap interval over methods and seeds.
        p: Two-sided, of a permutation of the methods.
        p_holm: Corrected for the number of metrics.
        n: Methods that have both.
    """

    metric: str
    value: float
    low: float
    high: float
    p: float
    p_holm: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Which fusion metric predicts a downstream score on one data set.

    Attributes:
        name, title: Of the data set, in the downstream run and in print.
        target: Key of the downstream score.
        methods: Methods that it was made of.
        left_out: Methods with a downstream score and without fusion scores, such as single sources.
        seeds: Trainings of each.
        predictors: The metrics, the best first.
        cautions: As of :class:`Scope`.
    """

    name: str
    title: str
    target: str
    coefficient: Coefficient
    methods: tuple[str, ...]
    left_out: tuple[str, ...]
    seeds: int
    predictors: tuple[Predictor, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was found.

    Attributes:
        scopes: Each compared by itself.
        level: Significance level.
        titles: Method -> how it is printed.
        labels: Metric key -> how it is printed.
        runs: What was compared.
        against: The downstream run that the metrics were held against, if any.
        predictions: What came of that, for each of its data sets and scores.
    """

    scopes: tuple[Scope, ...]
    level: float
    titles: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    against: str = ""
    predictions: tuple[Prediction, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Everything as a tidy frame: ``scope, test, metric, a, b, quantity, value``.

        ``test`` is ``ranks`` (of method ``a``), ``friedman``, ``pair`` (methods ``a`` and ``b``), ``agreement`` (of
        ``metric`` with metric ``b``) or ``prediction`` (of the downstream score ``b`` by ``metric``).
        """
        from fusionbench.reports.comparison.tidy import tidy

        return tidy(self)

    def _repr_html_(self) -> str:
        from fusionbench.reports.comparison.formats import as_html

        return as_html(self)
