"""Results on images that a method was trained on are marked, by the bytes of the images."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

import fusionbench as fb
from fusionbench.data.splits import packaged_list, split_list
from fusionbench.plugins import current_plugins
from fusionbench.reports.site.board import Submission, boards_of
from fusionbench.results.exported import ExportedMethod, ExportedResult
from fusionbench.runs.engine import SilentWatcher
from fusionbench.runs.exporting import exported_run
from fusionbench.types import DataError
from tests.helpers.shared import shared_path
from tests.helpers.workshop import Workshop

WEIGHTS = b"weights"
CODE = """
import hashlib
import fusionbench as fb

class Trained:
    def load(self, device, weights):
        pass

    def fuse(self, batch):
        return batch.sources[0]

def fusionbench_methods():
    digest = hashlib.sha256(b"weights").hexdigest()
    spec = fb.WeightSpec(name="w", filename="w.pth", sha256=(digest,), training_list="trained_list:list.csv")
    return [
        fb.MethodSpec(name="mine", tasks=(fb.Task.IVF,), factory=Trained, weights=(spec,), training_data=(TRAINED,))
    ]
"""


class Notices(SilentWatcher):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, message: str) -> None:
        self.notices.append(message)


def write_list(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    package = folder / "trained_list"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "list.csv").write_text("\n".join(["# a list", "id,sha256_a,sha256_b", *lines]) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "trained_list", raising=False)
    packaged_list.cache_clear()


def carried_out(
    workshop: Workshop, weights: bytes = WEIGHTS, trained_on: str = "elsewhere", code: str = CODE
) -> tuple[fb.api.Run, list[str]]:
    settings: dict[str, Any] = dict(workshop(f"TRAINED = {trained_on!r}\n" + code))
    file = workshop.folder / "w.pth"
    file.write_bytes(weights)
    watcher = Notices()
    methods = [{"name": "mine", "weights": str(file)}, "average"]
    run = fb.run(**{**settings, "methods": methods}, metrics=["EN"], isolate=False, watcher=watcher)
    return run, [notice for notice in watcher.notices if "train" in notice]


# The same weights under another name, and another method whose plugin tells nothing of its training.
RENAMED = """
def fusionbench_methods():
    digest = hashlib.sha256(b"weights").hexdigest()
    spec = fb.WeightSpec(name="w", filename="w.pth", sha256=(digest,), training_list="trained_list:list.csv")
    own = fb.WeightSpec(name="own", filename="own.pth")
    return [
        fb.MethodSpec(name="theirs", tasks=(fb.Task.IVF,), factory=Trained, weights=(spec,), training_data=("pairs",)),
        fb.MethodSpec(name="mine", tasks=(fb.Task.IVF,), factory=Trained, weights=(own,)),
    ]
"""


def exported(run: fb.api.Run) -> tuple[ExportedMethod, ExportedResult]:
    found = exported_run(fb.load_run(run.path), current_plugins())
    (result,) = [result for result in found.results if result.method == "mine"]
    return found.methods["mine"], result


def flagged(run: fb.api.Run) -> str:
    found = exported_run(fb.load_run(run.path), current_plugins())
    (board,) = boards_of([Submission(name="x", results=found)])
    (entry,) = [entry for entry in board.entries if entry.method.name == "mine"]
    return entry.trained_on_test


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def listed(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """The second scene, under another name, and the visible image of the third beside another infrared image."""
    workshop(f"TRAINED = 'elsewhere'\n{CODE}")
    data = tmp_path / "data"
    second, third = ([digest(data / side / f"00{n}.png") for side in ("ir", "vi")] for n in (1, 2))
    write_list(
        tmp_path, monkeypatch, [f"x,{second[0]},{second[1]}", f"y,{'0' * 64},{third[1]}", f"000,{'1' * 64},{'2' * 64}"]
    )
    return workshop


def test_images_that_were_trained_on_are_found_by_their_bytes_and_marked_in_tables(listed: Workshop) -> None:
    run, notices = carried_out(listed)
    assert notices == ["note: mine on pairs was trained on 2 of its 4 samples: its scores there say little"]
    frame = run.frame()
    assert set(frame[frame.method == "mine"].marks) == {"trained on 2 of its 4 samples"}
    assert set(frame[frame.method == "average"].marks) == {""}
    (row,) = [row for row in run.table().rows if row.remarks]
    assert row.remarks == ("pairs: trained on 2 of its 4 samples",)


def test_in_data_sets_it_was_trained_on_names_count_too(listed: Workshop) -> None:
    """000 is in the list with other bytes, as of a copy that was encoded anew."""
    _, notices = carried_out(listed, trained_on="pairs")
    assert notices == ["note: mine on pairs was trained on 3 of its 4 samples: its scores there say little"]


def test_weights_of_ones_own_were_trained_on_something_else(listed: Workshop) -> None:
    run, notices = carried_out(listed, weights=b"others", trained_on="pairs")
    assert notices == ["note: mine was trained on pairs: do training and test images overlap?"]
    assert set(run.frame().marks) == {""}


def test_weights_under_another_name_are_known_by_their_digest(listed: Workshop) -> None:
    run, notices = carried_out(listed, code=CODE + RENAMED)
    assert notices == ["note: mine on pairs was trained on 3 of its 4 samples: its scores there say little"]
    method, result = exported(run)
    assert result.weights == hashlib.sha256(WEIGHTS).hexdigest()
    assert result.trained_on == ("000", "001", "002")
    assert method.training_data == ("pairs",)
    assert flagged(run) == "It was trained on 3 of the 4 samples."


def test_a_list_of_other_images_acquits_and_without_one_the_name_of_the_data_counts(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list(tmp_path, monkeypatch, [f"x,{'1' * 64},{'2' * 64}"])
    run, _ = carried_out(workshop, trained_on="pairs")
    assert exported(run)[1].trained_on == ()
    assert flagged(run) == ""
    without = CODE.replace(', training_list="trained_list:list.csv"', "")
    assert flagged(carried_out(workshop, trained_on="pairs", code=without)[0]) != ""


def test_another_method_of_the_same_name_is_not_accused(workshop: Workshop) -> None:
    """What is registered when results are exported is not what was run."""
    without = CODE.replace(', training_list="trained_list:list.csv"', "")
    run, _ = carried_out(workshop, trained_on="elsewhere", code=without)
    workshop("TRAINED = 'pairs'\n" + without)
    assert exported(run)[0].training_data == ("elsewhere",)
    assert flagged(run) == ""


def test_a_damaged_list_is_named(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_list(tmp_path, monkeypatch, ["x,123,456"])
    with pytest.raises(DataError, match="list of what mine was trained on"):
        carried_out(workshop)


def test_film_compact_was_trained_on_none_of_the_test_pairs() -> None:
    spec = current_plugins().methods["film-compact"]
    (place,) = {weight.training_list for weight in spec.weights if weight.training_list}
    trained, tested = packaged_list("train", place), split_list(current_plugins().datasets["roadscene"], "roadscene-50")
    assert len(trained.entries) == 100
    bytes_of = [{digest for entry in entries.entries for digest in entry.sha256} for entries in (trained, tested)]
    assert len(bytes_of[0]) == 200
    assert bytes_of[0].isdisjoint(bytes_of[1])


def test_film_compact_over_its_training_pairs_is_marked(tmp_path: Path) -> None:
    root = shared_path("data", "RoadScene_train100")
    watcher = Notices()
    run = fb.run(
        "film-compact",
        f"roadscene@all={root}",
        limit=1,
        metrics=["EN"],
        isolate=False,
        watcher=watcher,
        out=str(tmp_path / "r"),
    )
    assert set(run.frame().marks) == {"trained on 1 of its 1 samples"}
