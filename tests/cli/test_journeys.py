"""What a user types, from beginning to end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.plugins import current_plugins
from fusionbench.types import UsageError
from tests.helpers.scenes import write_pairs
from tests.helpers.shared import shared_path

ROOT = Path(__file__).resolve().parents[2]

MINE = """
import torch
import fusionbench as fb

@fb.method("mine", tasks=["IVF"])
def fuse(infrared, visible, *, share=0.5):
    return share * infrared + (1 - share) * visible
"""


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder with ``ir`` and ``vi`` of three pairs."""
    write_pairs(tmp_path / "pairs", 3)
    return tmp_path / "pairs"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "my_method.py"
    path.write_text(MINE, encoding="utf-8")
    return path


def run_arguments(pairs: Path, mine: Path, *more: object) -> list[object]:
    dataset = ["-d", f"folder={pairs}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]
    return ["run", "-p", mine, "-m", "mine", *dataset, *more]


def test_help_and_import_are_fast_and_load_no_torch() -> None:
    code = (
        "import sys, time; t = time.perf_counter(); from fusionbench.cli import main\n"
        "try:\n    main(['--help'], standalone_mode=False)\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'numpy', 'transformers'} & set(sys.modules); assert not heavy, heavy"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("list", "info", "run", "table", "score", "data", "demo", "doctor"):
        assert f"\n  {name} " in done.stdout
    # Generous: this is a guard against importing something heavy, not a timing.
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("command", ["list", "info", "run", "table", "score", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_from_a_method_file_to_a_latex_table(tmp_path: Path, pairs: Path, mine: Path) -> None:
    out = tmp_path / "run"
    result = invoke(*run_arguments(pairs, mine, "-m", "average", "--out", out))
    assert result.exit_code == 0, result.output
    assert "| mine |" in result.stdout
    latex = invoke("table", out, "--format", "latex")
    assert latex.exit_code == 0, latex.output
    assert r"\toprule" in latex.stdout
    assert "Qabf" in latex.stdout
    frame = fb.load_run(out).frame()
    assert set(frame.method) == {"mine", "average"}
    # The mean of the sources is what both compute.
    values = frame.pivot_table(index=["sample", "metric"], columns="method", values="value")
    assert np.allclose(values["mine"], values["average"])
    assert invoke("table", out, "--format", "csv", "-o", tmp_path / "table.csv").exit_code == 0
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").count("\n") >= 3


def test_the_run_folder_holds_the_configuration_that_reproduces_it(tmp_path: Path, pairs: Path, mine: Path) -> None:
    first = tmp_path / "first"
    arguments = run_arguments(pairs, mine, "--option", "mine.share=0.25", "--metrics", "EN,SD", "--limit", 2)
    assert invoke(*arguments, "--out", first).exit_code == 0
    again = invoke("run", "--config", first / "config.yaml", "--out", tmp_path / "second")
    assert again.exit_code == 0, again.output
    columns = ["method", "dataset", "sample", "metric", "value"]
    frames = [fb.load_run(tmp_path / name).frame()[columns] for name in ("first", "second")]
    assert frames[0].equals(frames[1])
    assert len(frames[0]) == 4


def test_scoring_the_images_of_a_run_gives_the_run_s_scores(tmp_path: Path, pairs: Path, mine: Path) -> None:
    out = tmp_path / "run"
    assert invoke(*run_arguments(pairs, mine, "--out", out)).exit_code == 0
    frame = fb.load_run(out).frame()
    folder = Path(frame.image.iloc[0]).parent
    dataset = ["-d", f"folder={pairs}", "--option", "folder.task=IVF", "--option", "folder.sides=ir,vi"]
    result = invoke("score", "--fused", folder, *dataset, "--name", "Mine again", "--out", tmp_path / "scored")
    assert result.exit_code == 0, result.output
    scored = fb.load_run(tmp_path / "scored").frame()
    assert set(scored.method) == {"Mine again"}
    assert list(scored.value) == list(frame.value)


def test_an_unpaired_and_an_unreadable_file_end_with_status_1_and_a_marked_table(
    tmp_path: Path, pairs: Path, mine: Path
) -> None:
    (pairs / "vi" / "001.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (pairs / "ir" / "lonely.png").write_bytes((pairs / "ir" / "000.png").read_bytes())
    result = invoke(*run_arguments(pairs, mine, "--out", tmp_path / "run"))
    assert result.exit_code == 1, result.output
    assert "lonely.png" in result.stderr
    assert "001.png" in result.stderr
    assert "2/3" in result.stdout
    frame = fb.load_run(tmp_path / "run").frame()
    assert set(frame[frame.status == "failed"]["sample"]) == {"001"}


def test_every_bad_file_is_named_before_the_computation_however_many_there_are(tmp_path: Path, mine: Path) -> None:
    pairs = tmp_path / "many"
    write_pairs(pairs, 30)
    for number in range(28):
        (pairs / "vi" / f"{number:03}.png").write_bytes(b"rubbish")
    result = invoke(*run_arguments(pairs, mine, "--out", tmp_path / "run", "--metrics", "EN"))
    before, _, _ = result.stderr.partition("samples to compute")
    assert [number for number in range(28) if f"vi/{number:03}.png" not in before] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "-m", "averag", "-d", "demo-ivf"], ["unknown method 'averag'", "Did you mean average?"]),
        (["run", "-m", "average", "-d", "roadscen"], ["unknown data set 'roadscen'", "Did you mean roadscene?"]),
        (["run", "-m", "average"], ["no data set given"]),
        (["run", "-m", "average", "-d", "roadscene"], ["roadscene", "--data-root"]),
        (["run", "-m", "average", "-d", "roadscene=/nowhere"], ["/nowhere", "Get it from"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--metrics", "QABX"], ["Did you mean Qabf"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--profile", "zhou"], ["unknown profile 'zhou'"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--option", "average.x=1"], ["has no option 'x'"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--option", "nonsense"], ["NAME.KEY=VALUE"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--option", "gff.x=1"], ["'gff'", "no method or data set"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--weights", "average=x.pth"], ["average has no weights"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--device", "tpu"], ["unknown device 'tpu'"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--device", "cuda:77"], ["cuda"]),
        (["run", "-m", "average", "-m", "average", "-d", "demo-ivf"], ["asked for twice"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--limit", "0"], ["limit must be at least 1"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--seed", "-1"], ["seed must be from 0"]),
        (["run", "-m", "average", "-d", "demo-ivf", "--text-features", "nowhere"], ["no folder nowhere"]),
        (["run", "-p", "nowhere.py", "-m", "average", "-d", "demo-ivf"], ["plugin file nowhere.py does not exist"]),
        (["run", "--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["run", "-m", "focus-map", "-d", "demo-ivf"], ["focus-map serves MFF"]),
        (["table", "nowhere"], ["nowhere is no run folder"]),
        (["info", "averige"], ["Did you mean average?"]),
        (["list", "metrics", "--profile", "zaho"], ["unknown profile 'zaho'", "zhao"]),
        (["list", "metrics", "--task", "IVF"], ["metrics have no task", "methods and datasets"]),
        (["list", "methods", "--profile", "zhao"], ["methods have no profile"]),
        (["lst"], ["No such command 'lst'"]),
        (["metrics"], ["No such command 'metrics'. Did you mean list"]),
    ],
)  # fmt: skip
def test_mistakes_are_answered_with_the_remedy_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUSIONBENCH_DATA", raising=False)
    result = invoke(*arguments)
    assert result.exit_code == 2
    for word in words:
        assert word in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metods: [average]\n", ["unknown setting 'metods'", "Did you mean methods or"]),
        ("methods: average\n", ["methods must be a list"]),
        ("methods: [{nam: average}]\n", ["expected a name or a mapping with a name"]),
        ("methods: [{name: average, optons: {}}]\n", ["methods[0]", "Did you mean options?"]),
        ("workers: many\n", ["workers must be a whole number, got 'many'"]),
        ("limit: true\n", ["limit must be a whole number, got True"]),
        ("metrics: [EN, 3]\n", ["metrics must be a list of texts"]),
        ("[1, 2]\n", ["must be a mapping"]),
        ("a: [\n", ["no valid YAML"]),
        ("colour: blue\n", ["colour must be one of restore, gray"]),
    ],
)
def test_a_configuration_is_checked_key_by_key(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    result = invoke("run", "--config", path)
    assert result.exit_code == 2
    for word in words:
        assert word in result.output


def test_dry_run_says_what_would_run_and_computes_nothing(tmp_path: Path, pairs: Path, mine: Path) -> None:
    out = tmp_path / "run"
    result = invoke(*run_arguments(pairs, mine, "--out", out, "--dry-run"))
    assert result.exit_code == 0
    assert "mine on folder: 3 samples" in result.output
    assert "Qabf@zhao" in result.output
    assert not out.exists()


def test_all_mistakes_are_told_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    result = invoke(
        "run", "-m", "averag", "-m", "cddfuse", "-m", "gff", "-d", "roadscen=/x", "-d", f"folder={tmp_path / 'none'}",
        "--option", "folder.task=IVF", "--option", "gff.x=1", "--option", "foo.y=2",
        "--metrics", "EN,QQQ,SDD", "--device", "tpu",
        "--weights", "bar=x.pth",
    )  # fmt: skip
    assert result.exit_code == 2
    for words in (
        "unknown method 'averag'", "Did you mean average?", "weights 'IVF' are not installed", "gff has no option 'x'",
        "unknown data set 'roadscen'", "there is no folder", "names 'foo', which is no method or data set",
        "names 'bar', which is no method", "'QQQ", "'SDD", "unknown device 'tpu'",
    ):  # fmt: skip
        assert words in result.output, words
    python = ["unknown method 'averag'", "there is no folder"]
    with pytest.raises(UsageError) as caught:
        fb.run("averag", f"folder={tmp_path / 'none'}")
    assert all(words in str(caught.value) for words in python)


def test_all_settings_of_a_configuration_that_are_wrong_are_told_in_one_go(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("metods: [a]\nworkers: many\ndatasets: [{name: folder, rot: x}]\nlimit: true\n", encoding="utf-8")
    result = invoke("run", "--config", path)
    assert result.exit_code == 2
    for words in (
        "unknown setting 'metods'",
        "workers must be a whole number",
        "unknown setting 'rot'",
        "limit must be",
    ):
        assert words in result.output
    path.write_text("limit: 0\nworkers: 0\ncolour: blue\nseed: -1\n", encoding="utf-8")
    result = invoke("run", "--config", path)
    for words in ("limit must be", "workers must be", "colour must be", "seed must be"):
        assert words in result.output


def test_yaml_says_what_the_command_line_says(
    tmp_path: Path, pairs: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "run.yaml"
    path.write_text(
        f"""
plugins: [{mine}]
methods: [average, quarter=mine, {{name: mine, label: 007, options: {{share: 1e-1}}}}]
datasets:
  - ours=folder=~/pairs
  - {{name: folder, label: theirs, root: ~/pairs, options: {{task: ivf, sides: [ir, vi]}}}}
metrics: [EN]
limit: 1
out: ~/a
""",
        encoding="utf-8",
    )
    more = ["--option", "ours.task=IVF", "--option", "quarter.share=.25"]
    first = invoke("run", "--config", path, *more)
    assert first.exit_code == 0, first.output
    second = invoke(
        "run", "-p", mine, "-m", "average", "-m", "quarter=mine", "-m", "007=mine", "--option", "007.share=1e-1",
        "-d", "ours=folder=~/pairs", "-d", "theirs=folder=~/pairs", "--option", "folder.task=IVF",
        "--option", "theirs.sides=ir,vi", "--option", "quarter.share=.25", "--metrics", "EN", "--limit", 1,
        "--out", tmp_path / "b",
    )  # fmt: skip
    assert second.exit_code == 0, second.output
    columns = ["method", "dataset", "sample", "metric", "value"]
    frames = [fb.load_run(tmp_path / name).frame()[columns] for name in "ab"]
    assert frames[0].equals(frames[1])
    assert set(frames[0].method) == {"average", "quarter", "007"}
    assert set(frames[0].dataset) == {"ours", "theirs"}


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ("[{name: average, options: {no: 1}}]", "has no option 'no'"),
        ("[{name: laplacian, options: {levels: yes}}]", "levels: expected int, a whole number, got 'yes'"),
        ("[{name: average, label: no}]", "Put it into quotes, 'no'"),
        ("[average]\nmethods: [laplacian]", "'methods' is given twice, in lines 1 and 2"),
    ],
)
def test_words_of_yaml_that_were_guessed(tmp_path: Path, methods: str, words: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"methods: {methods}\ndatasets: [demo-ivf]\n", encoding="utf-8")
    result = invoke("run", "--config", path, "--dry-run")
    assert result.exit_code == 2
    assert words in result.output


def test_a_data_set_is_called_what_its_label_or_its_option_name_says(tmp_path: Path, pairs: Path) -> None:
    named = ["-d", f"folder={pairs}", "--option", "folder.task=IVF", "--option", "folder.name=ours"]
    result = invoke("run", "-m", "average", *named, "--metrics", "EN", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    frame = fb.load_run(tmp_path / "run").frame()
    assert set(frame.dataset) == {"ours"}
    assert "on ours" in result.stdout
    dry = invoke("run", "-m", "average", "-d", f"mine=folder={pairs}", "--option", "mine.task=ivf", "--dry-run")
    assert "average on mine: 3 samples" in dry.output
    assert fb.get_dataset("folder", root=pairs, task="IVF", name="x").name == "x"


def test_options_of_data_sets_are_spelt_alike_in_every_command(tmp_path: Path, pairs: Path) -> None:
    data = [f"ours=folder={pairs}", "--option", "ours.task=IVF", "--option", "folder.sides=ir,vi"]
    run = invoke("run", "-m", "average", "-d", *data, "--metrics", "EN", "--out", tmp_path / "run")
    assert run.exit_code == 0, run.output
    assert invoke("data", "check", *data).exit_code == 0
    fused = tmp_path / "run" / "images" / "average" / "ours"
    score = invoke("score", "--fused", fused, "-d", *data, "--name", "A", "--metrics", "EN", "--out", tmp_path / "s")
    assert score.exit_code == 0, score.output
    (tmp_path / "t.csv").write_text("method,EN\naverage,7\n", encoding="utf-8")
    for more in (["--fused", f"average={fused}"], ["--run", tmp_path / "run"]):
        reconciled = invoke("reconcile", tmp_path / "t.csv", "-d", *data, *more)
        assert reconciled.exit_code == 0, reconciled.output
    assert invoke("text", "describe", "-d", *data, "--out", tmp_path / "vlf", "--limit", 1).exit_code == 0
    assert list((tmp_path / "vlf" / "Text").rglob("000*"))
    assert "folder" not in {path.name for path in (tmp_path / "vlf" / "Text").rglob("*")}
    h5 = invoke("data", "prepare-vlf", *data, "--folders", "--out", tmp_path / "prepared")
    assert h5.exit_code == 0, h5.output
    shown = invoke(
        "train", "cddfuse", "--config", "released", "--set", f"data.source=ours=folder={pairs}", *data[1:], "--show"
    )
    assert shown.exit_code == 0, shown.output
    assert "task: IVF" in shown.stdout
    for command in (["data", "check", *data[:1]], ["text", "describe", "--out", tmp_path / "v", "-d", *data[:1]]):
        refused = invoke(*command, "--option", "theirs.task=IVF")
        assert refused.exit_code == 2
        assert "'theirs', which is no data set of this command" in refused.output


def test_options_of_score_find_their_owner(tmp_path: Path, pairs: Path) -> None:
    fused = write_fused(tmp_path / "fused", "_x")
    arguments = ["score", "--fused", fused, "--name", "N", "-d", f"folder={pairs}", "--metrics", "EN"]
    for number, options in enumerate((["task=IVF", "suffix=_x"], ["folder.task=IVF", "N.suffix=_x"])):
        given = [part for option in options for part in ("--option", option)]
        result = invoke(*arguments, *given, "--out", tmp_path / str(number))
        assert result.exit_code == 0, result.output
    wrong = invoke(*arguments, "--option", "M.suffix=_x", "--option", "folder.task=IVF")
    assert wrong.exit_code == 2
    assert "'M', which is no data set and no --fused" in wrong.output


def test_a_label_may_be_of_a_method_and_of_a_data_set(tmp_path: Path, pairs: Path) -> None:
    """As of the images of a run, which lie in METHOD/DATASET: each of the two takes the options that it has."""
    fused = write_fused(tmp_path / "ours", "_x")
    words = ["--option", "ours.task=IVF", "-d", f"ours=folder={pairs}", "--metrics", "EN"]
    result = invoke("score", "--fused", fused, *words, "--option", "ours.suffix=_x", "--out", tmp_path / "score")
    assert result.exit_code == 0, result.output
    words += ["--out", tmp_path / "run", "--dry-run", "--option"]
    assert invoke("run", "-m", "ours=laplacian", *words, "ours.levels=2").exit_code == 0
    assert "has no option 'steps'" in invoke("run", "-m", "ours=laplacian", *words, "ours.steps=2").output


def write_fused(folder: Path, suffix: str) -> Path:
    folder.mkdir()
    for index in range(3):
        Image.fromarray(np.full((64, 72), 90 + index, np.uint8)).save(folder / f"{index:03d}{suffix}.png")
    return folder


def test_own_images_with_endings_from_the_message_to_the_table(tmp_path: Path, pairs: Path) -> None:
    for side in ("ir", "vi"):
        for path in list((pairs / side).iterdir()):
            path.rename(path.with_name(f"{path.stem}_{side}.png"))
    arguments = ["run", "-m", "average", "-d", f"folder={pairs}", "--option", "folder.task=IVF", "--metrics", "EN"]
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "--option 'folder.patterns=ir/*_ir,vi/*_vi' pairs 3 of 3 by name." in result.output
    result = invoke(*arguments, "--option", "folder.patterns=ir/*_ir,vi/*_vi", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert set(fb.load_run(tmp_path / "run").frame()["sample"]) == {"000", "001", "002"}


class TestDryRun:
    """``--dry-run`` finds what would fail."""

    def test_sizes_and_unreadable_files(self, pairs: Path) -> None:
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(pairs / "ir" / "000.png")
        (pairs / "vi" / "001.png").write_bytes(b"rubbish")
        result = invoke("run", "-m", "average", "-d", f"folder={pairs}", "--option", "folder.task=IVF", "--dry-run")
        assert result.exit_code == 1
        assert "would fail: folder: sizes differ: " in result.output
        assert "vi/001.png" in result.output

    def test_number_of_sources(self, tmp_path: Path, pairs: Path, mine: Path) -> None:
        shutil.copytree(pairs / "ir", pairs / "third")
        result = invoke(
            *run_arguments(pairs, mine, "--dry-run")[:-3], "--option", "folder.sides=ir,vi,third", "--dry-run"
        )
        assert result.exit_code == 1
        assert (
            "mine on folder: it takes 2 sources; 3 of 3 samples (000, 001, 002) have another number." in result.output
        )

    def test_missing_text_features(self, pairs: Path) -> None:
        arguments = ["run", "-m", "film-compact", "-d", f"folder={pairs}", "--option", "folder.task=IVF", "--dry-run"]
        result = invoke(*arguments, "--option", "film-compact.text=required")
        assert result.exit_code == 2
        assert "FILM reads text features, and no sample of folder has text features." in result.output

    def test_methods_that_cannot_be_loaded(self, tmp_path: Path, pairs: Path, mine: Path) -> None:
        broken = tmp_path / "broken.py"
        broken.write_text(BROKEN, encoding="utf-8")
        weights = tmp_path / "w.pth"
        weights.write_bytes(b"rubbish")
        data = ["-d", f"folder={pairs}", "--option", "folder.task=IVF"]
        result = invoke(
            "run", "-p", broken, "-m", "extra", "-m", "sdnet", "--weights", f"sdnet={weights}", *data, "--dry-run"
        )
        assert result.exit_code == 1
        assert "would fail: extra on folder: extra needs nothing_like_this" in result.output
        assert "pip install 'fusionbench[text]'" in result.output
        assert "would fail: sdnet on folder: " in result.output

    def test_and_says_nothing_else(self, tmp_path: Path, pairs: Path, mine: Path) -> None:
        result = invoke(*run_arguments(pairs, mine, "--out", tmp_path / "run", "--dry-run"))
        assert result.exit_code == 0
        assert "would fail" not in result.output


BROKEN = """
import fusionbench as fb
from fusionbench.extras import require

@fb.method("extra", tasks=["IVF"])
class Extra:
    def load(self, device, weights):
        require("nothing_like_this", extra="text", purpose="extra")

    def fuse(self, batch):
        return batch.sources[0]
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], "Did you mean run or runs or train?"),
        (["evaluate"], "Did you mean score"),
        (["data", "chek"], "Did you mean check?"),
        (["text", "descrbe"], "Did you mean describe?"),
        (["xyzzy"], "Known: "),
    ],
)
def test_commands_that_are_not_there_meet_the_nearest(arguments: list[str], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_commands_and_values_ignore_case(tmp_path: Path, pairs: Path) -> None:
    assert invoke("LIST", "Methods", "--task", "ivf").exit_code == 0
    data = ["-d", f"folder@ALL={pairs}", "--option", "folder.task=ivf"]
    result = invoke(
        "run", "-m", "average", *data, "--colour", "GRAY", "--precision", "Float32", "--metrics", "EN",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    table = invoke("table", tmp_path / "run", "--format", "LaTeX", "--mark", "None", "--layout", "Stacked")
    assert r"\toprule" in table.output, table.output


def test_a_table_of_a_csv_file_stands_beside_a_run(tmp_path: Path, pairs: Path) -> None:
    data = ["-d", f"Ours=folder={pairs}", "--option", "folder.task=IVF"]
    assert invoke("run", "-m", "average", *data, "--metrics", "EN,SD", "--out", tmp_path / "run").exit_code == 0
    path = tmp_path / "theirs.csv"
    path.write_text("Method,en,SD\u2191,XYZ\nTheirs,7.125,50.5,odd\n", encoding="utf-8")
    result = invoke("table", tmp_path / "run", "--published", path, "--decimals", "3")
    assert result.exit_code == 0, result.output
    assert r"Theirs \[theirs\]" in result.output
    assert "7.125" in result.output
    path.write_text("data set,method,EN@zhao\nOURS,Theirs,7.125\nelse,Theirs,1\n", encoding="utf-8")
    assert "7.125" in invoke("table", tmp_path / "run", "--published", path, "--decimals", "3").output
    stacked = tmp_path / "stacked.csv"
    assert invoke("table", tmp_path / "run", "--layout", "stacked", "-o", stacked).exit_code == 0
    assert r"Average \[stacked\]" in invoke("table", tmp_path / "run", "--published", stacked).output
    for text, words in (("method,EN\nTheirs,high\n", "'high' is not a finite number"), ("a,b\n", "lacks method")):
        path.write_text(text, encoding="utf-8")
        refused = invoke("table", tmp_path / "run", "--published", path)
        assert refused.exit_code == 2
        assert words in refused.output
    path.write_text("Method,Speed\nTheirs,3\n", encoding="utf-8")
    refused = invoke("table", tmp_path / "run", "--published", path)
    assert "none of its columns is a metric of these runs: Speed.\n  They have EN@zhao, SD@zhao." in refused.output
    assert "cannot be read" in invoke("table", tmp_path / "run", "--published", tmp_path / "none.csv").output
    assert "Did you mean film2024" in invoke("table", tmp_path / "run", "--published", "film204").output


@pytest.mark.parametrize("what", ["methods", "datasets", "metrics", "plugins"])
def test_lists_are_readable_by_people_and_programs(what: str) -> None:
    assert invoke("list", what).exit_code == 0
    rows = json.loads(invoke("list", what, "--json").stdout)
    assert len(rows) > 3
    assert all(row["name"] for row in rows)


def test_lists_can_be_narrowed_to_a_task() -> None:
    rows = json.loads(invoke("list", "methods", "--task", "mff", "--json").stdout)
    assert "focus-map" in {row["name"] for row in rows}
    assert "gtf" not in {row["name"] for row in rows}


def test_info_shows_options_paper_and_origin() -> None:
    output = invoke("info", "gff").output
    assert "option" in output
    assert "paper" in output
    assert "plugin classic" in output


def test_info_of_a_metric_prints_its_formula_and_those_it_refers_to() -> None:
    assert "  higher_is_better: False" in invoke("info", "CE@vifb").output
    output = invoke("info", "qabf@VIFB").output
    assert "formula: qabf of gray levels multiplied by a further 255" in output
    assert "qabf: Edge transfer: sum_S Q_S g_S / sum_S g_S" in output
    for key in current_plugins().metrics:
        assert "  formula: " in invoke("info", key).output, key


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("zhao", ["profile zhao, from plugin metrics", "  metrics: EN, SD", "  default: EN, SD"]),
        ("film2024", ["published table film2024", "EN: EN@zhao, EN@cddfuse"]),
        ("LaTeX", ["table format latex", "  suffix: .tex"]),
        ("local", ["executor local, from plugin"]),
        ("classic", ["plugin classic, from ", "  hooks: fusionbench_methods"]),
        ("ms_ssim@tang", ["metric MS-SSIM@tang"]),
    ],
)
def test_info_knows_whatever_has_a_name(name: str, words: list[str]) -> None:
    output = invoke("info", name).output
    assert all(word in output for word in words), output


def test_profiles_may_be_spelt_as_everywhere() -> None:
    rows = json.loads(invoke("list", "metrics", "--profile", "Metric_Python", "--json").stdout)
    assert {row["profile"] for row in rows} == {"metric-python"}


def test_info_of_a_metric_whose_code_is_gone_says_so(tmp_path: Path) -> None:
    plugin = tmp_path / "gone.py"
    plugin.write_text(
        "from fusionbench.types import MetricSpec\n"
        "def fusionbench_metrics():\n"
        "    return [MetricSpec(name='Gone', profile='own', operands='F', higher_is_better=True, function='gone:it')]\n"
    )
    assert "formula: not available: " in invoke("info", "-p", plugin, "gone").output


def test_values_of_options_ignore_case(pairs: Path, mine: Path, tmp_path: Path) -> None:
    settings = ["--colour", "GRAY", "--precision", "Float32", "--device", "CPU", "--profile", "Zhao", "--metrics", "en"]
    result = invoke(*run_arguments(pairs, mine, *settings, "--out", tmp_path / "run"))
    assert result.exit_code == 0, result.output
    frame = fb.load_run(tmp_path / "run").frame()
    assert set(frame.metric) == {"EN"}
    assert np.asarray(Image.open(frame.image.iloc[0])).ndim == 2


def test_doctor_finds_no_problem_here() -> None:
    result = invoke("doctor")
    assert result.exit_code == 0, result.output
    assert "no problems found" in result.output


def test_a_broken_plugin_is_reported_by_doctor_and_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.plugins import sources

    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_like_this\n", encoding="utf-8")
    suite = list(sources.installed())
    monkeypatch.setattr(sources, "installed", lambda: iter([*suite, sources.FileSource("broken", broken)]))
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "plugin broken: ModuleNotFoundError" in result.output
    assert invoke("list", "methods").exit_code == 0


def test_doctor_names_the_native_libraries_of_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusionbench.plugins import sources

    library = """
from pathlib import Path
from fusionbench.native import Native
NATIVE = Native(Path(__file__).parent, 1, lambda library: library)
"""
    brought = {"has_library": library, "has_something_else": "", "has_a_fault": "1 / 0"}
    for name, text in brought.items():
        (tmp_path / name / "native").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "native" / "__init__.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    suite = list(sources.installed())
    more = [sources.PluginSource(name, name) for name in brought]
    monkeypatch.setattr(sources, "installed", lambda: iter([*suite, *more]))
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "native kernel of classic:" in result.output
    assert "native kernel of has_library: not built" in result.output
    assert "has_a_fault.native cannot be imported: ZeroDivisionError" in result.output
    assert "has_something_else" not in result.output


@pytest.mark.shared
def test_real_pairs_from_the_data_root(tmp_path: Path) -> None:
    data = shared_path("data")
    result = invoke(
        "run", "-m", "average", "-m", "laplacian", "-d", "roadscene", "-d", "lytro", "--data-root", data,
        "--limit", 2, "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    frame = fb.load_run(tmp_path / "run").frame()
    assert set(frame.dataset) == {"roadscene", "lytro"}
    assert frame.value.notna().all()
    written = np.asarray(Image.open(frame[frame.dataset == "lytro"].image.iloc[0]))
    assert written.shape == (520, 520, 3)
    published = invoke("table", tmp_path / "run", "--published", "film2024", "--format", "markdown")
    assert published.exit_code == 0, published.output
    assert "FILM" in published.stdout


def test_names_may_be_given_in_one_word_or_one_by_one(pairs: Path, tmp_path: Path) -> None:
    data = ["-d", f"folder={pairs}", "--option", "folder.task=IVF"]
    one = invoke("run", "-m", "average", *data, "--profile", "zhao,vifb", "--metrics", "EN,SD", "--out", tmp_path / "1")
    several = ["--profile", "zhao", "--profile", "vifb", "--metrics", "EN", "--metrics", "SD"]
    two = invoke("run", "-m", "average", *data, *several, "--out", tmp_path / "2")
    assert one.exit_code == two.exit_code == 0
    for part in ("EN@zhao", "SD@zhao", "EN@vifb", "SD@vifb"):
        assert part in one.output
        assert part in two.output
    frames = [fb.load_run(tmp_path / name).frame()[["metric", "profile", "value"]] for name in "12"]
    assert frames[0].equals(frames[1])
    table = invoke("table", tmp_path / "1", "--metrics", "SD", "--metrics", "EN", "--format", "csv").output
    assert table == invoke("table", tmp_path / "1", "--metrics", "SD,EN", "--format", "csv").output
    assert "SD" in table
    assert "EN" in table


def test_a_name_that_is_a_stranger_to_options_and_to_weights_is_told_of_for_both(pairs: Path) -> None:
    data = ["-d", f"folder={pairs}", "--option", "folder.task=IVF"]
    given = ["--option", "gff.radius=3", "--weights", "gff=x.pth"]
    result = invoke("run", "-m", "average", *data, *given)
    assert result.exit_code == 2
    assert "--option names 'gff'" in result.output
    assert "--weights names 'gff', which is no method of this run.\n  In this run: average.\n" in result.output


def test_python_takes_what_yaml_says_of_a_method_or_data_set(pairs: Path, tmp_path: Path) -> None:
    method = {"name": "laplacian", "label": "LP-3", "options": {"levels": 3}}
    data = {"name": "folder", "label": "ours", "root": str(pairs), "options": {"task": "IVF", "sides": ["ir", "vi"]}}
    run = fb.run(method, [data], out=str(tmp_path / "run"), metrics="EN", limit=1, isolate=False)
    assert set(run.frame()[["method", "dataset"]].itertuples(index=False, name=None)) == {("LP-3", "ours")}
    with pytest.raises(UsageError, match=r"unknown setting 'opts'"):
        fb.run({"name": "laplacian", "opts": {}}, "demo-ivf")


def test_what_is_left_out_of_the_output_is_said_to_be_where_it_is(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 25)
    broken = tmp_path / "broken.py"
    broken.write_text(MINE.replace("return share * infrared", "raise ValueError\n    return share * infrared"))
    data = ["-d", f"folder={tmp_path / 'pairs'}", "--option", "folder.task=IVF", "--metrics", "EN"]
    result = invoke("run", "-p", broken, "-m", "mine", *data, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert result.output.count("failed: mine on folder") == 20
    assert "`fusionbench runs show` says why samples failed" in result.output
    assert f"failed   why: fusionbench runs show {tmp_path / 'run'}" in result.output
    assert "ValueError" in invoke("runs", "show", tmp_path / "run").output
    assert fb.load_run(tmp_path / "run").frame().error.str.contains("ValueError").all()


def test_a_folder_for_a_data_set_and_a_file_for_a_method_are_told_the_way(pairs: Path, mine: Path) -> None:
    for command in (["run", "-m", "average"], ["data", "check"], ["score", "--fused", pairs / "ir"]):
        where = [pairs] if command[0] == "data" else ["-d", pairs]
        result = invoke(*command, *where)
        assert result.exit_code == 2
        assert f"-d folder={pairs} --option folder.task=TASK" in result.output
    result = invoke("run", "-m", mine, "-d", "demo-ivf")
    assert result.exit_code == 2
    assert f"A plugin file is loaded with -p {mine}" in result.output
