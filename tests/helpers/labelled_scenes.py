"""Small labelled scenes, made on the spot: squares and bars that only the infrared picture shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("square", "bar")
SHAPES = {"square": (12, 12), "bar": (20, 8)}
WIDTH, HEIGHT = SIZE = (96, 64)


def write_scenes(root: Path, *, train: int = 12, test: int = 6, seed: int = 0, hidden: bool = True) -> Path:
    """Write ``train`` and ``test`` folders with ``ir``, ``vi``, YOLO ``labels`` and ``masks``; the root again.

    Args:
        root: The folder.
        train, test: Number of scenes.
        seed: Of all that is drawn.
        hidden: Whether the visible pictures lack the targets.
    """
    for number in range(train + test):
        part, name = ("train" if number < train else "test"), f"{number:04d}"
        infrared, visible, boxes, mask = _scene(seed * 10_000 + number, hidden=hidden)
        for side, pixels in (("ir", infrared), ("vi", visible), ("masks", mask)):
            path = root / part / side / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        labels = root / part / "labels" / f"{name}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(f"{line}\n" for line in boxes), encoding="utf-8")
    return root


def _scene(seed: int, *, hidden: bool) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    coarse = random.uniform(40, 150, (8, 12))
    ground = np.kron(coarse, np.ones((8, 8)))
    infrared = np.full((HEIGHT, WIDTH), 60.0) + 0.15 * ground
    visible = np.stack([ground, 0.9 * ground, 0.8 * ground], axis=-1)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    boxes = []
    for kind in random.permutation([0, 1, random.integers(2)])[: random.integers(1, 4)]:
        height, width = SHAPES[CLASSES[kind]]
        top, left = random.integers(HEIGHT - height), random.integers(WIDTH - width)
        place = (slice(top, top + height), slice(left, left + width))
        if mask[place].any():
            continue
        infrared[place] = 220
        if not hidden:
            visible[place] = (250, 240, 230)
        mask[place] = kind + 1
        x, y = (left + width / 2) / WIDTH, (top + height / 2) / HEIGHT
        boxes.append(f"{kind} {x:.6f} {y:.6f} {width / WIDTH:.6f} {height / HEIGHT:.6f}")
    noise = random.normal(0, 3, (HEIGHT, WIDTH))
    return _levels(infrared + noise), _levels(visible + noise[..., None]), boxes, mask


def _levels(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).round().astype(np.uint8)


# A data set that worker processes find too.
PLUGIN = """
from fusionbench.data import BoxFiles, Classes, FolderPerSide, MaskFiles, open_split, with_labels
from fusionbench.types import DatasetSpec, Task

OBJECTS = Classes(("square", "bar"))
REGIONS = Classes(("background", "square", "bar"))
PARTS = {"train": ("train",), "test": ("test",)}


def open_scenes(root, split):
    dataset = open_split("scenes", Task.IVF, root, split, [FolderPerSide((("ir",), ("vi",)))], folders=PARTS)
    masks = MaskFiles(("masks",), REGIONS)
    return with_labels(dataset, boxes=BoxFiles(("labels",), OBJECTS, order=OBJECTS.names), masks=masks)


def fusionbench_datasets():
    return [DatasetSpec(name="scenes", task=Task.IVF, opener=open_scenes, splits=("test", "train"))]
"""


def write_plugin(folder: Path) -> Path:
    """The file of a plugin with the data set ``scenes``."""
    path = folder / "scenes_plugin.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path
