"""Validation in training gives what a run gives, in every convention."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fusionbench as fb
from fusionbench.fusing import Fuser, decode_sample
from fusionbench.images.encode import write_png
from fusionbench.metrics import MetricWarning, evaluate
from fusionbench.metrics.conventions import SPECS
from fusionbench.plugins.registration import SPEC_ATTRIBUTE
from fusionbench.runs import DatasetRequest, Run
from fusionbench.training.config import ValidationConfig
from fusionbench.training.loop import Means
from fusionbench.training.validation import make_validation
from fusionbench.types import FusionBenchError, UsageError
from tests.helpers.scenes import scene


@fb.method("test-uneven", tasks=["IVF"])
def uneven(infrared, visible):
    return 0.3 * infrared + 0.7 * visible


SPEC = getattr(uneven, SPEC_ATTRIBUTE)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gray infrared images of 16 bits, colour ones of 8, and ground truth of one of two."""
    root = tmp_path_factory.mktemp("pairs")
    for number in range(2):
        infrared, visible = scene(number, 64, 72)
        write_png(root / "vi" / f"{number}.png", visible)
        (root / "ir").mkdir(exist_ok=True)
        Image.fromarray(infrared.astype(np.uint16) * 255 + 100).save(root / "ir" / f"{number}.png")
    write_png(root / "gt" / "0.png", visible)
    return root


def settings(root: Path, **changes: object) -> ValidationConfig:
    return ValidationConfig(data=f"folder={root}", options={"task": "IVF"}, **changes)


def validated(config: ValidationConfig) -> Means:
    return make_validation(config, SPEC, torch.device("cpu")).score(SPEC.factory())


def run_of(root: Path, out: Path, **changes: object) -> Run:
    request = DatasetRequest(name="folder", root=str(root), options={"task": "IVF"})
    return fb.run(uneven, request, out=str(out), isolate=False, images=False, **changes)


@pytest.mark.parametrize("metrics", [None, ("all",)])
@pytest.mark.parametrize("profile", dict.fromkeys(spec.profile for spec in SPECS if spec.profile))
def test_means_are_those_of_the_run_s_table(
    pairs: Path, tmp_path: Path, profile: str, metrics: tuple[str, ...] | None
) -> None:
    means = validated(settings(pairs, profile=profile, metrics=metrics))
    run = run_of(pairs, tmp_path / "run", profiles=(profile,), metrics=metrics or ())
    table = run.table()
    cells = {key.partition("@")[0]: cell for (_, _, key), cell in table.cells.items()}
    assert list(means) == [metric.label for metric in table.groups[0].metrics]
    assert {name: None if math.isnan(mean) else mean for name, mean in means.items()} == {
        name: cell.mean for name, cell in cells.items()
    }
    assert means.incomplete == {name for name, cell in cells.items() if cell.incomplete}
    assert ("PSNR_GT" in means) is (metrics is None)


@pytest.mark.parametrize("profile", ["zhao", "vifb", "mefb", "tang"])
def test_scoring_in_memory_gives_the_run_s_values(pairs: Path, tmp_path: Path, profile: str) -> None:
    frame = run_of(pairs, tmp_path / "run", profiles=(profile,), metrics=("all",)).frame()
    values = frame[frame["sample"] == "1"].set_index("metric").value
    fuser = Fuser(SPEC.factory(), SPEC, torch.device("cpu"))
    sample = decode_sample(fb.get_dataset(f"folder={pairs}", task="IVF").samples[1])
    (fused,) = fuser.fuse_samples([sample])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        row = evaluate(
            fused.pixels, [s.numpy() for s in sample.sources], metrics="all", profile=profile, eight_bit=True
        ).iloc[0]
    assert row.to_dict() == pytest.approx(values.to_dict(), rel=1e-15, nan_ok=True)


def test_a_sample_that_fails_is_missed_and_cannot_make_the_best(pairs: Path, tmp_path: Path) -> None:
    for side in ("ir", "vi"):
        for path in (pairs / side).iterdir():
            target = tmp_path / side / path.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    (tmp_path / "vi" / "1.png").write_bytes(b"no picture")
    with pytest.warns(MetricWarning, match="validation: 1: "):
        means = validated(settings(tmp_path))
    run = run_of(tmp_path, tmp_path / "run")
    assert run.failed == 1
    assert means == {key.partition("@")[0]: cell.mean for (_, _, key), cell in run.table().cells.items()}
    assert means.incomplete == set(means)
    (tmp_path / "vi" / "0.png").write_bytes(b"no picture")
    with pytest.warns(MetricWarning), pytest.raises(FusionBenchError, match=r"0\.png"):
        validated(settings(tmp_path))


def test_an_undefined_value_is_left_out_as_in_tables(pairs: Path, tmp_path: Path) -> None:
    for name in ("0", "1"):
        for side in ("ir", "vi"):
            image = np.asarray(Image.open(pairs / side / f"{name}.png"))
            write_png(tmp_path / side / f"{name}.png", (image.astype(int) % 256 * (name == "0")).astype(np.uint8))
    means = validated(settings(tmp_path, metrics=("CC", "EN")))
    assert means["CC"] > 0
    assert means.incomplete == {"CC"}


def test_best_is_a_metric_that_the_data_have(pairs: Path, tmp_path: Path) -> None:
    def best(name: str, root: Path = pairs) -> tuple[str, bool] | None:
        return make_validation(settings(root, best=name), SPEC, torch.device("cpu")).best

    assert best("qabf") == ("Qabf", True)
    assert best("PSNR_GT") == ("PSNR_GT", True)
    for side in ("ir", "vi"):
        write_png(tmp_path / side / "0.png", np.zeros((20, 20), np.uint8))
    with pytest.raises(UsageError, match="'PSNR_GT' is not one of EN, SD"):
        best("PSNR_GT", tmp_path)
