"""A method run as ``fusionbench run`` does it: from files, in a worker process, to a picture."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fusionbench.api import run
from fusionbench.fusing import decode_sample
from fusionbench.fusing.decoding import to_tensor
from fusionbench.images import read_image, to_levels, write_png
from fusionbench.testing.findings import Broken, Check, NotApplicable
from fusionbench.testing.methods import ONE_LEVEL, MethodTrial, difference, fused
from fusionbench.types import Sample


def _in_a_worker(trial: MethodTrial) -> str:
    trial.fuser()
    if trial.untrained:
        raise NotApplicable("its weights are not here")
    if trial.spec.text == "required":
        raise NotApplicable("it needs text features in files")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given = trial.sample()
        paths = []
        for number, source in enumerate(given.sources):
            path = root / f"data/{number}/one.png"
            pixels = to_levels(source).permute(1, 2, 0).numpy()
            write_png(path, pixels if pixels.shape[2] == 3 else pixels[..., 0])
            paths.append(path)
        settings = {"task": str(trial.task), "sides": ",".join(str(number) for number in range(len(paths)))}
        finished = run(
            {
                "name": trial.spec.name,
                "options": dict(trial.options),
                **({"weights": str(trial.weights)} if trial.weights is not None else {}),
            },
            {"name": "folder", "root": str(root / "data"), "options": settings},
            out=str(root / "run"),
            metrics=("EN",),
            plugins=trial.plugins,
            device="cpu",
            isolate=True,
        )
        frame = finished.frame()
        failed = frame[frame.status != "ok"]
        if len(failed) or not len(frame):
            raise Broken(str(failed.error.iloc[0]) if len(failed) else "the run has no result.")
        (picture,) = (root / "run/images").rglob("*.png")
        there = to_levels(to_tensor(read_image(picture)))
        (here,) = fused(trial.fuser(), decode_sample(Sample(id="one", task=trial.task, sources=tuple(paths))))
    if there.shape[-2:] != here.shape[-2:] or difference(there.expand_as(here), here) > ONE_LEVEL:
        raise Broken("in a worker process it gives another image.", "It must not depend on the state of its process.")
    return f"{frame.seconds.iloc[0]:.2f} s"


WORKER: Check[MethodTrial] = Check(
    "worker", _in_a_worker, remedy="What it needs must be importable: no state of a script or notebook."
)
