"""TensorBoard, MLflow and Weights & Biases, each with a store on this machine."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fusionbench as fb
from fusionbench.plugins import load_plugins
from fusionbench.results.folder import claimed
from tests.helpers.workshop import FUSES, Workshop, method


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """A method, one of whose names no service takes as it is."""
    chosen = Workshop(tmp_path)(method(FUSES), count=2, methods="one|two=mine")
    return dict(chosen) | {"device": "cpu", "metrics": ["EN", "SD"]}


def tracked(settings: dict[str, Any], name: str) -> fb.api.Run:
    """A run with a plugin, without a word of warning."""
    plugins = (*settings["plugins"], f"fusionbench_{name}")
    load_plugins(plugins)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="plugin fusionbench")
        return fb.run(**settings | {"plugins": plugins}, isolate=False)


def means(run: fb.api.Run) -> dict[str, float]:
    return {str(metric): value for metric, value in run.frame().groupby("metric")["value"].mean().items()}


def test_tensorboard(settings: dict[str, Any]) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tracked(settings, "tensorboard")
    (folder,) = (run.path / "tensorboard").iterdir()
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    scalars = {tag: found.Scalars(tag) for tag in found.Tags()["scalars"]}
    assert set(scalars) == {f"{start}pairs/one|two/{m}@zhao" for start in ("", "so far/") for m in ("EN", "SD")}
    assert scalars["pairs/one|two/EN@zhao"][0].value == pytest.approx(means(run)["EN"], rel=1e-6)
    (picture,) = found.Images("pairs/000/one|two")
    stored = next(Path(str(path)) for path in run.frame()["image"].unique() if "000" in str(path))
    assert picture.encoded_image_string == stored.read_bytes()
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert texts["outcome"] == "complete, 0 samples without a result"
    assert "| config.metrics | EN, SD |" in texts["settings"]
    assert "one" in texts["table"]
    assert claimed(run.path) == {"tensorboard"}


def test_mlflow(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "fusion")
    run = tracked(settings, "mlflow")
    client = mlflow.MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("fusion")
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    names = {name.rpartition("/")[2].partition("-")[0]: value for name, value in found.data.metrics.items()}
    assert names == pytest.approx({"EN.zhao": means(run)["EN"], "SD.zhao": means(run)["SD"], "failed": 0.0})
    assert found.data.params["config.metrics"] == "EN, SD"
    assert {item.path for item in client.list_artifacts(found.info.run_id)} == {"pictures", "table.md"}


def test_names_that_mlflow_does_not_take() -> None:
    pytest.importorskip("mlflow")
    from fusionbench_mlflow.tracker import key_of

    assert key_of("msrs/film/EN@zhao") == "msrs/film/EN.zhao"
    changed = [key_of(name) for name in ("a+b/EN@zhao", "a*b/EN@zhao", "../EN@zhao", "é/EN")]
    assert len(set(changed)) == 4
    assert all(".." not in name.split("/") for name in changed)


def test_wandb(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_PROJECT", "fusion")
    run = tracked(settings, "wandb")
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    records = list(_records(next(folder.glob("*.wandb"))))
    (started,) = [record.run for record in records if record.HasField("run")]
    assert (started.project, started.display_name) == ("fusion", "run")
    assert {item.key: json.loads(item.value_json) for item in started.config.update}["config.metrics"] == "EN, SD"
    summary = {
        item.key or "/".join(item.nested_key): json.loads(item.value_json)
        for record in records
        if record.HasField("summary")
        for item in record.summary.update
    }
    assert summary["pairs/one|two/EN@zhao"] == pytest.approx(means(run)["EN"])
    assert summary["outcome"] == "complete"
    assert len(list(folder.rglob("*.png"))) == 2


def _records(path: Path) -> Iterator[Any]:
    """What W&B has written: a log in LevelDB's format, after a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    data, place, begun = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        begun += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(begun)
            begun = b""
            yield record


def test_wandb_does_not_ask_for_a_login(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(type(wandb.api), "api_key", None)
    plugins = (*settings["plugins"], "fusionbench_wandb")
    load_plugins(plugins)
    with pytest.warns(UserWarning, match="nobody is logged in to Weights & Biases"):
        run = fb.run(**settings | {"plugins": plugins}, isolate=False)
    assert run.complete
