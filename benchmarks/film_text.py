"""What text adds to FILM-compact: a data set fused with the texts of its pairs, without, and with those of other pairs.

    python benchmarks/film_text.py msrs=MSRS --out text-msrs
    python benchmarks/film_text.py harvard=Harvard --limit 40 --out text-harvard

Texts and features are made by the chain that needs no download. ``shuffled`` gives each pair the text of a pair from
the other half of the list. Prints mean scores, and how far the images are from those with their own text, in gray
levels.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import fusionbench as fb
from fusionbench.atomic import replacing
from fusionbench.runs import DatasetRequest, MethodRequest
from fusionbench.types import Dataset
from fusionbench_film.text.encoders import MiniLMEncoder
from fusionbench_film.text.pictures import sources
from fusionbench_film.text.statistics.describer import StatisticsDescriber

WITH, WITHOUT, SHUFFLED = "with", "without", "shuffled"
FORMS: Mapping[str, Mapping[str, Any]] = {
    WITH: {"text": "offline"},
    WITHOUT: {"text": "none"},
    SHUFFLED: {"text": "required"},
}


def shuffle(dataset: Dataset, folder: Path, limit: int | None) -> None:
    """Write features of other pairs under each sample's id."""
    describer, encoder = StatisticsDescriber(), MiniLMEncoder()
    describer.load("cpu")
    encoder.load("cpu")
    samples = dataset.samples[:limit]
    for number, sample in enumerate(samples):
        path = folder / f"{sample.id}.npy"
        if path.exists():
            continue
        other = samples[(number + len(samples) // 2) % len(samples)]
        paragraphs = describer.describe([source.decode() for source in sources([other])])
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate(encoder.encode(paragraphs)))


def main() -> None:
    """Make the features, fuse, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", help="NAME[@SPLIT]=ROOT")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--limit", type=int, help="only the first so many pairs")
    parser.add_argument("--weights", help="other weights than those that ship")
    parser.add_argument("--metrics", default="EN,SD,SF,AG,VIF,Qabf")
    options = parser.parse_args()
    request = DatasetRequest.parse(options.dataset)
    features = options.out / "features"
    shuffle(fb.get_dataset(options.dataset), features / request.key, options.limit)
    run = fb.run(
        [
            MethodRequest(name="film-compact", label=label, options=form, weights=options.weights)
            for label, form in FORMS.items()
        ],
        options.dataset,
        out=str(options.out / "run"),
        limit=options.limit,
        metrics=tuple(options.metrics.split(",")),
        text_features=str(features),
        device="cpu",
    )
    frame = run.frame()
    if not (frame.status == "ok").all():
        raise SystemExit("\n".join(frame.error.dropna().unique()))
    print(frame.pivot_table(index="method", columns="metric", values="value").loc[list(FORMS)].round(4).to_string())
    images = options.out / "run" / "images"
    for label in (WITHOUT, SHUFFLED):
        distances = [
            np.abs(_levels(path) - _levels(images / label / path.relative_to(images / WITH))).mean()
            for path in sorted((images / WITH).rglob("*.png"))
        ]
        print(f"{label}: {np.mean(distances):.3f} gray levels from {WITH}, {np.max(distances):.3f} at most")


def _levels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"), dtype=np.float64)


if __name__ == "__main__":
    main()
