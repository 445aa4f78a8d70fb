"""How exactly every profile reproduces its original: the tables of docs/metrics.md.

    python benchmarks/calibration.py --shared FOLDER [--published] [--write docs/metrics.md]

FOLDER holds ``reference/golden/metrics.json`` and ``data/metric_triples``; with ``--published`` also the
per-image values that the authors of VIFB and of the TNO sheet published are recomputed from the images in
``data/VIFB`` and ``data/fused_results``. ``--write`` replaces the part between the markers of a document.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusionbench.images.decode import read_image
from fusionbench.metrics import MetricWarning, Scorer, evaluate
from fusionbench.metrics.selection import find
from fusionbench.plugins import current_plugins

ENGINES = {
    "zhao": "zhao",
    "zhao_float64": "zhao",
    "cddfuse": "cddfuse",
    "vifb": "vifb",
    "mefb": "mefb",
    "tang": "tang",
}
MARKERS = ("<!-- calibration: begin -->", "<!-- calibration: end -->")


def ours_by_original(profile: str) -> dict[str, str]:
    """Original metric names of a profile -> the suite's."""
    specs = [spec for spec in current_plugins().metrics.values() if spec.profile == profile]
    return {spec.original_name or spec.name: spec.name for spec in specs}


def number(value: object) -> float:
    """A golden value; errors, NaN and infinity of the original all count as undefined."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else math.nan


def error(value: float, target: float) -> float:
    """Relative difference; 0 if both are undefined, infinite if one is."""
    if math.isnan(value) or math.isnan(target):
        return 0.0 if math.isnan(value) == math.isnan(target) else math.inf
    return abs(value - target) / abs(target) if target else abs(value)


def golden_errors(shared: Path, engine: str, dtype: str) -> tuple[dict[str, float], dict[str, list[str]], int]:
    """Largest relative error per metric over the real triples, and the degenerate ones that differ."""
    profile = ENGINES[engine]
    stored = "zhao_float64" if engine == "cddfuse" else engine
    names = ours_by_original(profile)
    worst: dict[str, float] = defaultdict(float)
    differing: dict[str, list[str]] = defaultdict(list)
    compared = 0
    triples = json.loads((shared / "reference/golden/metrics.json").read_text())["triples"]
    for triple, facts in triples.items():
        fused, a, b = (read_image(shared / "data/metric_triples" / triple / f"{role}.png").pixels for role in "fab")
        # Triples are stored in the order of the original program, and scored in that of data sets.
        sources = [b, a] if find("Qabf", profile).sources_reversed else [a, b]
        values = evaluate(fused, sources, metrics="all", profile=profile, dtype=dtype).iloc[0]
        originals = dict(facts["values"][stored])
        similarity = originals.pop("SSIM_cddfuse", None)
        if engine == "cddfuse":
            originals = {"SSIM": similarity}
        for original, target in originals.items():
            name = names[original]
            difference = error(values[name], number(target))
            compared += 1
            if triple.startswith("deg_"):
                if difference > 1e-6:
                    differing[name].append(triple)
            else:
                worst[name] = max(worst[name], difference)
    return dict(worst), dict(differing), compared


def golden_table(shared: Path) -> Iterator[str]:
    yield "| convention | values | float64: largest relative difference | metrics above 1e-9 | float32 mode: largest |"
    yield "| --- | --- | --- | --- | --- |"
    notes = []
    for engine in ENGINES:
        worst, differing, compared = golden_errors(shared, engine, "float64")
        fast = golden_errors(shared, engine, "float32")[0]
        above = {name: value for name, value in worst.items() if value > 1e-9}
        exact = max(value for name, value in worst.items() if name not in above) if len(above) < len(worst) else 0.0
        listed = ", ".join(f"{name} {value:.1e}" for name, value in sorted(above.items())) or "none"
        quick = sorted(fast.items(), key=lambda item: -item[1])[:2]
        shown = ", ".join(f"{name} {value:.0e}" for name, value in quick)
        yield f"| {engine} | {compared} | {exact:.1e} | {listed} | {shown} |"
        notes += [f"{engine} {name} on {', '.join(where)}" for name, where in differing.items()]
    yield ""
    yield "Degenerate triples that differ by more than 1e-6: " + ("; ".join(notes) or "none") + "."


def published_vifb(shared: Path) -> Iterator[tuple[str, str, list]]:
    """Image, method and operands (fused, infrared, visible) of every published VIFB row with images."""
    root = shared / "data"
    for visible in sorted((root / "VIFB/input/VI").iterdir()):
        name = visible.stem
        sources = [read_image(root / "VIFB/input/IR" / visible.name).pixels, read_image(visible).pixels]
        for method in ("ADF", "CNN", "GTF", "HMSD_GF", "LP_SR", "LatLRR", "SeAFusion", "U2Fusion"):
            flat = root / "fused_results/VIFB_flat" / f"{name}_{method}.jpg"
            path = flat if flat.exists() else root / "fused_results/VIFB" / method / f"{name}.jpg"
            yield name, method, [read_image(path).pixels, *sources]


def published_tno(shared: Path) -> Iterator[tuple[str, str, list]]:
    """Image, method and operands (fused, infrared, visible) of every published TNO row with images."""
    root = shared / "data/fused_results"
    for infrared in sorted((root / "TNO_sources/ir").iterdir()):
        sources = [read_image(infrared).pixels, read_image(root / "TNO_sources/vi" / infrared.name).pixels]
        for method in ("DenseFuse", "FusionGAN", "PMGI", "SeAFusion"):
            path = root / "TNO" / f"{method}_TNO" / infrared.name
            if path.exists():
                yield infrared.stem, method, [read_image(path).pixels, *sources]


def published_table(shared: Path, sheet: str, profile: str, rows: Iterator[tuple[str, str, list]]) -> Iterator[str]:
    path = shared / "data/fused_results/published_metrics" / sheet
    printed = pd.read_csv(path, dtype={"image": str}).set_index(["image", "method", "metric"])["value"]
    names = ours_by_original(profile)
    wanted = [names[original] for original in printed.index.unique("metric")]
    scorer = Scorer(wanted, (profile,))
    errors: dict[str, list[float]] = defaultdict(list)
    agreeing: dict[str, int] = defaultdict(int)
    for image, method, (fused, *sources) in rows:
        values = scorer.score(fused, sources)
        for original, name in names.items():
            if (image, method, original) in printed.index:
                target = printed[image, method, original]
                errors[name].append(error(values[name][0], target))
                digits = 5 if profile == "vifb" else 15
                agreeing[name] += float(f"{values[name][0]:.{digits}g}") == target or errors[name][-1] < 1e-9
    yield "| metric | values | agree to the printed digits | median relative difference | largest |"
    yield "| --- | --- | --- | --- | --- |"
    for name, found in errors.items():
        series = pd.Series(found)
        yield f"| {name} | {len(found)} | {agreeing[name]} | {series.median():.1e} | {series.max():.1e} |"


# Folders of sources in their order, for the fast mode.
PAIRS = (
    ("TNO/ir", "TNO/vi"),
    ("MSRS/test/ir", "MSRS/test/vi"),
    ("RoadScene/cropinfrared", "RoadScene/crop_LR_visible"),
    ("Harvard/MRI_CT/MRI", "Harvard/MRI_CT/CT"),
    ("Harvard/MRI_PET/MRI", "Harvard/MRI_PET/PET"),
    ("Harvard/MRI_SPECT/MRI", "Harvard/MRI_SPECT/SPECT"),
    ("SICE_pairs/over", "SICE_pairs/under"),
    ("VIFB/input/IR", "VIFB/input/VI"),
)


def gray_pairs(shared: Path, count: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name and gray 8-bit sources of the first pairs of each data set, at most 960 x 720 pixels."""
    for first, second in PAIRS:
        seconds = {path.stem: path for path in (shared / "data" / second).iterdir()}
        firsts = [path for path in sorted((shared / "data" / first).iterdir()) if path.stem in seconds]
        for path in firsts[:count]:
            images = [read_image(file).pixels for file in (path, seconds[path.stem])]
            grays = [g if g.ndim == 2 else np.rint(g @ [0.299, 0.587, 0.114]).astype(np.uint8) for g in images]
            if grays[0].shape == grays[1].shape:
                yield f"{first.partition('/')[0]} {path.stem}", grays[0][:720, :960], grays[1][:720, :960]


def fast_table(shared: Path) -> Iterator[str]:
    """How far float32 strays on real pairs, fused by mean and by maximum."""
    worst: dict[str, tuple[float, str]] = {}
    names = {"zhao": "all", "vifb": ["SSIM", "EI", "RMSE"], "mefb": ["QW", "VIF", "Qabf"], "tang": ["Nabf", "AG"]}
    count = 0
    for pair, a, b in gray_pairs(shared, 12):
        for rule, fused in (("mean", (a.astype(int) + b + 1) // 2), ("maximum", np.maximum(a, b))):
            count += 1
            for profile, metrics in names.items():
                both = [
                    Scorer(metrics, (profile,), dtype=dtype).score(fused.astype(np.uint8), [a, b])
                    for dtype in ("float32", "float64")
                ]
                for name in both[0]:
                    difference = error(both[0][name][0], both[1][name][0])
                    if difference > worst.get(f"{name}@{profile}", (0.0, ""))[0]:
                        worst[f"{name}@{profile}"] = difference, f"{pair}, {rule}"
    yield f"{count} images fused from real pairs; metrics that differ by more than 1e-7:"
    yield ""
    yield "| metric | largest relative difference | on |"
    yield "| --- | --- | --- |"
    for name, (difference, place) in sorted(worst.items(), key=lambda item: -item[1][0]):
        if difference > 1e-7:
            yield f"| {name} | {difference:.0e} | {place} |"


def report(shared: Path, published: bool) -> Iterator[str]:
    yield "### Against the originals' values on 18 triples"
    yield ""
    yield from golden_table(shared)
    yield ""
    yield "### float32 against float64"
    yield ""
    yield from fast_table(shared)
    if not published:
        return
    yield ""
    yield "### Against VIFB's published values (8 methods, 21 images; profile `vifb`, five printed digits)"
    yield ""
    yield from published_table(shared, "VIFB_xingchenzhang.csv", "vifb", published_vifb(shared))
    yield ""
    yield "### Against the published TNO sheet (4 methods; profile `tang-published`)"
    yield ""
    yield from published_table(shared, "TNO_Linfeng-Tang.csv", "tang-published", published_tno(shared))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", MetricWarning)
    text = "\n".join(report(options.shared, options.published))
    if options.write is None:
        sys.stdout.write(text + "\n")
        return
    document = options.write.read_text()
    begin, end = (document.index(marker) for marker in MARKERS)
    options.write.write_text(f"{document[: begin + len(MARKERS[0])]}\n\n{text}\n\n{document[end:]}")


if __name__ == "__main__":
    main()
