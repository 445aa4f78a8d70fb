"""Training FILM: losses, data, presets, the command, and a kill in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.training import Draw, TrainingConfig
from fusionbench.training.journal import read_losses
from fusionbench.types import DataError, ImageError, UsageError
from fusionbench_film.losses import FusionLoss, SignedLoss, similarity_loss, sobel
from fusionbench_film.training import FilmObjective, LossConfig, recipe
from fusionbench_film.training_data import TrainingPairs, collate
from tests.helpers.film import TINY, tiny_film, write_vlf
from tests.helpers.golden import GoldenMethod

pytest.importorskip("accelerate")

NETWORK = {
    "dim": TINY.dim, "heads": TINY.heads, "expansion": TINY.expansion, "stages": TINY.stages,
    "decoder_blocks": TINY.decoder_blocks, "text_dim": TINY.text_dim, "hidden_dim": TINY.hidden_dim,
    "cross_heads": TINY.cross_heads, "token_dim": TINY.token_dim, "grid": list(TINY.grid),
}  # fmt: skip


def settings(root: Path, **changes: dict[str, object]) -> dict[str, object]:
    config = {
        "network": NETWORK,
        "data": {"source": "vlf-ivf@train", "root": str(root), "preparation": "resize", "size": [12, 16]},
        "optimiser": {"rate": 1e-3, "decay": 0.5, "decay_epochs": 2},
        "loss": {"gradient": 20},
        "training": {"epochs": 2, "batch_size": 2, "device": "cpu", "log_steps": 1, "tensorboard": False},
    }
    return {name: {**config.get(name, {}), **changes.get(name, {})} for name in {**config, **changes}}


def train(config: dict[str, object], folder: Path, *arguments: str, method: str = "film") -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    result = CliRunner().invoke(
        main, ["train", method, "--config", str(path), "--out", str(folder / "out"), *arguments]
    )
    return result.exit_code, result.output


@pytest.mark.shared
def test_golden_losses() -> None:
    golden = GoldenMethod("film")
    inputs = golden.inputs("loss")
    terms = FusionLoss()(inputs["fused"], inputs["imageA"], inputs["imageB"])
    for ours, theirs in {
        "intensity": "intensity",
        "gradient": "gradient",
        "total": "fusion_total_grad20",
        "similarity_A": "lplssim_A",
        "similarity_B": "lplssim_B",
    }.items():
        torch.testing.assert_close(terms[ours], golden.expected("loss", theirs), rtol=1e-5, atol=1e-5)


def test_similarity_has_a_gradient_where_images_agree() -> None:
    image = torch.rand(1, 1, 8, 8)
    fused = image.clone().requires_grad_()
    similarity_loss(fused, image).backward()
    assert fused.grad.isfinite().all()


def test_weighted_similarity_enters_the_total() -> None:
    a, b, fused = torch.rand(3, 1, 1, 8, 8)
    without, with_it = FusionLoss(20, 0)(fused, a, b), FusionLoss(20, 0.5)(fused, a, b)
    expected = without["total"] + 0.5 * (without["similarity_A"] + without["similarity_B"])
    torch.testing.assert_close(with_it["total"], expected)


def test_train_then_run(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf")
    validation = {"data": f"vlf-ivf@train={root}", "metrics": ["EN", "Qabf"], "best": "Qabf"}
    code, output = train(settings(root, validation=validation), tmp_path)
    assert code == 0, output
    names = {row["name"] for row in read_losses(tmp_path / "out" / "losses.csv")}
    assert {"loss/total", "loss/intensity", "loss/gradient", "loss/similarity_A", "score/Qabf", "rate/film"} <= names
    from fusionbench.runs import MethodRequest

    run = fb.run(
        MethodRequest(name="film", weights=str(tmp_path / "out" / "best.safetensors")),
        f"vlf-ivf@train={root}",
        out=str(tmp_path / "run"),
        metrics=("Qabf",),
        isolate=False,
        device="cpu",
    )
    frame = run.frame()
    assert (frame.status == "ok").all()
    scores = [float(r["value"]) for r in read_losses(tmp_path / "out" / "losses.csv") if r["name"] == "score/Qabf"]
    assert frame["value"].mean() == pytest.approx(max(scores), abs=1e-9)


def test_h5_trains_as_the_folder_does(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf", size=(12, 16))
    CliRunner().invoke(
        main, ["data", "prepare-vlf", f"vlf-ivf@train={root}", "--full", "--out", str(tmp_path / "x.h5")]
    )
    histories = []
    for name, place in (("folder", root), ("h5", tmp_path / "x.h5")):
        code, output = train(settings(place), tmp_path / name)
        assert code == 0, output
        histories.append(read_losses(tmp_path / name / "out" / "losses.csv"))
    for a, b in zip(*histories, strict=True):
        assert float(a["value"]) == pytest.approx(float(b["value"]), rel=1e-4)


def test_the_gradient_warms_up() -> None:
    batch = {name: torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(n)) for n, name in enumerate("ab")}
    objective = FilmObjective(tiny_film(), LossConfig(gradient=20, gradient_warmup=4))
    plain = FilmObjective(tiny_film(), LossConfig(gradient=20))
    for epoch, share in ((0, 0.0), (1, 0.25), (4, 1.0), (9, 1.0)):
        terms = objective(batch, epoch)
        torch.testing.assert_close(terms["total"], terms["intensity"] + share * 20 * terms["gradient"])
    torch.testing.assert_close(plain(batch, 0)["total"], objective(batch, 4)["total"])


def test_gradients_alone_cannot_tell_a_negative() -> None:
    image = torch.rand(1, 1, 16, 16)
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(sobel(image)[inside], sobel(1 - image)[inside])


def test_signed_loss_is_smallest_at_what_is_wanted() -> None:
    truth = torch.rand(1, 1, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(truth, 5, stride=1, padding=2)
    left = torch.arange(32) < 16
    near, far = torch.where(left, truth, blurred), torch.where(left, blurred, truth)
    known = SignedLoss("truth", "truth", 4.0)
    assert known(truth, near, far, truth)["total"] == 0
    strongest, exposed = SignedLoss("mean", "strongest", 4.0), SignedLoss("exposed", "strongest", 4.0)
    for loss in (known, strongest, exposed):
        found = [float(loss(image, near, far, truth)["total"]) for image in (truth, (near + far) / 2, 1 - truth)]
        assert found == sorted(found), "a negative is worse than a mean"
    dark, well = torch.full_like(truth, 0.02), torch.full_like(truth, 0.45)
    assert float(exposed(well, dark, well)["intensity"]) < float(exposed((dark + well) / 2, dark, well)["intensity"])
    # Without the sign a negative is as good in gradients as the truth, up to the border.
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    assert float(strongest(1 - truth, truth, truth)["gradient"]) > 0.1
    torch.testing.assert_close(sobel(truth)[inside], sobel(1 - truth)[inside])


def test_ground_truth_comes_with_the_pairs_in_the_same_crop(tmp_path: Path) -> None:
    pairs = tmp_path / "vlf" / "Image" / "MFF" / "folder"
    result = CliRunner().invoke(
        main, ["data", "make-training-pairs", "MFF", "--out", str(pairs), "--count", "2", "--size", "64"]
    )
    assert result.exit_code == 0, result.output
    dataset = fb.get_dataset("folder", root=pairs, split="all", task="MFF")
    data = TrainingPairs(dataset, preparation="crop", size=(32, 32), text_dim=None, truth=True)
    batch = collate([data[Draw(n, n)] for n in range(2)])
    assert batch["truth"].shape == batch["a"].shape == (2, 1, 32, 32)
    nearest = torch.minimum(*((batch[side] - batch["truth"]).abs() for side in "ab"))
    assert nearest.mean() < 0.5 * (batch["a"] - batch["b"]).abs().mean(), "either source is in focus"
    toned = TrainingPairs(dataset, preparation="crop", size=(32, 32), text_dim=None, tones=2.0)
    first, again, other = toned[Draw(0, 0)]["a"], toned[Draw(0, 0)]["a"], toned[Draw(0, 1)]["a"]
    assert torch.equal(first, again)
    assert not torch.equal(first, data[Draw(0, 0)]["a"])
    assert first.min() >= 0
    assert first.max() <= 1
    assert not torch.equal(first, other)
    with pytest.raises(UsageError, match="tones"):
        TrainingPairs(dataset, preparation="crop", size=(32, 32), text_dim=None, truth=True, tones=2.0)


@pytest.mark.parametrize("name", ["released", "paper", "compact", "compact-pyramid", "film-no-text", "film-caption"])
def test_brought_configurations_are_valid(name: str, tmp_path: Path) -> None:
    from fusionbench.plugins import current_plugins
    from fusionbench.training.configured import read_config

    variant = "caption" if name == "film-caption" else None
    width = 384 if name.startswith("compact") else 768
    root = write_vlf(tmp_path, width=width, variants=[variant] if variant else [], size=(160, 200))
    config = read_config(name, current_plugins().methods["film"], ["data.source=vlf-ivf@train", f"data.root={root}"])
    training = TrainingConfig(**config.pop("training"))
    made = recipe(config, training)
    batch = made.collate([made.data[Draw(n, n)] for n in range(2)])
    assert batch["a"].shape[-2:] == tuple(config["data"]["size"])
    assert ("text" in batch) == (name != "film-no-text")
    if name == "paper":
        assert (training.epochs, training.batch_size, config["optimiser"]["rate"]) == (300, 16, 1e-4)


@pytest.mark.parametrize(("method", "network"), [("film-no-text", {"text": False}), ("film-caption", {})])
def test_ablations_train_and_run(tmp_path: Path, method: str, network: dict[str, object]) -> None:
    root = write_vlf(tmp_path / "vlf", variants=("caption",))
    config = settings(root, network=network, data={"features": "caption" if method == "film-caption" else ""})
    config["validation"] = {"data": f"vlf-ivf@train={root}", "metrics": ["EN"]}
    code, output = train(config, tmp_path, method=method)
    assert code == 0, output
    from fusionbench.runs import MethodRequest

    run = fb.run(
        MethodRequest(name=method, weights=str(tmp_path / "out" / "weights.safetensors")),
        f"vlf-ivf@train={root}",
        out=str(tmp_path / "run"),
        metrics=("EN",),
        isolate=False,
        device="cpu",
    )
    assert (run.frame().status == "ok").all(), run.frame().error.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"depth": 3}}, "no dimension called depth"),
        ({"network": {"preset": "huge"}}, "network.preset: 'huge'"),
        ({"data": {"preparation": "stretch"}}, "not one of resize, crop, none"),
        ({"data": {"folder": "x"}}, "data: unknown key 'folder'"),
        ({"optimiser": {"rate": "fast"}}, "optimiser.rate: expected a number"),
        ({"training": {"epoch": 1}}, "Did you mean epochs"),
        ({"loss": {"intensity": "mean"}}, "needs gradients with their sign"),
        ({"loss": {"gradients": "truth"}}, "samples have no ground truth"),
        ({"scheduler": {"step": 1}}, "unknown section scheduler"),
        ({"validation": {"data": "no-such-set"}}, "no-such-set"),
    ],
)
def test_mistakes_are_told_before_training(tmp_path: Path, changes: dict[str, dict], message: str) -> None:
    root = write_vlf(tmp_path / "vlf")
    code, output = train(settings(root, **changes), tmp_path)
    assert code == 2
    assert message in output
    assert "Traceback" not in output


def test_methods_without_a_trainer_and_absent_files(tmp_path: Path) -> None:
    code, output = train(settings(tmp_path), tmp_path, method="average")
    assert code == 2
    assert "no trainer" in output
    result = CliRunner().invoke(main, ["train", "film", "--config", "no.yaml"])
    assert result.exit_code == 2
    assert "compact" in result.output


def test_text_of_training_data_is_checked(tmp_path: Path) -> None:
    root = write_vlf(tmp_path)
    dataset = fb.get_dataset("vlf-ivf", root=root, split="train")
    with pytest.raises(DataError, match="6 wide, the network reads 7"):
        TrainingPairs(dataset, preparation="none", size=(1, 1), text_dim=7)[Draw(0, 0)]
    with pytest.raises(DataError, match="no text features of variant 'dense'"):
        TrainingPairs(dataset, preparation="none", size=(1, 1), text_dim=6, features="dense")
    with pytest.raises(ImageError, match="smaller than the crop"):
        TrainingPairs(dataset, preparation="crop", size=(99, 99), text_dim=6)[Draw(0, 0)]


def test_batches_pad_texts_and_refuse_mixed_sizes(tmp_path: Path) -> None:
    dataset = fb.get_dataset("vlf-ivf", root=write_vlf(tmp_path), split="train")
    pairs = TrainingPairs(dataset, preparation="none", size=(1, 1), text_dim=6, cache=True)
    batch = collate([pairs[Draw(0, 0)], pairs[Draw(1, 0)]])
    lengths = [len(pairs[Draw(n, 0)]["text"]) for n in range(2)]
    assert batch["mask"].sum(dim=1).tolist() == lengths
    other = {"a": torch.rand(1, 3, 3), "b": torch.rand(1, 3, 3), "text": None}
    with pytest.raises(DataError, match="differ in size"):
        collate([pairs[Draw(0, 0)], other])


def test_crops_follow_their_seed(tmp_path: Path) -> None:
    dataset = fb.get_dataset("vlf-ivf", root=write_vlf(tmp_path, size=(60, 60)), split="train")
    pairs = TrainingPairs(dataset, preparation="crop", size=(8, 8), text_dim=6)
    first, again, other = (pairs[Draw(0, seed)]["a"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.slow
def test_killed_training_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf")
    config = settings(root, training={"epochs": 12, "checkpoint_steps": 1, "ema": 0.9, "clip_norm": 1.0})
    code, output = train(config, tmp_path / "whole")
    assert code == 0, output
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "fusionbench", "train", "film", "--config", str(folder / "config.yaml"),
               "--out", str(folder / "out")]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    checkpoints = folder / "out" / "checkpoints"
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (
            len(list(checkpoints.glob("step-*.pt")))
            and sorted(checkpoints.glob("step-*.pt"))[-1].name > "step-000000003"
        ):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    process.wait()
    code, output = train(config, folder)
    assert code == 0, output
    whole, parts = (read_losses(tmp_path / name / "out" / "losses.csv") for name in ("whole", "parts"))
    assert [row["step"] for row in whole] == [row["step"] for row in parts]
    for a, b in zip(whole, parts, strict=True):
        assert float(a["value"]) == pytest.approx(float(b["value"]), rel=1e-5)


def test_unknown_sections_in_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown section"):
        recipe({"networks": {}}, TrainingConfig(epochs=1, batch_size=1))


@pytest.mark.slow
def test_two_pairs_can_be_learned_by_heart(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf", names=("one", "two"))
    config = settings(
        root,
        network={"dim": 16, "heads": 4},
        optimiser={"rate": 8e-3, "decay_epochs": 120},
        training={"epochs": 60, "clip_norm": 1.0, "checkpoint_epochs": 60},
    )
    code, output = train(config, tmp_path)
    assert code == 0, output
    losses = [float(r["value"]) for r in read_losses(tmp_path / "out" / "losses.csv") if r["name"] == "loss/total"]
    assert losses[-1] < losses[0] / 5
