"""An isolated method in the harness: the same pictures, and no way to take a run with it."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.fusing import Fuser, load_fuser
from fusionbench.images import to_levels, write_png
from fusionbench.isolation.method import IsolatedMethod
from fusionbench.plugins import load_plugins
from fusionbench.testing import check, picture
from fusionbench.types import MethodError, MethodSpec, PluginError
from tests.helpers.isolated import isolated_spec, write_plugin

ROOT = Path(__file__).resolve().parents[2]
HERE = f"python={sys.executable!r}"
CODE = """
import ctypes, os, sys, time
import numpy as np

class Inside:
    def __init__(self, *, how="mean"):
        self.how = how
        if how == "refuse":
            raise ValueError("how must not be refuse")

    def load(self, device, weights):
        if self.how == "slow start":
            time.sleep(600)

    def fuse(self, batch):
        a, b = batch.sources
        print("fusing", *batch.ids)
        if self.how == "exit" or (self.how == "some" and batch.ids == ("2",)):
            print("the end", file=sys.stderr)
            os._exit(3)
        if self.how == "crash":
            ctypes.string_at(0)
        if self.how == "sleep":
            time.sleep(600)
        if self.how == "raise":
            raise ValueError("no\\nluck")
        if self.how == "levels":
            return (255 * a).astype(np.uint8)
        if self.how == "crop":
            return a[..., 1:]
        if self.how == "huge":
            return np.zeros((50, *a.shape[1:]), np.float32)
        if self.how == "noise":
            return np.random.rand(*a.shape)
        if self.how == "memory" and a.size > 70000:
            raise MemoryError
        if self.how == "talk":
            os.write(200 + 1, b"hello\\n")
        if self.how == "variables":
            assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
            assert "PYTHONPATH" not in os.environ
        return (a + b) / 2
"""


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    load_plugins()


@pytest.fixture
def spec(tmp_path: Path, restored: None) -> MethodSpec:
    return isolated_spec(write_plugin(tmp_path, CODE, HERE))


def fuser(spec: MethodSpec, how: str = "mean") -> Fuser:
    return load_fuser(spec, device=torch.device("cpu"), options={"how": how})


def test_it_gives_what_the_same_method_gives_here(spec: MethodSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    a, b = picture((33, 46), 3, seed=1), picture((33, 46), seed=2)
    fused = fuser(spec, "variables")(a, b)
    torch.testing.assert_close(fused, fb.get_method("average", device="cpu")(a, b), rtol=0, atol=1e-6)


def test_the_harness_imports_nothing_of_it(spec: MethodSpec) -> None:
    fuser(spec)(picture((8, 9)), picture((8, 9)))
    assert "code_inside" not in sys.modules


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raise", r"method inside raised ValueError: no luck \(.*code_inside.py, line \d+\)"),
        ("levels", "returned uint8, expected floating point values"),
        ("crop", "returned shape .*, expected 1 x 1 x 20 x 30"),
        ("huge", r"returned shape \(50, 1, 20, 30\)"),
    ],
)
def test_what_it_does_wrong_fails_the_image_and_no_more(spec: MethodSpec, how: str, reason: str) -> None:
    method = fuser(spec, how)
    first = method.method._process
    for _ in range(2):
        with pytest.raises(MethodError, match=reason):
            method(picture((20, 30)), picture((20, 30)))
    assert method.method._process is first


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("exit", r"(?s)its process ended with status 3\. The last that it printed:.*the end"),
        ("crash", "its process was killed by SIGSEGV"),
        ("talk", "its process wrote something else than an answer and was stopped"),
    ],
)
def test_a_process_that_dies_is_replaced(spec: MethodSpec, how: str, reason: str) -> None:
    method = fuser(spec, how)
    first = method.method._process
    with pytest.raises(MethodError, match=reason):
        method(picture((20, 30)), picture((20, 30)))
    assert first._process.poll() is not None
    with pytest.raises(MethodError, match=reason):
        method(picture((20, 30)), picture((20, 30)))


def test_a_process_that_takes_too_long_is_ended(
    tmp_path: Path, restored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = isolated_spec(write_plugin(tmp_path, CODE, f"{HERE}, timeout=1"))
    method = fuser(spec, "sleep")
    first = method.method._process
    with pytest.raises(MethodError, match="its process took more than 1 s and was stopped"):
        method(picture((20, 30)), picture((20, 30)))
    assert first._process.poll() == -signal.SIGKILL
    monkeypatch.setattr("fusionbench.isolation.method._START_UP", 2)
    with pytest.raises(MethodError, match="could not be loaded: its process took more than 3 s"):
        fuser(spec, "slow start")


def test_what_its_constructor_raises_is_told(spec: MethodSpec) -> None:
    with pytest.raises(MethodError, match=r"method inside could not be loaded: ValueError: how must not be refuse"):
        fuser(spec, "refuse")


def test_memory_that_runs_out_inside_is_met_by_tiles(tmp_path: Path, restored: None) -> None:
    spec = isolated_spec(write_plugin(tmp_path, CODE, HERE, facts="overlap=16,"))
    image = picture((300, 400))
    fused = fuser(spec, "memory")(image, image)
    torch.testing.assert_close(fused[0], image, rtol=0, atol=1e-6)


def test_random_numbers_are_those_of_the_seed(spec: MethodSpec) -> None:
    method, image = fuser(spec, "noise"), picture((8, 9))
    seen = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        seen.append(method(image, image))
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[1])


def test_a_process_that_takes_the_place_of_another_is_loaded_with_the_same_numbers(
    tmp_path: Path, restored: None
) -> None:
    code = """
import os
import numpy as np

class Inside:
    def __init__(self, *, how="mean"):
        self.how = how

    def load(self, device, weights):
        self.number = np.random.rand()

    def fuse(self, batch):
        if batch.sources[0].shape[-1] == 5:
            os._exit(3)
        return batch.sources[0] * 0 + self.number
"""
    method, image = fuser(isolated_spec(write_plugin(tmp_path, code, HERE))), picture((8, 9))
    first = method(image, image)
    torch.manual_seed(123)
    with pytest.raises(MethodError, match="ended with status 3"):
        method(image[..., :5], image[..., :5])
    assert torch.equal(method(image, image), first)


def test_its_process_ends_with_it(spec: MethodSpec) -> None:
    method = fuser(spec)
    process = method.method._process._process
    assert process.poll() is None
    del method
    gc.collect()
    assert process.wait(20) == 0


def test_its_process_ends_with_a_harness_that_is_killed(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, CODE, HERE)
    code = (
        "import fusionbench as fb, os, signal; from fusionbench.plugins import load_plugins\n"
        f"load_plugins(({str(plugin)!r},)); fuse = fb.get_method('inside', device='cpu')\n"
        "print(fuse.method._process._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    process = int(done.stdout)
    give_up = time.monotonic() + 20
    while _alive(process) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not _alive(process)


def _alive(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_keeps_its_contract(tmp_path: Path, restored: None) -> None:
    (report,) = check(str(write_plugin(tmp_path, CODE, HERE)))
    assert report.failures == ()
    found = {finding.check: finding for finding in report.findings}
    assert found["loads"].detail.startswith("in its own environment: Python 3.")
    assert found["worker"].outcome == "pass"


@pytest.mark.parametrize(
    ("factory", "reason"),
    [("nowhere:Inside", "is not the"), ("code_inside", "is not"), ("sys:x", "is not")],
)
def test_code_that_is_nowhere_is_told(factory: str, reason: str, spec: MethodSpec) -> None:
    other = MethodSpec(name="inside", tasks=spec.tasks, factory=factory, isolated=spec.isolated)
    with pytest.raises(PluginError, match=reason):
        IsolatedMethod(other, {})


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def test_a_run_survives_it_and_says_what_it_ran_in(tmp_path: Path, restored: None) -> None:
    plugin = write_plugin(tmp_path, CODE, HERE)
    out = tmp_path / "run"
    for name in ("1", "2", "3"):
        for side in ("thermal", "visible"):
            (tmp_path / "data" / side).mkdir(parents=True, exist_ok=True)
            write_png(tmp_path / "data" / side / f"{name}.png", to_levels(picture((24, 30), seed=int(name)))[0].numpy())
    words = ("run", "-p", plugin, "-m", "inside", "-d", f"folder={tmp_path / 'data'}", "--out", out, "--metrics", "EN")
    words += ("--option", "folder.task=IVF", "--option", "folder.sides=thermal,visible", "--option", "inside.how=some")
    code, output = run(*words)
    frame = fb.load_run(out).frame()
    assert code == 1, output
    assert list(frame["sample"]) == ["1", "2", "3"]
    failed = frame[frame["status"] != "ok"]
    assert list(failed["sample"]) == ["2"]
    assert "its process ended with status 3" in failed["error"].iloc[0]
    assert "the end" in failed["error"].iloc[0]
    facts = fb.load_run(out).info["methods"]["inside"]["environment"]
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["packages"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert "fusing" in (out / "worker.log").read_text(encoding="utf-8", errors="replace")
    assert len(list((out / "images").rglob("*.png"))) == 2
