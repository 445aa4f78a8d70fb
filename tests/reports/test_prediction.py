"""Which metric predicts use: correlations as scipy has them, and what is said where methods are few."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.reports.comparison import formats
from fusionbench.reports.comparison.model import Coefficient, Prediction
from fusionbench.reports.comparison.prediction import correlations, predict
from fusionbench.types import UsageError
from tests.reports.frames import METRICS, metric, tidy

TARGETS = {
    spec.key: spec for spec in (metric("mAP50", True, profile="retrain"), metric("AP:car", True, profile="retrain"))
}
SPECS = METRICS | TARGETS


def fusion_of(
    scores: Mapping[str, Sequence[float]], methods: Sequence[str], dataset: str = "road@test"
) -> pd.DataFrame:
    """Two samples whose mean is the score."""
    return tidy(
        {
            (m, dataset, key): [value - 1, value + 1]
            for key, values in scores.items()
            for m, value in zip(methods, values, strict=True)
        }
    )


def downstream_of(scores: np.ndarray, methods: Sequence[str], dataset: str = "road") -> pd.DataFrame:
    """Seeds x methods."""
    found = {(m, dataset, "mAP50"): scores[:, i].tolist() for i, m in enumerate(methods)}
    found |= {(m, dataset, "AP:car"): [0.5] * len(scores) for m in methods}
    return tidy(found, profile="retrain")


def predicted(
    fusion: pd.DataFrame, downstream: pd.DataFrame, *, coefficient: Coefficient = "kendall", metrics: Sequence[str] = ()
) -> Prediction:
    keys = [f"{key}@zhao" for key in metrics or ("EN", "SSIM", "MSE")]
    (found,) = predict(fusion, downstream, SPECS, metrics=keys, level=0.05, coefficient=coefficient)
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [False, True])
def test_the_correlation_is_scipys(seed: int, ties: bool) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(2, 12))
    if ties:
        x, y = np.round(x), np.round(y)
    assert correlations(x, y[None], "kendall")[0] == pytest.approx(stats.kendalltau(x, y).statistic)
    assert correlations(x, y[None], "spearman")[0] == pytest.approx(stats.spearmanr(x, y).statistic)


def test_direction_and_means_are_taken_into_account() -> None:
    methods = ["a", "b", "c", "d", "e", "f"]
    use = np.array([[1, 2, 3, 4, 5, 6], [3, 2, 3, 4, 5, 6.0]]) / 10
    scores = {"EN": [1, 2, 3, 4, 5, 6], "SSIM": [6, 5, 4, 3, 2, 1], "MSE": [60, 50, 40, 30, 20, 10]}
    found = predicted(fusion_of(scores, methods), downstream_of(use, methods))
    values = {one.metric: one.value for one in found.predictors}
    # The means of a and b are tied at 0.2.
    tau = stats.kendalltau(range(6), use.mean(axis=0)).statistic
    assert values == pytest.approx({"EN@zhao": tau, "MSE@zhao": tau, "SSIM@zhao": -tau})
    assert found.predictors[-1].metric == "SSIM@zhao"
    assert found.target == "mAP50@retrain"  # no column of a single class
    assert (found.name, found.seeds, found.methods) == ("road", 2, tuple(methods))


def test_p_of_few_methods_is_exact() -> None:
    """Of the 120 orders of five methods, two are as extreme as a perfect one."""
    use = np.arange(5.0)[None] / 10
    found = predicted(fusion_of({"EN": range(5)}, "abcde"), downstream_of(use, "abcde"), metrics=["EN"])
    (one,) = found.predictors
    assert (one.value, one.p, one.p_holm, one.n) == (1.0, 2 / 120, 2 / 120, 5)
    assert (one.low, one.high) == (1.0, 1.0)
    assert any("no width" in line for line in found.cautions)
    two = predicted(fusion_of({"EN": [0, 2, 1, 3, 4], "SSIM": range(5)}, "abcde"), downstream_of(use, "abcde"))
    taus = [stats.kendalltau(range(5), order).statistic for order in itertools.permutations(range(5))]
    assert {p.metric: p.p for p in two.predictors}["EN@zhao"] == pytest.approx(np.mean(np.abs(taus) >= 0.8 - 1e-9))
    assert {p.metric: p.p_holm for p in two.predictors}["SSIM@zhao"] == pytest.approx(2 * 2 / 120)


@pytest.mark.parametrize("coefficient", ["kendall", "spearman"])
def test_p_of_many_methods_is_near_scipys(coefficient: Coefficient) -> None:
    generator = np.random.default_rng(3)
    methods = [f"m{i}" for i in range(14)]
    x = generator.normal(size=14)
    y = 0.6 * x + generator.normal(size=14)
    found = predicted(
        fusion_of({"EN": x}, methods), downstream_of(y[None], methods), coefficient=coefficient, metrics=["EN"]
    )
    (one,) = found.predictors
    expected = stats.kendalltau(x, y) if coefficient == "kendall" else stats.spearmanr(x, y)
    assert one.value == pytest.approx(expected.statistic)
    assert one.p == pytest.approx(expected.pvalue, abs=0.01)
    assert one.low < one.value < one.high


def test_the_interval_covers_what_it_says() -> None:
    """Methods drawn from a law whose tau is known: 2/pi asin(r)."""
    r, inside = 0.7, 0
    truth = 2 / np.pi * np.arcsin(r)
    methods = [f"m{i}" for i in range(30)]
    for seed in range(10):
        generator = np.random.default_rng(seed)
        x = generator.normal(size=30)
        y = r * x + np.sqrt(1 - r * r) * generator.normal(size=30)
        (one,) = predicted(fusion_of({"EN": x}, methods), downstream_of(y[None], methods), metrics=["EN"]).predictors
        inside += one.low <= truth <= one.high
    assert inside >= 8


def test_noise_of_seeds_widens_the_interval_and_is_said() -> None:
    generator = np.random.default_rng(0)
    methods = [f"m{i}" for i in range(12)]
    x = np.arange(12.0)
    quiet = x / 100 + 0.001 * generator.normal(size=(3, 12))
    loud = x / 100 + 0.5 * generator.normal(size=(3, 12))
    fusion = fusion_of({"EN": x}, methods)
    calm, wild = (predicted(fusion, downstream_of(use, methods), metrics=["EN"]) for use in (quiet, loud))
    assert calm.predictors[0].high - calm.predictors[0].low < wild.predictors[0].high - wild.predictors[0].low
    assert not any("chance" in line for line in calm.cautions)
    assert any("no more than chance" in line for line in wild.cautions)


@pytest.mark.parametrize(
    ("count", "seeds", "said"), [(4, 2, "nothing can be shown"), (8, 2, "8 methods are few"), (12, 1, "One seed")]
)
def test_what_is_little_is_said(count: int, seeds: int, said: str) -> None:
    methods = [f"m{i}" for i in range(count)]
    use = np.arange(float(count))[None].repeat(seeds, axis=0)
    found = predicted(fusion_of({"EN": range(count)}, methods), downstream_of(use, methods), metrics=["EN"])
    assert any(said in line for line in found.cautions)


def test_sources_alone_have_no_fusion_scores_and_other_data_sets_are_not_mixed_in() -> None:
    methods = ["a", "b", "c", "visible"]
    use = np.array([[1.0, 2, 3, 9]])
    fusion = pd.concat(
        [
            fusion_of({"EN": [1, 2, 3]}, "abc"),
            fusion_of({"EN": [3, 2, 1]}, "abc", "street"),
            fusion_of({"EN": [1, 2]}, "ab", "park"),
        ]
    )
    found = predicted(fusion, downstream_of(use, methods), metrics=["EN"])
    assert (found.methods, found.left_out, found.predictors[0].value) == (("a", "b", "c"), ("visible",), 1.0)
    with pytest.raises(UsageError, match="fewer than 3 methods"):
        predicted(fusion, downstream_of(use, methods, "park"), metrics=["EN"])
    with pytest.raises(UsageError) as caught:
        predicted(fusion, downstream_of(use, methods, "elsewhere"), metrics=["EN"])
    assert "elsewhere" in str(caught.value.hint)


@dataclass
class Loaded:
    rows: pd.DataFrame
    info: Mapping[str, Any] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        return self.rows


def compared() -> Any:
    methods = ["average", "gff", "laplacian", "mertens"]
    fusion = Loaded(fusion_of({"EN": [1, 2, 3, 4], "MSE": [1, 2, 3, 4]}, methods))
    use = downstream_of(np.array([[1, 2, 3, 4, 9.0]]) / 10, [*methods, "visible"])
    facts = {
        "metrics": {"mAP50@retrain": {"higher_is_better": True}},
        "methods": {"visible": {"title": "Visible alone"}},
        "unit": "seed",
    }
    return fb.compare(fusion, against=Loaded(use, facts), metrics=["EN", "MSE"])


def test_every_format_tells_it() -> None:
    found = compared()
    markdown = formats.rendered(found, "markdown")
    assert "Which metric predicts mAP50 (Kendall's tau\\-b over methods), road" in markdown.replace("tau-b", "tau\\-b")
    assert "Visible alone" in markdown
    assert "nothing can be shown" in markdown
    assert "No metric is shown to predict it." in markdown
    plain = json.loads(formats.rendered(found, "json"))
    assert [one["metric"] for one in plain["predictions"][0]["predictors"]] == ["EN@zhao", "MSE@zhao"]
    frame = found.frame()
    rows = frame[(frame.test == "prediction") & (frame.quantity == "kendall")]
    assert dict(zip(rows.metric, rows.value, strict=True)) == {"EN@zhao": 1.0, "MSE@zhao": -1.0}
    assert set(rows.b) == {"mAP50@retrain"}
    assert r"Which metric predicts mAP50" in formats.rendered(found, "latex")
    assert "Visible alone" in formats.as_html(found)


def test_the_two_sides_are_not_taken_for_each_other() -> None:
    fusion = Loaded(fusion_of({"EN": [1, 2, 3]}, "abc"))
    use = Loaded(downstream_of(np.array([[1.0, 2, 3]]), list("abc")), {"unit": "seed"})
    with pytest.raises(UsageError, match="has downstream scores, no fusion scores"):
        fb.compare(use, against=fusion)
    with pytest.raises(UsageError, match="has fusion scores, no downstream scores"):
        fb.compare(fusion, against=fusion)


def test_a_comparison_without_it_is_as_before() -> None:
    found = fb.compare(Loaded(fusion_of({"EN": [1, 2, 3]}, "abc")), metrics=["EN"])
    assert "predictions" not in json.loads(formats.rendered(found, "json"))
    assert "prediction" not in set(found.frame().test)


def test_a_folder_that_is_no_run_is_a_message(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fb.run(["average", "gff"], "demo-mff", metrics=["EN"], limit=2, out=str(folder), isolate=False)
    for against, said in ((tmp_path / "nothing", "nothing"), (folder, "has fusion scores, no downstream scores")):
        done = CliRunner().invoke(main, ["compare", str(folder), "--against", str(against)])
        assert done.exit_code == 2
        assert said in done.output
