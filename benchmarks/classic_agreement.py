"""How closely our classical methods reproduce the results that their authors, or a benchmark, published.

    python benchmarks/classic_agreement.py --dataset vifb=DATA/VIFB gtf=RESULTS/GTF adf=RESULTS/VIFB_flat

Each argument is METHOD=FOLDER of published images; where several methods share the folder, the method's name is
looked for in the file names. Published images are compared with ours and, to tell how much an agreement means, with the
plain average of the sources. Benchmarks fuse a colour picture channel by channel and store JPEG, so that is what
is done here, and identity cannot be expected.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from skimage.metrics import structural_similarity

import fusionbench as fb
from fusionbench.data.matching import match
from fusionbench.images import read_image

COLUMNS = ("mean abs. difference", "PSNR", "SSIM", "correlation")


def channels(path: Path) -> torch.Tensor:
    """R, G and B of an image as a batch of three, 3 x 1 x H x W in [0, 1]."""
    image = read_image(path)
    pixels = torch.from_numpy(image.pixels.astype(np.float32)) / float(image.peak)
    return (pixels[..., None].expand(*pixels.shape, 3) if pixels.ndim == 2 else pixels).permute(2, 0, 1)[:, None]


def agreement(ours: torch.Tensor, published: torch.Tensor) -> tuple[float, ...]:
    """Mean absolute difference and PSNR on the 0..255 scale, mean SSIM of the channels, correlation."""
    a, b = ((image.clamp(0, 1) * 255).round().double().numpy()[:, 0] for image in (ours, published))
    ssim = np.mean([structural_similarity(x, y, data_range=255) for x, y in zip(a, b, strict=True)])
    mse = np.mean((a - b) ** 2)
    return float(np.abs(a - b).mean()), float(10 * np.log10(255**2 / mse)), float(ssim), _correlation(a, b)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def main() -> None:
    """Print one Markdown table row for each method and for the average, mean and worst image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="vifb", help="NAME=ROOT of the data set that the results belong to")
    parser.add_argument("results", nargs="+", metavar="METHOD=FOLDER")
    arguments = parser.parse_args()
    dataset = fb.get_dataset(arguments.dataset)
    print(f"| published | compared with | n | {' | '.join(f'{column} (worst)' for column in COLUMNS)} |")
    print(f"| --- | --- | ---: |{' ---: |' * len(COLUMNS)}")
    for entry in arguments.results:
        name, _, folder = entry.partition("=")
        files = match(Path(folder), [sample.id for sample in dataset.samples], label=name).files
        rows: dict[str, list[tuple[float, ...]]] = {name: [], "average": []}
        for sample in dataset.samples:
            if sample.id in files:
                sources = [channels(source) for source in sample.sources]
                published = channels(files[sample.id])
                for method, scores in rows.items():
                    fuse = fb.get_method(method, device="cpu").fuse
                    fused = fuse(fb.Batch(sources=tuple(sources), task=dataset.task))
                    scores.append(agreement(fused, published))
        for method, scores in rows.items():
            mean, low, high = (f(scores, axis=0) for f in (np.mean, np.min, np.max))
            worst = (high[0], *low[1:])
            cells = " | ".join(f"{m:.3f} ({w:.3f})" for m, w in zip(mean, worst, strict=True))
            print(f"| {name} | {method} | {len(scores)} | {cells} |")


if __name__ == "__main__":
    main()
