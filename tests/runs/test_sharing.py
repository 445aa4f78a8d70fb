"""Methods that share a process: what is done once for all of them, and that none suffers from another."""

from __future__ import annotations

import dataclasses
import functools
import os
import random
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.metrics import Scorer
from fusionbench.metrics.sources import KnownSources
from fusionbench.plugins import current_plugins
from fusionbench.runs import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.matrix import Pairing, ResolvedMethod
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.sharing import leaders
from fusionbench.runs.watching import SilentWatcher
from fusionbench.types import MethodSpec, Task, UsageError
from tests.helpers.scenes import scene
from tests.helpers.workshop import FUSES, Workshop, failures, method

SHARES = {"shares_process": "True"}
LEAVES_ITS_PROCESS = """
    from pathlib import Path
    folder = Path({folder!r})
    folder.mkdir(exist_ok=True)
    (folder / f"{name}-{{batch.ids[0]}}").write_text(str(os.getpid()))
    return torch.maximum(*batch.sources)
"""


def pairing(name: str, dataset: str = "d", **facts: Any) -> Pairing:
    spec = MethodSpec(name=name, tasks=(Task.IVF,), factory="x:Y", **facts)
    resolved = ResolvedMethod(request=MethodRequest(name=name), spec=spec, options={})
    opened = OpenedDataset(dataset, DatasetRequest(name=dataset), Task.IVF, (), ())
    return Pairing(method=resolved, dataset=opened)


def test_who_shares_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusionbench.runs.sharing._TOGETHER", 100)
    for name, size in (("small", 40), ("large", 70)):
        (tmp_path / name).write_bytes(bytes(size))
    sharing = [
        pairing("a", shares_process=True),
        pairing("alone"),
        pairing("reads", shares_process=True, text="optional"),
        dataclasses.replace(pairing("b", shares_process=True), weights=tmp_path / "small"),
        dataclasses.replace(pairing("c", shares_process=True), weights=tmp_path / "large"),
        pairing("e", shares_process=True),
        pairing("a", "other", shares_process=True),
    ]
    found = leaders(sharing, RunConfig())
    assert {method: leader for (method, dataset), leader in found.items() if dataset == "d"} == {
        "a": "a", "alone": "alone", "reads": "reads", "b": "a", "c": "c", "e": "c",
    }  # fmt: skip
    assert found["a", "other"] == "a"
    assert all(leader == name for (name, _), leader in leaders(sharing, RunConfig(compile=True)).items())


def test_the_suites_methods_share() -> None:
    alone = {
        name for name, spec in current_plugins().methods.items() if not spec.shares_process and spec.text == "none"
    }
    # One reads files of its user, one takes minutes an image, one is a variant of a method that reads text.
    assert alone == {"precomputed", "ddfm", "film-no-text"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked where that is possible")
def test_methods_that_share_fuse_sample_by_sample_in_one_process(workshop: Workshop, tmp_path: Path) -> None:
    folder = str(tmp_path / "seen")
    code = "".join(
        method(LEAVES_ITS_PROCESS.format(folder=folder, name=name), name=name, **facts)
        for name, facts in (("first", SHARES), ("second", SHARES), ("third", {}))
    )
    assert fb.run(**workshop(code, methods=["first", "second", "third"]), device="cpu").complete
    seen = sorted((path.stat().st_mtime_ns, path.name, path.read_text()) for path in (tmp_path / "seen").iterdir())
    shared = [(name, process) for _, name, process in seen if not name.startswith("third")]
    assert [name for name, _ in shared[:4]] == ["first-000", "second-000", "first-001", "second-001"]
    assert len({process for _, process in shared}) == 1
    assert not {process for _, process in shared} & {process for _, name, process in seen if name.startswith("third")}


@pytest.mark.parametrize("fault", ["os._exit(7)", "os.kill(os.getpid(), signal.SIGSEGV)", "time.sleep(600)", "1 / 0"])
@pytest.mark.parametrize("device", ["cpu", "cpu:2"])
def test_only_the_guilty_sample_of_the_guilty_method_fails(workshop: Workshop, fault: str, device: str) -> None:
    body = f"if '002' in batch.ids:\n    {fault}\nreturn batch.sources[0]"
    code = method(FUSES, **SHARES) + method(body, name="guilty", **SHARES) + method(FUSES, name="last", **SHARES)
    run = fb.run(**workshop(code, methods=["mine", "guilty", "last"]), device=device, timeout=3)
    assert run.failed == 1
    assert set(failures(run, "guilty")) == {"002"}


@pytest.mark.parametrize("fault", ["os._exit(7)", "time.sleep(600)", "raise ValueError('no')"])
def test_a_method_that_cannot_be_loaded_costs_the_others_nothing(
    workshop: Workshop, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusionbench.runs.executors._START_UP", 10.0)
    mine, warns = (LEAVES_ITS_PROCESS.format(folder=str(tmp_path / "seen"), name=name) for name in ("mine", "warns"))
    code = method(mine, **SHARES) + method(FUSES, name="guilty", load=fault, **SHARES)
    code += method(warns, name="warns", load="import warnings; warnings.warn('hello')", **SHARES)
    run = fb.run(**workshop(code, count=2, methods=["warns", "guilty", "mine"]), device="cpu", timeout=1)
    assert run.failed == 2
    assert set(failures(run, "guilty")) == {"000", "001"}
    # They still share theirs: it is known who was being loaded.
    assert len({path.read_text() for path in (tmp_path / "seen").iterdir()}) == 1


def test_a_method_that_kills_its_process_again_and_again_does_not_have_the_others_loaded_each_time(
    workshop: Workshop, tmp_path: Path
) -> None:
    counts = f"""
        with open({str(tmp_path / "loads")!r}, "a") as file:
            file.write("x")
    """
    code = method(FUSES, load=counts, **SHARES) + method("os._exit(7)", name="guilty", **SHARES)
    run = fb.run(**workshop(code, count=6, methods=["mine", "guilty"]), device="cpu")
    assert set(failures(run)) == set(failures(run, "guilty")) == {f"{index:03d}" for index in range(6)}
    assert (tmp_path / "loads").read_text() == "xx"


@pytest.mark.parametrize("late", ["0", "3"])
def test_who_dies_of_what_another_method_left_behind_is_not_guilty(workshop: Workshop, late: str) -> None:
    leaves = "torch.fusionbench_left = 1\nreturn batch.sources[0]"
    suffers = f"if hasattr(torch, 'fusionbench_left') and int(batch.ids[0]) >= {late}:\n    os._exit(7)\n{FUSES}"
    code = method(leaves, **SHARES) + method(suffers, name="suffers", **SHARES)
    assert fb.run(**workshop(code, methods=["mine", "suffers"]), device="cpu").complete


DEEDS = {
    "torch's default dtype": "torch.set_default_dtype(torch.float64)",
    "torch's number of threads": "torch.set_num_threads(3)",
    "torch's precision of float32": "torch.set_float32_matmul_precision('medium')",
    "cuDNN's settings": "torch.backends.cudnn.benchmark = True",
    "NumPy's treatment of errors": "import numpy; numpy.seterr(all='raise')",
    "the current folder": "os.chdir('/')",
}


class Heard(SilentWatcher):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def notice(self, message: str) -> None:
        self.messages.append(message)


SEES = """
    import numpy
    seen = (torch.get_default_dtype(), torch.get_num_threads(), torch.get_float32_matmul_precision(),
            torch.backends.cudnn.benchmark, numpy.geterr(), os.getcwd())
    with open({file!r}, "a") as file:
        print(seen, file=file)
    return batch.sources[0]
"""


@pytest.mark.parametrize("when", ["load", "fuse"])
def test_what_a_sharing_method_changes_of_its_process_is_put_back_and_said(
    workshop: Workshop, tmp_path: Path, when: str
) -> None:
    deeds = "\n".join(DEEDS.values())
    does = method(FUSES, load=deeds, **SHARES) if when == "load" else method(f"{deeds}\n{FUSES}", **SHARES)
    code = does + method(SEES.format(file=str(tmp_path / "seen")), name="sees", **SHARES)
    settings = workshop(code, count=2)
    assert fb.run(**settings | {"methods": "sees", "out": f"{settings['out']}-alone"}, device="cpu").complete
    heard = Heard()
    assert fb.run(**settings | {"methods": ["mine", "sees"]}, device="cpu", watcher=heard).complete
    assert len(set((tmp_path / "seen").read_text().splitlines())) == 1
    (said,) = [message for message in heard.messages if "though it says shares_process" in message]
    assert all(deed in said for deed in DEEDS)


def test_random_numbers_do_not_depend_on_who_shares_the_process(workshop: Workshop) -> None:
    draws = """
        import random
        import numpy
        numbers = [random.random(), numpy.random.random(), float(torch.rand(()))]
        return batch.sources[0] * 0 + torch.tensor(numbers).mean()
    """
    load = "import numpy; self.number = numpy.random.random() + float(torch.rand(()))"
    draws = draws.replace("torch.tensor(numbers)", "torch.tensor([*numbers, self.number / 2])")
    code = method(draws, load=load, **SHARES) + method(draws, name="other", load=load, **SHARES)
    settings = workshop(code, count=2, methods=["other", "mine"]) | {"metrics": ("EN",)}
    together = fb.run(**settings, device="cpu").frame()
    alone = fb.run(**settings | {"methods": "mine", "out": f"{settings['out']}-alone"}, device="cpu").frame()
    assert set(together[together.method == "mine"].image_sha256) == set(alone.image_sha256)
    assert alone.image_sha256.nunique() == 2


def test_loading_a_metric_s_network_does_not_disturb_the_random_numbers_of_methods(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights" / "Slow").mkdir(parents=True)
    (tmp_path / "weights" / "Slow" / "gain.txt").write_text("1")
    draws = """
        total = 0
        for _ in range(20):
            time.sleep(0.05)
            total = total + torch.rand(batch.sources[0].shape)
        return total / 20
    """
    metric = """
        def load(device, weights):
            for _ in range(12):
                torch.rand(7)
                time.sleep(0.1)
            return lambda planes: planes.fused.mean((-2, -1))

        def fusionbench_metrics():
            weights = (fb.WeightSpec(name="gain", filename="gain.txt"),)
            return [fb.MetricSpec(name="Slow", profile="slow", operands="F", higher_is_better=None, function=load,
                                  weights=weights)]
    """
    settings = workshop(method(draws) + textwrap.dedent(metric), count=3)
    with_it = fb.run(**settings, metrics=("EN", "Slow@slow"), device="cpu").frame()
    without = fb.run(**settings | {"out": f"{settings['out']}-without"}, metrics=("EN",), device="cpu").frame()
    assert set(with_it.metric) == {"EN", "Slow"}
    assert set(with_it.image_sha256) == set(without.image_sha256)


def test_a_run_in_this_process_leaves_its_random_numbers_as_they_were(workshop: Workshop) -> None:
    settings = workshop(method(FUSES), count=1)

    def numbers() -> list[float]:
        return [random.random(), np.random.random(), float(torch.rand(()))]

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = numbers()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert fb.run(**settings, isolate=False).complete
    assert numbers() == expected


@pytest.mark.parametrize("size", [2**28, 300_000, 0])
@pytest.mark.parametrize("count", [2, 3])
def test_known_sources_change_no_value(count: int, size: int) -> None:
    """Every convention, gray and in colour, in any order of calls: as if each image were scored by itself."""
    torch.manual_seed(0)
    infrared, visible = (torch.from_numpy(image) for image in scene(3, 70, 90))
    colour = visible.permute(2, 0, 1)
    sources = [source[None] for source in (infrared[None], colour, torch.flip(colour, (1,)))[:count]]
    truth = torch.roll(colour, 2, 1)[None]
    images = [colour, colour.float().mean(0, keepdim=True).byte(), infrared[None], torch.flip(colour, (2,))]
    specs = [spec for spec in current_plugins().metrics.values() if not spec.weights and spec.profile != "pyiqa"]
    scorer = Scorer.of_specs(specs)
    known = KnownSources(sources, truth, size=size)
    for image in images:
        alone = scorer.scores(image[None], sources, truth)
        together = scorer.scores(image[None], known)
        assert alone.errors == together.errors
        for key, value in alone.values.items():
            torch.testing.assert_close(together.values[key], value, rtol=0, atol=0, equal_nan=True, msg=key)


def test_what_is_kept_of_known_sources_has_a_bound() -> None:
    known = KnownSources((), size=1000)
    computed = []

    def compute(name: str, values: int) -> list[torch.Tensor]:
        computed.append(name)
        return [torch.zeros(values, dtype=torch.float64)]

    for name, values in (("large", 126), ("fits", 100), ("small", 25), ("more", 1)) * 2:
        known.get(name, functools.partial(compute, name, values))
    assert computed == ["large", "fits", "small", "more", "large", "more"]


def test_scores_of_less_precision_are_another_version_and_close(workshop: Workshop) -> None:
    settings = workshop(method(FUSES), count=2)
    exact = fb.run(**settings).frame()
    run = fb.run(**settings, scoring="float32")
    assert run.computed == 2
    rough = run.frame()
    assert {spec["version"] for spec in run.info["metrics"].values()} == {"1+float32"}
    assert (exact.value != rough.value).any()
    assert rough.value.to_numpy() == pytest.approx(exact.value.to_numpy(), rel=1e-4)
    # The former ones are still there, and come back without being computed.
    assert fb.run(**settings).computed == 0
    with pytest.raises(UsageError, match="scoring must be one of float64, float32"):
        fb.run(**settings, scoring="float16")
