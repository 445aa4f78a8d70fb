"""Several runs as one frame, and their table."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.plugins import current_plugins
from fusionbench.reports.from_runs import table_from_runs
from fusionbench.reports.merge import merge_frames
from fusionbench.types import DataError, UnknownNameError, UsageError
from tests.reports.frames import tidy


class Run:
    def __init__(self, scores, **info):
        self.scores = scores
        self.info = {"version": "1.0", **info}

    def frame(self):
        return tidy(self.scores)


def merged(*scores):
    return merge_frames({f"run{index}": tidy(part) for index, part in enumerate(scores)})


def test_runs_of_different_methods_are_put_together():
    frame = merged({("a", "road", "EN"): [1, 2]}, {("b", "road", "EN"): [3, 4]})
    assert list(frame["method"]) == ["a", "a", "b", "b"]
    assert "run" not in frame.columns


def test_equal_rows_are_taken_once():
    frame = merged({("a", "road", "EN"): [1, 2]}, {("a", "road", "EN"): [1 + 1e-8, 2, 3]})
    assert list(frame["value"]) == [1, 2, 3]


def test_undefined_values_agree_with_each_other():
    nan = float("nan")
    assert len(merged({("a", "road", "EN"): [nan]}, {("a", "road", "EN"): [nan]})) == 1


def test_a_failed_row_gives_way_to_a_successful_one():
    for parts in ([None, 2], [1, None]), ([1, None], [None, 2]):
        frame = merged(*({("a", "road", "EN"): values} for values in parts))
        assert sorted(frame["value"]) == [1, 2]
        assert set(frame["status"]) == {"ok"}


def test_a_contradiction_names_both_runs_and_the_place():
    with pytest.raises(
        DataError, match=r"run0 and run1 contradict each other in 1 values.*EN of a on road, sample s1: 2 and 5"
    ):
        merged({("a", "road", "EN"): [1, 2]}, {("a", "road", "EN"): [1, 5]})


def test_an_undefined_value_contradicts_a_number():
    with pytest.raises(DataError, match="contradict"):
        merged({("a", "road", "EN"): [1]}, {("a", "road", "EN"): [float("nan")]})


def test_the_same_sample_in_two_profiles_is_no_contradiction():
    frames = {"x": tidy({("a", "road", "EN"): [1]}), "y": tidy({("a", "road", "EN"): [2]}, profile="tang")}
    assert len(merge_frames(frames)) == 2


def test_the_facts_of_all_runs_stand_in_the_table():
    runs = {
        "first": Run({("a", "road", "EN"): [1]}, version="1.0", colour="luma", pairs={"road": 1}),
        "second": Run({("b", "road", "EN"): [2]}, version="1.1", colour="luma", pairs={"road": 4}),
    }
    table = table_from_runs(runs, current_plugins(), command="fusionbench table first second")
    assert table.info.version == "1.0; 1.1"
    assert table.info.colour == "luma"
    assert table.info.runs == ("first (fusionbench 1.0)", "second (fusionbench 1.1)")
    assert table.groups[0].pairs == 4


def test_titles_and_order_are_those_of_the_plan():
    scores = {("a", "tno", "EN"): [1], ("a", "roadscene@train", "EN"): [1], ("b", "tno", "EN"): [1]}
    facts = {"b": {"title": "Method B"}, "a": {"title": "A with option"}}
    run = Run(scores, methods=facts, pairs={"roadscene@train": 1, "tno": 1})
    table = table_from_runs({"run": run}, current_plugins())
    assert [row.title for row in table.rows] == ["Method B", "A with option"]
    assert [group.title for group in table.groups] == ["RoadScene (train)", "TNO"]


def test_a_metric_whose_plugin_is_gone_keeps_its_direction():
    run = Run({("a", "road", "Odd"): [1], ("b", "road", "Odd"): [2]}, metrics={"Odd@zhao": {"higher_is_better": False}})
    table = table_from_runs({"run": run}, current_plugins())
    assert table.groups[0].metrics[0].heading == "Odd↓"


def test_published_rows_stand_beside_measured_ones():
    run = Run({("mine", "roadscene", "EN"): [7.0], ("mine", "roadscene", "SD"): [40.0]})
    table = table_from_runs({"run": run}, current_plugins(), published=["film2024", "cddfuse2023"])
    labels = [row.label for row in table.rows]
    assert labels[0] == "mine"
    assert "FILM [film2024]" in labels
    assert "CDDFuse [cddfuse2023]" in labels
    assert table.cells["film2024:FILM", "roadscene", "EN@zhao"].mean == 7.43
    assert table.cells["cddfuse2023:CDDFuse", "roadscene", "EN@zhao"].other_pairs


def test_a_published_table_without_anything_in_common_is_refused():
    run = Run({("mine", "elsewhere", "EN"): [7.0]})
    with pytest.raises(UsageError, match=r"film2024 has no value.*\n.*msrs.*elsewhere"):
        table_from_runs({"run": run}, current_plugins(), published=["film2024"])
    with pytest.raises(UnknownNameError, match="film2024"):
        table_from_runs({"run": run}, current_plugins(), published=["film2042"])


def test_a_file_is_written_whole_and_replaces_an_older_one(tmp_path: Path):
    from fusionbench.reports.writing import write_text

    target = tmp_path / "new" / "table.md"
    write_text(target, "first\n")
    write_text(target, "é\n")
    assert target.read_bytes() == "é\n".encode()
    assert [path.name for path in target.parent.iterdir()] == ["table.md"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    from fusionbench.reports.writing import write_text

    (tmp_path / "file").write_text("")
    for target in (tmp_path, tmp_path / "file" / "table.md"):
        with pytest.raises(UsageError, match="cannot write"):
            write_text(target, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
