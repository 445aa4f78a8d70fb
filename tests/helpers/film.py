"""Small FILM networks, weights files and VLF folders for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from fusionbench.images.encode import write_png
from fusionbench.types import Task
from fusionbench_film.configuration import FilmConfig
from fusionbench_film.method import METADATA_KEY
from fusionbench_film.network import Film
from tests.helpers.golden import fill_golden

TINY = FilmConfig(
    dim=8,
    heads=2,
    expansion=2.0,
    stages=1,
    decoder_blocks=2,
    text_dim=6,
    hidden_dim=16,
    cross_heads=4,
    token_dim=4,
    grid=(12, 16),
)
SIDES = {Task.IVF: ("IR", "VI"), Task.MIF: ("MRI", "T"), Task.MEF: ("OVER", "UNDER"), Task.MFF: ("NEAR", "FAR")}


def tiny_film() -> Film:
    """A network with golden weights."""
    film = Film(TINY).eval()
    fill_golden(film)
    return film


def write_weights(path: Path, film: Film | None = None) -> Path:
    """Weights as our own training writes them."""
    film = film or tiny_film()
    save_file(dict(film.state_dict()), path, metadata={METADATA_KEY: film.config.to_json()})
    return path


def write_official(path: Path, film: Film) -> Path:
    """A checkpoint as the released training script writes it: DataParallel names, optimiser state beside."""
    optimiser = torch.optim.Adam(film.parameters(), lr=1e-5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 50, gamma=0.6)
    for parameter in film.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    torch.save(
        {
            "model": {f"module.{name}": value for name, value in film.state_dict().items()},
            "optimizer1": optimiser.state_dict(),
            "lr_schedule1": scheduler.state_dict(),
            "epoch": 150,
            "step": 81_150,
        },
        path,
    )
    return path


def write_vlf(
    root: Path,
    *,
    task: Task = Task.IVF,
    dataset: str = "Toy",
    names: Sequence[str] = ("one", "two", "three"),
    size: tuple[int, int] = (24, 32),
    width: int = 6,
    split: str = "train",
    variants: Sequence[str] = (),
) -> Path:
    """A VLF folder with random pairs and text features of different lengths."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(names):
        for side in SIDES[task]:
            folder = root / "Image" / task / dataset / side
            folder.mkdir(parents=True, exist_ok=True)
            smooth = np.kron(rng.integers(0, 256, (size[0] // 4 + 1, size[1] // 4 + 1)), np.ones((4, 4)))
            write_png(folder / f"{name}.png", smooth[: size[0], : size[1]].astype(np.uint8))
        for variant in ("", *variants):
            folder = root / (f"TextFeature-{variant}" if variant else "TextFeature") / task / dataset
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{name}.npy", rng.standard_normal((1, 3 + number, width)).astype(np.float32))
    listed = "".join(f"{name}.png\n" for name in names)
    (root / "Image" / task / dataset / f"{split}.txt").write_text(listed)
    return root
