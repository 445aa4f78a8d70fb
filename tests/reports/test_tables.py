"""Means, counts, completeness, ranks and order of tables, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from fusionbench.reports.model import Cell
from fusionbench.reports.published import PublishedTable
from fusionbench.reports.tables import build_table
from fusionbench.types import UnknownNameError, UsageError
from tests.reports.frames import INFO, tidy


def means(table):
    return {key: cell.mean for key, cell in table.cells.items()}


def ranks(table, metric="EN@zhao", dataset="road"):
    return {row.key: table.cells[row.key, dataset, metric].rank for row in table.rows}


def published(values, name="paper", pairs=None):
    methods = {method: method for method, _, _ in values}
    return PublishedTable(name=name, source="A paper", values=values, methods=methods, pairs=pairs or {})


def test_a_mean_is_over_the_samples_of_a_data_set():
    table = build_table(tidy({("a", "road", "EN"): [1, 2, 6], ("a", "tno", "EN"): [5]}), info=INFO)
    assert means(table) == {("a", "road", "EN@zhao"): 3.0, ("a", "tno", "EN@zhao"): 5.0}
    assert [(group.title, group.pairs) for group in table.groups] == [("RoadScene", 3), ("tno", 1)]


def test_failed_and_undefined_values_are_not_averaged_and_the_cell_says_so():
    scores = {("a", "road", "EN"): [1, None, 5], ("b", "road", "EN"): [2, float("nan"), float("inf")]}
    table = build_table(tidy(scores), info=INFO)
    first, second = (table.cells[method, "road", "EN@zhao"] for method in "ab")
    assert first == Cell(3.0, 2, 3)
    assert second == Cell(2.0, 1, 3)
    assert first.incomplete
    assert not first.comparable


def test_a_method_that_failed_everywhere_has_a_row_without_means():
    table = build_table(tidy({("a", "road", "EN"): [None, None], ("b", "road", "EN"): [1, 2]}), info=INFO)
    assert table.cells["a", "road", "EN@zhao"] == Cell(None, 0, 2)


def test_samples_that_another_method_has_are_missed():
    frame = tidy({("a", "road", "EN"): [1, 2, 3], ("b", "road", "EN"): [9, 9]})
    table = build_table(frame, info=INFO)
    assert table.cells["b", "road", "EN@zhao"] == Cell(9.0, 2, 3)


def test_samples_that_no_method_reached_are_missed_if_the_plan_is_known():
    frame = tidy({("a", "road", "EN"): [1, 2], ("b", "road", "EN"): [3, 4]})
    table = build_table(frame, info=replace(INFO, pairs={"road": 50}))
    assert table.groups[0].pairs == 50
    assert all(cell.incomplete and cell.rank is None for cell in table.cells.values())


def test_a_metric_with_ground_truth_expects_only_samples_that_have_it():
    frame = pd.concat(
        [tidy({("a", "road", "EN"): [1, 2, 3]}), tidy({("a", "road", "PSNR_GT"): [30, 40]}, profile="")],
        ignore_index=True,
    )
    table = build_table(frame, info=replace(INFO, pairs={"road": 3}))
    assert table.cells["a", "road", "PSNR_GT"] == Cell(35.0, 2, 2)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("EN", {"a": 1, "b": 2, "c": None}),
        ("MSE", {"a": None, "b": 2, "c": 1}),
        ("TE", {"a": None, "b": None, "c": None}),
        ("Unregistered", {"a": None, "b": None, "c": None}),
    ],
)
def test_the_best_two_follow_the_direction(metric, expected):
    table = build_table(tidy({(m, "road", metric): [v] for m, v in zip("abc", (3, 2, 1), strict=True)}), info=INFO)
    assert ranks(table, f"{metric}@zhao") == expected


def test_values_that_print_alike_share_a_rank():
    frame = tidy({(m, "road", "EN"): [v] for m, v in zip("abcd", (1.001, 0.999, 0.5, 0.1), strict=True)})
    assert ranks(build_table(frame, info=INFO, decimals=2)) == {"a": 1, "b": 1, "c": 2, "d": None}
    assert ranks(build_table(frame, info=INFO, decimals=3)) == {"a": 1, "b": 2, "c": None, "d": None}


def test_an_incomplete_cell_cannot_win():
    frame = tidy({("a", "road", "EN"): [9, None], ("b", "road", "EN"): [1, 1], ("c", "road", "EN"): [2, 2]})
    assert ranks(build_table(frame, info=INFO)) == {"a": None, "b": 2, "c": 1}


def test_a_lone_value_is_not_marked():
    assert ranks(build_table(tidy({("a", "road", "EN"): [1]}), info=INFO)) == {"a": None}


def test_several_profiles_are_columns_of_their_own():
    frame = pd.concat(
        [tidy({("a", "road", "SSIM"): [1.5]}), tidy({("a", "road", "SSIM"): [0.4]}, profile="tang")],
        ignore_index=True,
    )
    table = build_table(frame, info=INFO)
    assert [metric.label for metric in table.groups[0].metrics] == ["SSIM@zhao", "SSIM@tang"]
    assert table.profiles == ("zhao", "tang")
    only = build_table(frame, info=INFO, metrics=["SSIM@tang"])
    assert means(only) == {("a", "road", "SSIM@tang"): 0.4}


def test_metrics_are_shown_in_the_order_asked_for():
    frame = tidy({("a", "road", "EN"): [1], ("a", "road", "MSE"): [2], ("a", "road", "TE"): [3]})
    table = build_table(frame, info=INFO, metrics=["MSE", "EN"])
    assert [metric.label for metric in table.groups[0].metrics] == ["MSE", "EN"]


def test_rows_can_be_sorted_by_a_metric_or_put_in_order():
    frame = tidy({(m, "road", "MSE"): [v] for m, v in zip("abc", (3, 1, None), strict=True)})
    assert [row.key for row in build_table(frame, info=INFO, sort="MSE").rows] == ["b", "a", "c"]
    assert [row.key for row in build_table(frame, info=INFO, order=["c"]).rows] == ["c", "a", "b"]


def test_layouts_of_one_data_set_at_a_time_are_sorted_within_each():
    frame = tidy({("a", "x", "EN"): [1], ("b", "x", "EN"): [2], ("a", "y", "EN"): [4], ("b", "y", "EN"): [3]})
    table = build_table(frame, info=INFO, sort="EN")
    assert [row.key for row in table.rows] == ["b", "a"]
    assert [[row.key for row in table.rows_of(group)] for group in table.groups] == [["b", "a"], ["a", "b"]]


def test_an_order_of_titles_reaches_measured_and_published_rows():
    frame = tidy({("a", "road", "EN"): [1], ("film", "road", "EN"): [2]})
    paper = published({("FILM", "road", "EN@zhao"): 7.43})
    table = build_table(frame, info=INFO, published=[paper], order=["FILM"])
    assert [row.label for row in table.rows] == ["FILM", "FILM [paper]", "a"]


def test_published_rows_compete_unless_told_otherwise():
    frame = tidy({("a", "road", "EN"): [1], ("b", "road", "EN"): [2]})
    paper = published({("X", "road", "EN@zhao"): 3.0, ("X", "elsewhere", "EN@zhao"): 4.0})
    assert ranks(build_table(frame, info=INFO, published=[paper])) == {"a": None, "b": 2, "paper:X": 1}
    alone = build_table(frame, info=INFO, published=[paper], rank_published=False)
    assert ranks(alone) == {"a": 2, "b": 1, "paper:X": None}


def test_a_published_mean_over_another_number_of_samples_is_shown_but_not_ranked():
    frame = tidy({("a", "road", "EN"): [1], ("b", "road", "EN"): [2]})
    paper = published({("X", "road", "EN@zhao"): 3.0}, pairs={"road": 361})
    table = build_table(frame, info=INFO, published=[paper])
    assert ranks(table) == {"a": 2, "b": 1, "paper:X": None}
    assert table.cells["paper:X", "road", "EN@zhao"].other_pairs


def test_a_published_mean_over_an_unknown_number_is_not_ranked_beside_a_part_of_the_data_set():
    frame = tidy({("a", "road", "EN"): [1], ("b", "road", "EN"): [2]})
    paper = published({("X", "road", "EN@zhao"): 3.0})
    part = replace(INFO, limited=frozenset({"road"}))
    table = build_table(frame, info=part, published=[paper])
    assert ranks(table) == {"a": 2, "b": 1, "paper:X": None}
    assert table.cells["paper:X", "road", "EN@zhao"].other_pairs
    assert ranks(build_table(frame, info=part, published=[paper], rank_published=True))["paper:X"] == 1
    known = published({("X", "road", "EN@zhao"): 3.0}, pairs={"road": 1})
    assert ranks(build_table(frame, info=part, published=[known]))["paper:X"] == 1


def test_a_published_value_of_another_profile_has_no_place():
    table = build_table(
        tidy({("a", "road", "EN"): [1]}), info=INFO, published=[published({("X", "road", "EN@tang"): 3.0})]
    )
    assert [row.key for row in table.rows] == ["a"]


def test_the_order_of_rows_does_not_change_a_mean():
    frame = tidy({("a", "road", "EN"): [0.1, 1e16, 0.2, -1e16, 0.3]})
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    assert means(build_table(frame, info=INFO)) == means(build_table(shuffled, info=INFO))


def test_remarks_of_the_run_mark_a_row():
    frame = tidy({("film", "road", "EN"): [1]}).assign(marks="other task than MFF")
    row = build_table(frame, info=INFO).rows[0]
    assert row.label == "FILM‡"
    assert row.remarks == ("RoadScene: other task than MFF",)


def test_methods_and_data_sets_come_in_the_order_of_their_titles():
    frame = tidy({(method, dataset, "EN"): [1] for method in "abc" for dataset in ("x", "y", "z")})
    info = replace(INFO, methods={"c": "C", "a": "A"}, datasets={"z": "Z", "other": "O"})
    table = build_table(frame, info=info)
    assert [row.title for row in table.rows] == ["C", "A", "b"]
    assert [group.title for group in table.groups] == ["Z", "x", "y"]


@pytest.mark.parametrize(
    "settings",
    [
        {"layout": "diagonal"},
        {"mark": "blink"},
        {"decimals": 11},
        {"decimals": -1},
        {"sort": "EN", "order": ["a"]},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError):
        build_table(tidy({("a", "road", "EN"): [1]}), info=INFO, **settings)


@pytest.mark.parametrize("settings", [{"metrics": ["ENN"]}, {"sort": "E"}, {"metrics": ["EN@tang"]}])
def test_unknown_metrics_are_answered_with_near_ones(settings):
    with pytest.raises(UnknownNameError, match="Did you mean EN"):
        build_table(tidy({("a", "road", "EN"): [1]}), info=INFO, **settings)


@pytest.mark.parametrize("settings", [{"metrics": ["mse", "EN"]}, {"metrics": ["Mse@ZHAO", "en"]}])
def test_the_spelling_of_a_metric_does_not_matter(settings):
    table = build_table(tidy({("a", "road", "EN"): [1], ("a", "road", "MSE"): [2]}), info=INFO, sort="mse", **settings)
    assert [metric.key for metric in table.groups[0].metrics] == ["MSE@zhao", "EN@zhao"]


def test_unknown_methods_are_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="Did you mean cddfuse"):
        build_table(tidy({("cddfuse", "road", "EN"): [1]}), info=INFO, order=["cdfuse"])


def test_repeated_rows_and_empty_frames_are_refused():
    frame = tidy({("a", "road", "EN"): [1]})
    with pytest.raises(UsageError, match="twice"):
        build_table(pd.concat([frame, frame]), info=INFO)
    with pytest.raises(UsageError, match="no rows"):
        build_table(frame.iloc[:0], info=INFO)
    with pytest.raises(UsageError, match="lacks the columns value"):
        build_table(frame.drop(columns="value"), info=INFO)


def test_a_table_does_not_change():
    table = build_table(tidy({("a", "road", "EN"): [1]}), info=INFO)
    with pytest.raises(TypeError):
        table.cells["a", "road", "EN@zhao"] = None
