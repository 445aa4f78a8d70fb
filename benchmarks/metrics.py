"""How fast the metrics are, against a straightforward evaluator timed in the same run.

The reference below computes as the published Python evaluator does: one image after the other, full
two-dimensional ``scipy.signal.convolve2d`` for VIF and Qabf, scikit-image for SSIM, scikit-learn-free
histograms. Values are compared before ratios are printed.

    python benchmarks/metrics.py --pairs FOLDER [--count 16] [--threads 2] [--allocator]
    python benchmarks/metrics.py --before REVISION

FOLDER holds two sub-folders of equally named 8-bit images; pairs are cropped or mirrored to 480 x 640 and
their mean stands for the fused image. Without ``--pairs`` pictures that scikit-image ships are used.
Times are process CPU seconds, the best of three.

With ``--before`` whole profiles are timed against the package as git has it at that revision, without a kernel, in
turns and in processes of their own, on one thread, freed memory kept as runs do.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.signal import convolve2d
from skimage import data
from skimage.metrics import structural_similarity

from fusionbench.allocator import keep_freed_memory
from fusionbench.metrics import MetricWarning, Scorer

ROOT = Path(__file__).resolve().parents[1]
SIZE = (480, 640)
SIX = ("EN", "SD", "SF", "AG", "VIF", "Qabf")


def reference_en(f, a, b):
    p = np.histogram(f, 256, (0, 256))[0] / f.size
    return -np.sum(p[p > 0] * np.log2(p[p > 0]))


def reference_sd(f, a, b):
    return np.std(f)


def reference_sf(f, a, b):
    return np.sqrt(np.mean(np.diff(f, axis=1) ** 2) + np.mean(np.diff(f, axis=0) ** 2))


def reference_ag(f, a, b):
    gy, gx = np.gradient(f)
    return np.mean(np.sqrt((gx**2 + gy**2) / 2))


def _window(n: int) -> np.ndarray:
    x = np.arange(n) - n // 2
    w = np.exp(-(x[:, None] ** 2 + x**2) / (2 * (n / 5) ** 2))
    return w / w.sum()


def _vif(ref, dist):
    num = den = 0.0
    for scale in range(1, 5):
        win = _window(2 ** (5 - scale) + 1)
        if scale > 1:
            ref, dist = (convolve2d(x, win, "valid")[::2, ::2] for x in (ref, dist))
        m1, m2 = convolve2d(ref, win, "valid"), convolve2d(dist, win, "valid")
        v1 = np.maximum(convolve2d(ref * ref, win, "valid") - m1 * m1, 0)
        v2 = np.maximum(convolve2d(dist * dist, win, "valid") - m2 * m2, 0)
        c = convolve2d(ref * dist, win, "valid") - m1 * m2
        g = c / (v1 + 1e-10)
        sv = v2 - g * c
        g[v1 < 1e-10] = 0
        sv[v1 < 1e-10] = v2[v1 < 1e-10]
        v1[v1 < 1e-10] = 0
        g[v2 < 1e-10] = 0
        sv[v2 < 1e-10] = 0
        sv[g < 0] = v2[g < 0]
        g[g < 0] = 0
        sv = np.maximum(sv, 1e-10)
        num += np.sum(np.log10(1 + g * g * v1 / (sv + 2)))
        den += np.sum(np.log10(1 + v1 / 2))
    return num / den


def reference_vif(f, a, b):
    return _vif(a, f) + _vif(b, f)


def _edges(x):
    vertical = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], float)
    horizontal = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
    sx, sy = convolve2d(x, horizontal, "same"), convolve2d(x, vertical, "same")
    angle = np.full(x.shape, math.pi / 2)
    np.arctan(np.divide(sy, sx, where=sx != 0, out=np.zeros_like(sx)), out=angle, where=sx != 0)
    return np.sqrt(sx * sx + sy * sy), angle


def reference_qabf(f, a, b):
    gf, af = _edges(f)
    top = bottom = 0.0
    for source in (a, b):
        g, angle = _edges(source)
        ratio = np.where(g > gf, gf / np.where(g == 0, 1, g), np.where(g == gf, gf, g / np.where(gf == 0, 1, gf)))
        aligned = 1 - np.abs(angle - af) / (math.pi / 2)
        q = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (aligned - 0.8)))
        top, bottom = top + np.sum(q * g), bottom + np.sum(g)
    return top / bottom


def reference_mi(f, a, b):
    def entropy(p):
        p = p[p > 0]
        return -np.sum(p * np.log(p))

    total = 0.0
    for source in (a, b):
        joint = np.histogram2d(source.ravel(), f.ravel(), 256, ((0, 256), (0, 256)))[0] / f.size
        total += entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())
    return total


def reference_mse(f, a, b):
    return (np.mean((a - f) ** 2) + np.mean((b - f) ** 2)) / 2


def reference_cc(f, a, b):
    return (np.corrcoef(a.ravel(), f.ravel())[0, 1] + np.corrcoef(b.ravel(), f.ravel())[0, 1]) / 2


def reference_psnr(f, a, b):
    return 10 * np.log10(np.max(f) ** 2 / reference_mse(f, a, b))


def reference_scd(f, a, b):
    return np.corrcoef((f - b).ravel(), a.ravel())[0, 1] + np.corrcoef((f - a).ravel(), b.ravel())[0, 1]


def reference_ssim(f, a, b):
    return structural_similarity(f, a, data_range=255) + structural_similarity(f, b, data_range=255)


REFERENCE: dict[str, Callable[..., float]] = {
    "EN": reference_en,
    "SD": reference_sd,
    "SF": reference_sf,
    "AG": reference_ag,
    "MI": reference_mi,
    "MSE": reference_mse,
    "CC": reference_cc,
    "PSNR": reference_psnr,
    "SCD": reference_scd,
    "VIF": reference_vif,
    "Qabf": reference_qabf,
    "SSIM": reference_ssim,
}


def cpu_seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Best CPU time of a few calls after one warm-up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def load_pairs(folder: Path | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two stacks, count x 480 x 640 uint8."""
    if folder is None:
        pictures = [data.camera(), data.moon(), data.page(), data.coins(), data.text(), data.grass(), data.gravel()]
        first = [pictures[k % 7] for k in range(count)]
        second = [pictures[(k + 1 + k // 7) % 7] for k in range(count)]
    else:
        left, right = sorted(path for path in folder.iterdir() if path.is_dir())[:2]
        shared = [(path, *right.glob(f"{path.stem}.*")) for path in sorted(left.iterdir())]
        shared = [paths[:2] for paths in shared if len(paths) >= 2]
        chosen = [shared[k % len(shared)] for k in range(count)]
        first, second = ([np.array(Image.open(pair[side]).convert("L")) for pair in chosen] for side in (0, 1))
    return np.stack([_fit(x) for x in first]), np.stack([_fit(x) for x in second])


def _fit(image: np.ndarray) -> np.ndarray:
    missing = [max(0, want - have) for want, have in zip(SIZE, image.shape, strict=True)]
    image = np.pad(image, [(0, missing[0]), (0, missing[1])], mode="symmetric")
    return image[: SIZE[0], : SIZE[1]]


# Run with the package of either side; prints the CPU seconds of all metrics of each profile.
PROBE = """
import json, sys, time, warnings
import numpy as np, torch
from fusionbench.allocator import keep_freed_memory
from fusionbench.metrics import Scorer
keep_freed_memory()
torch.set_num_threads(1)
warnings.simplefilter("ignore")
fused, *sources = torch.from_numpy(np.load(sys.argv[1]))[:, None, None]
found = {}
for profile in sys.argv[2:]:
    scorer = Scorer("all", (profile,))
    values = scorer.score(fused, sources)
    seconds = []
    for _ in range(3):
        started = time.process_time()
        scorer.score(fused, sources)
        seconds.append(time.process_time() - started)
    found[profile] = min(seconds), {name: float(value[0]) for name, value in values.items()}
print(json.dumps(found))
"""


def compare(revision: str, triple: np.ndarray, profiles: tuple[str, ...], rounds: int = 2) -> None:
    """Print what whole profiles cost at a revision and now, and by how much their values differ."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["git", "-C", str(ROOT), "archive", revision]
        archive = subprocess.run(command, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(f"{folder}/tree", filter="data")
        np.save(f"{folder}/triple.npy", triple)
        best: dict[str, dict[str, float]] = {}
        values: dict[str, dict[str, dict[str, float]]] = {}
        for _ in range(rounds):
            for side, tree in (("before", f"{folder}/tree"), ("now", str(ROOT))):
                path = os.pathsep.join([tree, f"{tree}/plugins", f"{tree}/baselines"])
                run = [sys.executable, "-c", PROBE, f"{folder}/triple.npy", *profiles]
                environment = os.environ | {"PYTHONPATH": path}
                done = subprocess.run(run, check=True, capture_output=True, text=True, env=environment, cwd=tree)
                for profile, (seconds, scores) in json.loads(done.stdout.splitlines()[-1]).items():
                    times = best.setdefault(profile, {})
                    times[side] = min(seconds, times.get(side, math.inf))
                    values.setdefault(profile, {})[side] = scores
    print(f"{'':12s}{'before ms':>10}{'now ms':>8}{'ratio':>7}{'difference':>12}")
    for profile, times in best.items():
        before, now = values[profile]["before"], values[profile]["now"]
        both = [name for name in before if name in now and math.isfinite(before[name])]
        error = max(abs(before[name] - now[name]) / max(abs(before[name]), 1e-300) for name in both)
        print(
            f"{profile:12s}{times['before'] * 1e3:10.0f}{times['now'] * 1e3:8.0f}"
            f"{times['before'] / times['now']:7.1f}{error:12.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--allocator", action="store_true", help="both sides keep freed memory (see allocator.py)")
    parser.add_argument("--skip-toolboxes", action="store_true")
    parser.add_argument("--before", metavar="REVISION", help="time whole profiles against this revision, nothing else")
    parser.add_argument("--profiles", default="zhao,vifb,mefb,tang", help="for --before")
    options = parser.parse_args()
    if options.before:
        a, b = (images[0] for images in load_pairs(options.pairs, 1))
        fused = ((a.astype(np.uint16) + b + 1) // 2).astype(np.uint8)
        compare(options.before, np.stack([fused, a, b]), tuple(options.profiles.split(",")))
        return
    if options.allocator:
        keep_freed_memory()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore", MetricWarning)
    a, b = load_pairs(options.pairs, options.count)
    f = ((a.astype(np.uint16) + b + 1) // 2).astype(np.uint8)
    tensors = [torch.from_numpy(x)[:, None] for x in (f, a, b)]
    single = [x[:1] for x in tensors]
    plain = [x[0].astype(np.float64) for x in (f, a, b)]

    def ours(names, profile, dtype, images):
        scorer = Scorer(names, (profile,), dtype=dtype)
        return lambda: scorer.score(images[0], images[1:])

    print(f"threads {options.threads}, allocator {'tuned' if options.allocator else 'default'}, CPU ms per image")
    print(f"{'zhao':<12}{'reference':>10}{'float64':>9}{'ratio':>7}{'float32':>9}{'ratio':>7}  |difference| 64, 32")
    groups = {name: (name,) for name in REFERENCE} | {"the six": SIX, "all": tuple(REFERENCE)}
    for label, names in groups.items():
        base = cpu_seconds(lambda names=names: [REFERENCE[name](*plain) for name in names], 2)
        expected = {name: REFERENCE[name](*plain) for name in names}
        cells, errors = [], []
        for dtype in ("float64", "float32"):
            call = ours(names, "zhao", dtype, single)
            got = call()
            errors.append(max(abs(got[name][0] - expected[name]) for name in names))
            seconds = cpu_seconds(call)
            cells.append(f"{seconds * 1e3:>9.1f}{base / seconds:>7.0f}")
        print(f"{label:<12}{base * 1e3:>10.1f}{''.join(cells)}  {errors[0]:.1e}, {errors[1]:.1e}", flush=True)
    for dtype in ("float64", "float32"):
        seconds = cpu_seconds(ours(SIX, "zhao", dtype, tensors), 2) / options.count
        print(f"the six, batch of {options.count}, {dtype}: {seconds * 1e3:.1f} ms per image")
    if options.skip_toolboxes:
        return
    for profile in ("vifb", "tang", "mefb"):
        for dtype in ("float64", "float32"):
            print(
                f"all of {profile}, {dtype}: {cpu_seconds(ours('all', profile, dtype, single), 1):.2f} CPU s",
                flush=True,
            )
        slow = {
            spec.name: cpu_seconds(ours(spec.name, profile, "float64", single), 1)
            for spec in Scorer("all", (profile,)).specs
        }
        ranked = sorted(slow.items(), key=lambda item: -item[1])[:6]
        print("   slowest alone: " + ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in ranked))


if __name__ == "__main__":
    main()
