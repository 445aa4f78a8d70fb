"""Ranks, tests and intervals, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fusionbench.reports.statistics import average_ranks, bootstrap_means, friedman, holm, wilcoxon_holm
from fusionbench.types import UnknownNameError, UsageError
from tests.reports.frames import METRICS, tidy

# In all four samples a is below b is below c.
ORDERED = {("a", "road", "EN"): [1, 2, 3, 4], ("b", "road", "EN"): [2, 4, 6, 8], ("c", "road", "EN"): [3, 6, 9, 12]}


def lower(scores):
    return {(method, dataset, "MSE"): values for (method, dataset, _), values in scores.items()}


def test_average_ranks_follow_the_direction():
    ranks = average_ranks(tidy({**ORDERED, **lower(ORDERED)}), METRICS)
    assert ranks.to_numpy().tolist() == [
        ["EN@zhao", "c", 1.0, 4],
        ["EN@zhao", "b", 2.0, 4],
        ["EN@zhao", "a", 3.0, 4],
        ["MSE@zhao", "a", 1.0, 4],
        ["MSE@zhao", "b", 2.0, 4],
        ["MSE@zhao", "c", 3.0, 4],
    ]


def test_ties_share_the_mean_of_their_ranks():
    ranks = average_ranks(tidy({("a", "road", "EN"): [1, 5], ("b", "road", "EN"): [1, 2]}), METRICS)
    assert dict(zip(ranks["method"], ranks["rank"], strict=True)) == {"a": 1.25, "b": 1.75}


def test_only_samples_that_every_method_has_count():
    ranks = average_ranks(tidy({("a", "road", "EN"): [1, 5, None], ("b", "road", "EN"): [2, None, 1]}), METRICS)
    assert set(ranks["n"]) == {1}
    assert list(ranks["method"]) == ["b", "a"]


def test_blocks_may_be_data_sets():
    scores = {
        ("a", "road", "EN"): [1, 1, 9],
        ("b", "road", "EN"): [2, 2, 2],
        ("a", "tno", "EN"): [1],
        ("b", "tno", "EN"): [0],
    }
    ranks = average_ranks(tidy(scores), METRICS, block="dataset")
    assert ranks.to_numpy().tolist() == [["EN@zhao", "a", 1.0, 2], ["EN@zhao", "b", 2.0, 2]]


def test_metrics_without_a_direction_are_left_out():
    assert average_ranks(tidy({("a", "road", "TE"): [1], ("b", "road", "TE"): [2]}), METRICS).empty


def test_friedman_by_hand():
    # Rank sums 4, 8, 12: 12 / (4 * 3 * 4) * (16 + 64 + 144) - 3 * 4 * 4 = 8; with two degrees p = exp(-4).
    result = friedman(tidy(ORDERED), METRICS).iloc[0]
    assert result["statistic"] == pytest.approx(8.0)
    assert result["p"] == pytest.approx(math.exp(-4))
    assert (result["methods"], result["n"]) == (3, 4)


@pytest.mark.parametrize(
    "scores",
    [
        {("a", "road", "EN"): [1, 2], ("b", "road", "EN"): [2, 3]},
        {(method, "road", "EN"): [1, 2] for method in "abc"},
    ],
)
def test_friedman_says_nothing_where_it_cannot(scores):
    assert math.isnan(friedman(tidy(scores), METRICS)["p"].iloc[0])


def test_wilcoxon_by_hand():
    scores = {("a", "road", "EN"): [1, 2, 3, 4, 5], ("b", "road", "EN"): [1.1, 2.2, 3.3, 4.4, 5.5]}
    for frame in (tidy(scores), tidy(lower(scores))):
        row = wilcoxon_holm(frame, METRICS).iloc[0]
        # All five differences have one sign: 2 of 2^5 sign patterns are as extreme.
        assert row["p"] == pytest.approx(2 / 32)
        assert row["difference"] == pytest.approx(0.3)
        assert (row["better"], row["worse"]) == (("b", "a") if row["metric"] == "EN@zhao" else ("a", "b"))


def test_methods_that_never_differ_have_p_one():
    result = wilcoxon_holm(tidy({(m, "road", "EN"): [1, 2, 3] for m in "ab"}), METRICS)
    assert result["p_holm"].tolist() == [1.0]


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_bootstrap_intervals_cover_the_mean_and_do_not_depend_on_order():
    values = np.random.default_rng(3).normal(10, 2, size=200).tolist()
    frame = tidy({("a", "road", "EN"): [*values, None]})
    row = bootstrap_means(frame).iloc[0]
    assert row["n"] == 200
    assert row["low"] < row["mean"] < row["high"]
    # Two standard errors on either side, within what resampling leaves open.
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.std(values) / math.sqrt(200), rel=0.1)
    shuffled = frame.sample(frac=1, random_state=0)
    assert bootstrap_means(shuffled).iloc[0].to_dict() == row.to_dict()


def test_a_wider_level_gives_a_wider_interval():
    frame = tidy({("a", "road", "EN"): list(range(30))})
    narrow, wide = (bootstrap_means(frame, level=level).iloc[0] for level in (0.5, 0.99))
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


@pytest.mark.parametrize("settings", [{"level": 0}, {"level": 1.0}, {"resamples": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError):
        bootstrap_means(tidy({("a", "road", "EN"): [1]}), **settings)


@pytest.mark.parametrize("function", [average_ranks, friedman, wilcoxon_holm, bootstrap_means])
def test_metrics_are_given_by_name(function):
    frame = tidy({**ORDERED, **lower(ORDERED)})
    everything = function(frame)
    assert everything["metric"].unique().tolist() == ["EN@zhao", "MSE@zhao"]
    for names in ("EN", "en", "EN@zhao", ["EN"], [METRICS["EN@zhao"]], ("En@Zhao",)):
        expected = everything[everything["metric"] == "EN@zhao"].reset_index(drop=True)
        assert function(frame, names).equals(expected)
    assert function(frame, ["EN", "MSE"]).equals(everything)
    with pytest.raises(UnknownNameError, match="Did you mean EN"):
        function(frame, "ENN")


def test_a_named_metric_without_direction_is_refused():
    frame = tidy({("a", "road", "Own"): [1, 2], ("b", "road", "Own"): [2, 3]})
    with pytest.raises(UsageError, match="Own@zhao has no direction"):
        average_ranks(frame, "Own")
    assert average_ranks(frame).empty


def test_blocks_are_samples_or_data_sets():
    with pytest.raises(UsageError, match="'image' is not one of sample, dataset"):
        average_ranks(tidy(ORDERED), block="image")
