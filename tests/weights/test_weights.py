"""Finding weights: which file, in which folder, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusionbench import MethodSpec, Option, Task, WeightSpec
from fusionbench.types import FusionBenchError, WeightsError
from fusionbench.weights import hub
from fusionbench.weights.finding import choose_weights, find_weights, weights_folder
from tests.weights.bundles import write_bundle

SPEC = MethodSpec(
    name="net",
    tasks=(Task.IVF, Task.MEF),
    factory="nowhere:Net",
    options={"rule": Option(default="auto")},
    weights=(
        WeightSpec(
            name="ivf",
            filename="net-ivf.safetensors",
            tasks=(Task.IVF,),
            page="https://example.org/net",
            official=("model.data-00000-of-00001", "model.index"),
            when={"rule": ("auto", "max")},
        ),
        WeightSpec(
            name="mef", filename="net-mef.pth", tasks=(Task.MEF,), official=("mef.pth",), when={"rule": ("auto",)}
        ),
        WeightSpec(name="sum", filename="net-sum.pth", official=("sum.pth",), when={"rule": ("sum",)}),
    ),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights" / "net").mkdir(parents=True)
    return tmp_path / "weights" / "net"


def test_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FUSIONBENCH_WEIGHTS", raising=False)
    assert weights_folder() == tmp_path / ".cache" / "fusionbench" / "weights"
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", "~/w")
    assert weights_folder() == tmp_path / "w"


@pytest.mark.parametrize(
    ("task", "options", "name"),
    [
        (Task.IVF, {}, "ivf"),
        (Task.MEF, {}, "mef"),
        (Task.IVF, {"rule": "sum"}, "sum"),
        (Task.MEF, {"rule": "sum"}, "sum"),
        (Task.MEF, {"rule": "max"}, "ivf"),
    ],
)
def test_task_and_options_choose(task: Task, options: dict[str, str], name: str) -> None:
    assert choose_weights(SPEC, task, options=options).name == name


def test_a_task_without_weights_needs_a_choice(folder: Path) -> None:
    (folder / "net-mef.pth").touch()
    with pytest.raises(WeightsError, match="ivf, mef, sum"):
        find_weights(SPEC, Task.MFF)
    assert find_weights(SPEC, Task.MFF, "mef") == folder / "net-mef.pth"
    with pytest.raises(WeightsError, match="no weights called"):
        choose_weights(SPEC, Task.MFF, "mff")


def test_the_folder_may_hold_the_stored_or_the_official_name(folder: Path) -> None:
    (folder / "mef.pth").touch()
    assert find_weights(SPEC, Task.MEF) == folder / "mef.pth"
    (folder / "net-mef.pth").touch()
    assert find_weights(SPEC, Task.MEF) == folder / "net-mef.pth"
    index = write_bundle(folder / "model", {"a": np.zeros(1, np.float32)})
    assert find_weights(SPEC, Task.IVF) == index


def test_the_option_names_a_file_a_bundle_or_a_folder(folder: Path, tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "model", {"a": np.zeros(1, np.float32)})
    (tmp_path / "mine.pth").touch()
    assert find_weights(SPEC, Task.IVF, tmp_path / "mine.pth") == tmp_path / "mine.pth"
    assert find_weights(SPEC, Task.IVF, tmp_path / "model") == index
    assert find_weights(SPEC, Task.IVF, tmp_path) == index
    with pytest.raises(WeightsError, match=r"net-mef\.pth, mef\.pth"):
        find_weights(SPEC, Task.MEF, tmp_path)
    with pytest.raises(WeightsError, match="no such file"):
        find_weights(SPEC, Task.IVF, tmp_path / "absent.pth")


def test_missing_weights_are_explained(folder: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        find_weights(SPEC, Task.IVF)
    text = str(caught.value)
    assert "https://example.org/net" in text
    assert "fusionbench weights add net" in text
    assert str(folder / "net-ivf.safetensors") in text


def test_weights_inside_the_package(tmp_path: Path, folder: Path) -> None:
    shipped = tmp_path / "shipped.safetensors"
    shipped.touch()
    spec = MethodSpec(
        name="net",
        tasks=(Task.IVF,),
        factory="nowhere:Net",
        weights=(WeightSpec(name="net", filename="net.safetensors", package_file=shipped),),
    )
    assert find_weights(spec, Task.IVF) == shipped
    (folder / "net.safetensors").touch()
    assert find_weights(spec, Task.IVF) == folder / "net.safetensors"


@pytest.mark.parametrize(
    "text",
    ["hf:a/..", "hf:../b", "hf:a/b@../../x", "hf:a/b:../../x", "hf:a/b:/etc/passwd", "hf:a/b:c\\..\\d", "hf:a/b:x:y"],
)
def test_hub_names_cannot_leave_the_hub(text: str) -> None:
    with pytest.raises(FusionBenchError, match="weights=hf"):
        hub.fetch(text, default_file="x.pth")


def test_the_hub_s_answer_does_not_show_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    hugging_face = pytest.importorskip("huggingface_hub")
    token = "hf_AbCdEfGhIjKlMnOpQrStUvWx"
    monkeypatch.setenv("HF_TOKEN", token)

    def download(*_: object, **__: object) -> str:
        raise OSError(f"401 for Bearer {token}, said the proxy")

    monkeypatch.setattr(hugging_face, "hf_hub_download", download)
    with pytest.raises(FusionBenchError, match="said the proxy") as caught:
        hub.fetch("hf:a/b", default_file="x.pth")
    assert token[5:20] not in str(caught.value)
