"""What a user types, from beginning to end."""

from __future__ import annotations

import json
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
        (["run", "-m", "average", "-d", "demo-ivf", "--metrics", "QABF"], ["QABF"]),
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
        (["lst"], ["No such command 'lst'"]),
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
