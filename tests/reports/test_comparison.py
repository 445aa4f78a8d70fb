"""Comparisons: held against scipy and scikit-posthocs, and against what one can compute by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from click.testing import CliRunner
from scipy import stats

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.reports.comparison.agreement import mean_correlation
from fusionbench.reports.comparison.cautions import autocorrelation, samples_needed
from fusionbench.reports.comparison.comparing import compare_frame
from fusionbench.reports.comparison.document import _number as printed_number
from fusionbench.reports.comparison.formats import rendered
from fusionbench.reports.statistics import critical_difference, nemenyi, wilcoxon_holm
from fusionbench.types import UnknownNameError, UsageError
from tests.helpers.machine import pdflatex
from tests.reports.frames import METRICS, tidy
from tests.reports.hostile import NAMES


def drawn(n: int = 20, methods: str = "abcd", *, seed: int = 1, step: float = 0.5) -> np.ndarray:
    """Scores of methods, each a little better than the one before it, over n samples."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, 1)) + generator.normal(size=(n, len(methods))) + step * np.arange(len(methods))


def frame_of(scores: np.ndarray, methods: str = "abcd", *, dataset: str = "road", metric: str = "EN") -> pd.DataFrame:
    return tidy({(m, dataset, metric): scores[:, i].tolist() for i, m in enumerate(methods)})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison") / "run"
    methods = ["average", "gff", "laplacian"]
    fb.run(methods, ["demo-ivf", "demo-mff"], metrics=["EN", "Qabf"], limit=3, out=str(folder), isolate=False)
    return folder


def test_everything_is_what_scipy_and_scikit_posthocs_say():
    scores = drawn()
    test = compare_frame(frame_of(scores), METRICS).scopes[0].tests[0]
    ranks = stats.rankdata(-scores, axis=1).mean(axis=0)
    assert dict(test.ranks) == pytest.approx(dict(zip("abcd", ranks, strict=True)))
    statistic, p = stats.friedmanchisquare(*scores.T)
    assert (test.statistic, test.p) == pytest.approx((statistic, p))
    assert test.concordance == pytest.approx(statistic / (20 * 3))
    posthoc = scikit_posthocs.posthoc_nemenyi_friedman(scores)
    holm = scikit_posthocs.posthoc_wilcoxon(
        pd.DataFrame(scores, columns=list("abcd")).melt(var_name="m", value_name="v"),
        val_col="v",
        group_col="m",
        p_adjust="holm",
    )
    for pair in test.pairs:
        i, j = "abcd".index(pair.better), "abcd".index(pair.worse)
        assert pair.p_nemenyi == pytest.approx(posthoc.iloc[i, j])
        assert pair.p == pytest.approx(stats.wilcoxon(scores[:, i], scores[:, j]).pvalue)
        assert pair.p_holm == pytest.approx(holm.loc[pair.better, pair.worse])


def test_the_critical_difference_is_demsar_s():
    # Demšar (2006), section 3.2.2: four classifiers on 14 data sets, q = 2.569 and CD = 1.25.
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert nemenyi(critical_difference(7, 30), 7, 30) == pytest.approx(0.05)


def test_effect_wins_ties_and_losses_by_hand():
    frame = tidy({("a", "road", "EN"): [5, 4, 3, 2, 7], ("b", "road", "EN"): [1, 2, 2, 3.5, 7]})
    pair = compare_frame(frame, METRICS).scopes[0].tests[0].pairs[0]
    # Differences 4, 2, 1, -1.5, 0 have the ranks 4, 3, 1, -2: (8 - 2) / 10.
    assert (pair.better, pair.worse, pair.wins, pair.ties, pair.losses) == ("a", "b", 3, 1, 1)
    assert pair.effect == pytest.approx(0.6)
    assert pair.difference == 1.0


def test_lower_is_better_turns_everything():
    scores = drawn()
    higher = compare_frame(frame_of(scores), METRICS).scopes[0].tests[0]
    lower = compare_frame(frame_of(-scores, metric="MSE"), METRICS).scopes[0].tests[0]
    assert lower.ranks == higher.ranks
    assert lower.pairs == higher.pairs


@pytest.mark.parametrize(("level", "pairs"), [(0.05, 1), (0.05, 15), (0.01, 91)])
def test_the_number_of_samples_needed_is_the_least(level, pairs):
    def smallest(n: int) -> float:
        return pairs * stats.wilcoxon(np.arange(1.0, n + 1), method="exact").pvalue

    needed = samples_needed(pairs, level)
    assert smallest(needed) <= level < smallest(needed - 1)


def test_too_few_samples_are_said_and_never_called_equal():
    found = compare_frame(frame_of(drawn(5)), METRICS)
    assert "n = 5 is too small" in found.scopes[0].cautions[0]
    assert "fewer than 8 samples" in found.scopes[0].cautions[0]
    assert "≈" not in rendered(found, "markdown").partition("Ranks are")[0]
    assert not any("too small for" in text for text in compare_frame(frame_of(drawn(40)), METRICS).scopes[0].cautions)


def test_neighbours_that_resemble_each_other_are_noticed():
    generator = np.random.default_rng(0)
    frames = np.repeat(generator.normal(size=(12, 4)), 5, axis=0) + 0.1 * generator.normal(size=(60, 4))
    cautions = compare_frame(frame_of(frames), METRICS).scopes[0].cautions
    assert any("not independent" in text and "autocorrelation" in text for text in cautions)
    noticed = [
        any(
            "not independent" in text for text in compare_frame(frame_of(drawn(60, seed=s)), METRICS).scopes[0].cautions
        )
        for s in range(30)
    ]
    assert sum(noticed) <= 1


def test_the_order_of_the_data_set_counts_for_neighbours_not_that_of_names():
    table = pd.DataFrame(
        [[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4, index=pd.MultiIndex.from_product([["d"], ["z", *"abcdefg"]])
    )
    # Centred ranks are 1, 1, 1, 1, -1, -1, -1, -1 (halved) in each column: six products of 1, one of -1, over eight.
    assert autocorrelation(table) == pytest.approx(5 / 8)


def test_repeated_pictures_are_told():
    frame = frame_of(drawn(12))
    frame["image_sha256"] = frame["method"] + frame["sample"].replace({"s3": "s2"})
    assert "1 samples repeat" in " ".join(compare_frame(frame, METRICS).scopes[0].cautions)


def test_across_data_sets_the_means_are_ranked():
    parts = [frame_of(drawn(n, seed=n), dataset=f"d{n}") for n in (3, 30, 12)]
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[frame["dataset"] == "d12", "task"] = "MFF"
    found = compare_frame(frame, METRICS)
    assert [(scope.name, scope.block, scope.tests[0].n) for scope in found.scopes] == [
        ("IVF", "sample", 33),
        ("MFF", "sample", 12),
        ("all", "dataset", 3),
    ]
    means = frame.groupby(["dataset", "method"])["value"].mean().unstack()
    assert dict(found.scopes[2].tests[0].ranks) == pytest.approx(means.rank(axis=1, ascending=False).mean().to_dict())
    assert any("d30 has 30 of the 33 samples" in text for text in found.scopes[0].cautions)
    assert [scope.name for scope in compare_frame(frame, METRICS, per="dataset").scopes] == ["d3", "d30", "d12", "all"]


def test_a_method_without_a_data_set_does_not_cost_the_others_theirs():
    frame = pd.concat([frame_of(drawn(8), dataset="one"), frame_of(drawn(8), "abcd", dataset="two")])
    frame = frame[(frame["method"] != "d") | (frame["dataset"] != "two")]
    scope = compare_frame(frame, METRICS).scopes[0]
    assert set(scope.tests[0].ranks) == set("abc")
    assert scope.tests[0].n == 16
    assert any("Not compared by EN" in text and text.endswith(": d.") for text in scope.cautions)


def test_samples_that_a_method_lacks_are_counted():
    scores = drawn(12).tolist()
    scores[3][1] = None
    frame = tidy({(m, "road", "EN"): [row[i] for row in scores] for i, m in enumerate("abcd")})
    scope = compare_frame(frame, METRICS).scopes[0]
    assert (scope.tests[0].n, scope.tests[0].left_out) == (11, 1)
    assert any("1 of 12 samples count for no method" in text for text in scope.cautions)


@pytest.mark.parametrize("shape", [(7, 5), (4, 130)])
def test_agreement_is_scipy_s(shape):
    generator = np.random.default_rng(5)
    a, b = generator.integers(0, 9, shape).astype(float), generator.integers(0, 9, shape).astype(float)
    for name, function in (("kendall", stats.kendalltau), ("spearman", stats.spearmanr)):
        expected = np.mean([function(x, y).statistic for x, y in zip(a, b, strict=True)])
        assert mean_correlation(a, b, name) == pytest.approx(expected)
    assert math.isnan(mean_correlation(np.ones((3, 4)), np.ones((3, 4)), "kendall"))


def test_metrics_that_are_the_same_agree_and_their_reverse_does_not():
    scores = drawn(10)
    frame = pd.concat([frame_of(scores), frame_of(-scores, metric="MSE"), frame_of(-scores, metric="SSIM")])
    found = compare_frame(frame, METRICS).scopes[0].agreement
    assert found.over_methods["EN@zhao", "MSE@zhao"] == pytest.approx(1)
    assert found.over_images["EN@zhao", "SSIM@zhao"] == pytest.approx(-1)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(UsageError, match="two methods or more"):
        compare_frame(frame_of(drawn(4, "a"), "a"), METRICS)
    with pytest.raises(UsageError, match="no direction"):
        compare_frame(frame_of(drawn(), metric="TE"), METRICS, metrics=["TE"])
    with pytest.raises(UnknownNameError):
        compare_frame(frame_of(drawn()), METRICS, metrics=["Nothing"])
    with pytest.raises(UsageError, match="agreement 'pearson' is not one of kendall, spearman"):
        compare_frame(frame_of(drawn()), METRICS, coefficient="pearson")
    with pytest.raises(UsageError, match="no sample has"):
        compare_frame(tidy({("a", "road", "EN"): [1, None], ("b", "road", "EN"): [None, 2]}), METRICS)


def test_the_frame_and_the_files_say_the_same():
    found = compare_frame(frame_of(drawn()), METRICS)
    tidy_frame = found.frame()
    pairs = tidy_frame[(tidy_frame["test"] == "pair") & (tidy_frame["quantity"] == "p_holm")]
    expected = wilcoxon_holm(frame_of(drawn()), METRICS)
    assert sorted(pairs["value"]) == pytest.approx(sorted(expected["p_holm"]))
    whole = json.loads(rendered(found, "json"))
    assert whole["format"] == "fusionbench-comparison/1"
    assert whole["scopes"][0]["tests"][0]["ranks"] == pytest.approx(dict(found.scopes[0].tests[0].ranks))
    assert rendered(found, "csv").splitlines()[0] == "scope,test,metric,a,b,quantity,value"


def test_hostile_names_act_in_no_format(tmp_path):
    scores = drawn(3, "x" * len(NAMES))
    frame = tidy({(name, "[d] \\x_%", "EN"): scores[:, i].tolist() for i, name in enumerate(NAMES)})
    found = compare_frame(frame, METRICS)
    assert "<script>" not in rendered(found, "markdown")
    assert "<script>" not in found._repr_html_()
    assert not any(line.startswith("=") for line in rendered(found, "csv").replace(",", "\n").splitlines())
    (tmp_path / "c.tex").write_text(rendered(found, "latex", "all"), encoding="ascii")
    pdflatex(tmp_path, "c")


def test_one_name_stands_for_a_list_of_one(run):
    table = fb.load_run(run).table(metrics="EN", methods="g*", datasets="demo-ivf", order="gff")
    assert [metric.key for metric in table.groups[0].metrics] == ["EN@zhao"]
    assert {row.key for row in table.rows} == {"gff"}


def test_from_a_run_to_a_paper(run, tmp_path):
    done = CliRunner().invoke(main, ["compare", str(run), "-o", str(tmp_path / "c.tex")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "c.tex").read_text(encoding="ascii")
    assert "Mean ranks, IVF: Demo IVF" in text
    assert "Across 2 data sets" in text
    pdflatex(tmp_path, "c")
    done = CliRunner().invoke(main, ["compare", str(run), "--metrics", "Qabf", "--datasets", "demo-mff"])
    assert "ranks first" in done.output
    assert "too small for the pairwise tests" in done.output
    assert "How metrics agree" not in done.output


def test_mistakes_are_messages(run):
    for words, message in (
        (["--methods", "gff"], "two methods or more"),
        (["--metrics", "Qab"], "Did you mean Qabf"),
        (["-o", "c.docx"], "no format of comparisons"),
        (["--level", "1"], "--level"),
    ):
        done = CliRunner().invoke(main, ["compare", str(run), *words])
        assert done.exit_code == 2
        assert message in done.output


def test_from_python(run):
    found = fb.compare(run, metrics="Qabf", per="dataset")
    assert [scope.name for scope in found.scopes] == ["demo-ivf", "demo-mff", "all"]
    assert fb.compare(fb.load_run(run), metrics=["Qabf"], per="dataset").frame().equals(found.frame())
    with pytest.raises(UsageError, match="no run"):
        fb.compare()


def test_a_rounded_nothing_has_no_sign() -> None:
    assert [printed_number(value) for value in (-0.001, 0.001, float("nan"))] == ["0.00", "0.00", "–"]
