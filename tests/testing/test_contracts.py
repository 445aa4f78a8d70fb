"""Contracts find each planted fault, say what to do, and hold for everything that the suite brings."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fusionbench.cli import main
from fusionbench.metrics.versions import identified
from fusionbench.plugins import current_plugins, load_plugins
from fusionbench.testing import ContractError, Report, assert_contract, check, pretended_cuda
from fusionbench.types import FusionBenchError, UnknownNameError, UsageError, WeightsError
from fusionbench_ddfm import method as ddfm
from fusionbench_ddfm.unet import UNetConfig
from fusionbench_mufusion import method as mufusion
from fusionbench_mufusion.network import MUFusion
from tests.helpers.scenes import write_pairs
from tests.testing import broken

METHODS, METRICS = current_plugins().methods, current_plugins().metrics
# Reads pictures that others made.
EXCEPTIONS = {"precomputed"}
# Small amounts of work: fewer steps, channels and blocks of the same code.
SMALL = {"dim": 8, "heads": 2, "stages": 1, "decoder_blocks": 1}
GUIDED = {"hidden_dim": 16, "cross_heads": 4, "token_dim": 4, **SMALL}
# Their variants of the text lie in files of a data set; how text guides is tried with `film` and `film-compact`.
NO_TEXT = {"text": "none", **GUIDED}
OPTIONS: dict[str, dict[str, Any]] = {
    "ddfm": {"steps": 2},
    "film": GUIDED,
    "film-caption": NO_TEXT,
    "film-dense": NO_TEXT,
    "film-direct": NO_TEXT,
    "film-no-llm": NO_TEXT,
    "film-no-text": SMALL,
    "murf": {"square": 64},
}


@pytest.fixture
def restored() -> Iterator[None]:
    """Plugins of a test are gone after it."""
    yield
    load_plugins()


def report_of(path: Path, code: str) -> Report:
    path.write_text(code, encoding="utf-8")
    (report,) = check(str(path), worker=False)
    return report


@pytest.mark.parametrize("name", sorted(set(METHODS) - EXCEPTIONS))
def test_every_method_keeps_its_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = UNetConfig(channels=64, multipliers=(1, 1, 1, 1, 1, 1), blocks=1, head_width=16)
    monkeypatch.setattr(ddfm, "UNetConfig", lambda: small)
    monkeypatch.setattr(mufusion, "MUFusion", lambda: MUFusion(width=4))
    assert_contract(f"method:{name}", options=OPTIONS.get(name), worker=False)


@pytest.mark.parametrize("key", METRICS)
def test_every_metric_keeps_its_contract(key: str) -> None:
    for package in METRICS[key].packages:
        pytest.importorskip(package)
    try:
        identified(METRICS[key])
    except WeightsError as error:
        pytest.skip(str(error))
    assert_contract(f"metric:{key}")


@pytest.mark.parametrize("name", current_plugins().exporters)
def test_every_table_format_keeps_its_contract(name: str) -> None:
    assert_contract(f"exporter:{name}")


@pytest.mark.parametrize("name", current_plugins().datasets)
def test_every_data_set_keeps_its_contract(name: str) -> None:
    assert_contract(f"dataset:{name}")


def test_a_method_works_in_a_worker() -> None:
    (report,) = check("average")
    found = {finding.check: finding for finding in report.findings}
    assert found["worker"].outcome == "pass", found["worker"]


@pytest.mark.usefixtures("restored")
def test_a_method_of_a_plugin_that_is_named_works_in_a_worker(tmp_path: Path) -> None:
    """``-p FILE.py NAME`` is as good as ``FILE.py``, and plugins beside a file count, too."""
    (tmp_path / "mine.py").write_text(broken.method("return (a + b) / 2"), encoding="utf-8")
    (tmp_path / "other.py").write_text("import fusionbench as fb\n", encoding="utf-8")
    for words in (
        ["-p", str(tmp_path / "mine.py"), "broken"],
        ["-p", str(tmp_path / "other.py"), str(tmp_path / "mine.py")],
    ):
        done = CliRunner().invoke(main, ["check", *words, "--json"])
        (report,) = json.loads(done.stdout)
        assert [found for found in report["findings"] if found["outcome"] == "fail"] == []
        assert "other" in current_plugins().origins or words[-1] == "broken"


@pytest.mark.parametrize("fault", broken.METHODS)
@pytest.mark.usefixtures("restored")
def test_a_fault_of_a_method_is_found(tmp_path: Path, fault: str) -> None:
    if fault == "device" and pretended_cuda.missing_parts():
        pytest.skip(pretended_cuda.missing_parts())
    report = report_of(tmp_path / "faulty.py", broken.method(broken.METHODS[fault]))
    found = {finding.check: finding for finding in report.failures}
    assert fault in found
    assert found[fault].remedy or "\n" in found[fault].detail


@pytest.mark.parametrize("part", broken.PROCESS)
@pytest.mark.usefixtures("restored")
def test_what_a_method_changes_in_its_process_is_named_and_put_back(tmp_path: Path, part: str) -> None:
    place = Path.cwd()
    # Whatever ran before may have left the process in the very state that the method makes.
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(1)
    report = report_of(tmp_path / "faulty.py", broken.method(f"{broken.PROCESS[part]}; return torch.maximum(a, b)"))
    (finding,) = [finding for finding in report.failures if finding.check == "process unchanged"]
    assert part in finding.detail
    assert Path.cwd() == place
    load_plugins()
    (clean,) = check("average", worker=False)
    assert clean.failures == ()


@pytest.mark.usefixtures("restored")
def test_variables_that_a_method_sets_are_named_and_torch_s_own_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    sets = "os.environ['TORCHINDUCTOR_CACHE_DIR'] = '/x'; {}return torch.maximum(a, b)"
    report = report_of(tmp_path / "faulty.py", broken.method(sets.format("os.environ['FUSED'] = '1'; ")))
    (finding,) = [finding for finding in report.failures if finding.check == "process unchanged"]
    assert finding.detail == "changed environment variables (FUSED)."
    load_plugins()
    assert report_of(tmp_path / "faultless.py", broken.method(sets.format(""))).failures == ()


@pytest.mark.parametrize("fault", broken.METRICS)
@pytest.mark.usefixtures("restored")
def test_a_fault_of_a_metric_is_found(tmp_path: Path, fault: str) -> None:
    if fault == "device" and pretended_cuda.missing_parts():
        pytest.skip(pretended_cuda.missing_parts())
    report = report_of(tmp_path / "faulty.py", broken.metric(*broken.METRICS[fault]))
    assert fault in {finding.check for finding in report.failures}


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("hostile names", 'return "".join(row.title for row in table.rows)'),
        ("complete", 'return "a table"'),
        ("layouts", "return None"),
        ("determinism", "import time; return str(time.perf_counter_ns())"),
    ],
)
@pytest.mark.usefixtures("restored")
def test_a_fault_of_a_table_format_is_found(tmp_path: Path, fault: str, body: str) -> None:
    code = (
        f"from fusionbench.types import ExporterSpec\n\n\ndef render(table):\n    {body}\n\n\n"
        'def fusionbench_exporters():\n    return [ExporterSpec(name="faulty", render=render, suffix=".html")]\n'
    )
    assert fault in {finding.check for finding in report_of(tmp_path / "faulty.py", code).failures}


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("empty folder", "return FileDataset(name='faulty', task=fb.Task.IVF, samples=())"),
        ("empty folder", "return sorted(root.iterdir())[0]"),
    ],
)
@pytest.mark.usefixtures("restored")
def test_a_fault_of_a_data_set_is_found(tmp_path: Path, fault: str, body: str) -> None:
    code = (
        "import fusionbench as fb\nfrom fusionbench.data import FileDataset\n\n\n"
        f"def opener(root, split):\n    {body}\n\n\n"
        "def fusionbench_datasets():\n"
        '    return [fb.DatasetSpec(name="faulty", task=fb.Task.IVF, opener=opener, layout="ir/, vi/")]\n'
    )
    assert fault in {finding.check for finding in report_of(tmp_path / "faulty.py", code).failures}


def test_a_folder_is_looked_at(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    (report,) = check("dataset:folder", root=tmp_path, options={"task": "IVF"})
    assert report.failures == ()
    assert {finding.outcome for finding in report.findings} == {"pass"}


def test_what_the_command_prints_and_its_status(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(broken.method(broken.METHODS["inputs unchanged"]), encoding="utf-8")
    runner = CliRunner()
    good = runner.invoke(main, ["check", "average", "markdown", "--no-worker"])
    assert good.exit_code == 0
    assert good.output.count("keeps its contract") == 2
    bad = runner.invoke(main, ["check", str(tmp_path / "faulty.py"), "--no-worker"])
    load_plugins()
    assert bad.exit_code == 1
    assert "FAIL" in bad.output
    assert "a.mul(b)" in bad.output


def test_a_plugin_s_printing_does_not_spoil_json(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(broken.method(broken.METHODS["process unchanged"]), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(tmp_path / "faulty.py"), "--no-worker", "--json"])
    load_plugins()
    (row,) = json.loads(result.stdout)
    assert row["name"] == "broken"
    assert [f["check"] for f in row["findings"] if f["outcome"] == "fail"] == ["process unchanged"]


def test_names_are_understood() -> None:
    assert [report.name for report in check("Qabf")] == [key for key, spec in METRICS.items() if spec.name == "Qabf"]
    assert [report.kind for report in check("exporter:csv")] == ["table format"]
    with pytest.raises(UnknownNameError, match="average"):
        list(check("averag"))
    with pytest.raises(UsageError, match="weights belong to one method"):
        list(check("csv", weights=Path("x.pth")))
    with pytest.raises(FusionBenchError, match="does not exist"):
        list(check("absent.py"))


def test_failures_are_one_error(tmp_path: Path) -> None:
    report = report_of(tmp_path / "faulty.py", broken.method(broken.METHODS["inputs unchanged"]))
    load_plugins()
    with pytest.raises(ContractError, match=r"method broken breaks its contract:\n  .*clone first"):
        report.raise_for_failures()
