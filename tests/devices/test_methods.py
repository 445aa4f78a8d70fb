"""Every method on the pretended CUDA device: nothing stays on the CPU, and the picture is the CPU's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.fusing import DecodedSample, Fuser
from fusionbench.methods.decorator import FunctionMethod
from fusionbench.plugins import current_plugins
from fusionbench.plugins.options import parse_options
from fusionbench.testing.pretended_cuda import CUDA
from fusionbench.types import FusionBenchError, MethodSpec, Task, resolve
from fusionbench_ddfm import method as ddfm
from fusionbench_ddfm.unet import UNetConfig

Device = Callable[[], AbstractContextManager]

CPU = torch.device("cpu")
SPECS = current_plugins().methods
# Reads pictures that others made.
EXCEPTIONS = {"precomputed"}
# Ways of the text methods that need no files of features, and small amounts of work.
OPTIONS: dict[str, dict[str, Any]] = {
    "ddfm": {"steps": 2},
    "film-caption": {"text": "none"},
    "film-compact": {"text": "offline"},
    "film-dense": {"text": "none"},
    "film-direct": {"text": "none"},
    "film-no-llm": {"text": "none"},
    "murf": {"square": 64},
}
LEARNED = sorted(name for name, spec in SPECS.items() if spec.weights and name not in EXCEPTIONS)
# What a classical method does depends on the task; what a network does, on its weights.
CASES = [
    pytest.param(name, task, "float32", id=f"{name}-{task}")
    for name, spec in sorted(SPECS.items())
    if name not in EXCEPTIONS
    for task in (spec.tasks[:1] if spec.weights else spec.tasks)
] + [
    pytest.param(name, SPECS[name].tasks[0], "bfloat16", id=f"{name}-bfloat16")
    for name in LEARNED
    # FILM's variants share a network, of which film-compact is the small one.
    if SPECS[name].lowers_precision and (not name.startswith("film") or name == "film-compact")
]


@pytest.fixture(autouse=True)
def _small_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    small = UNetConfig(channels=32, multipliers=(1, 1, 1, 1, 1, 1), blocks=1, head_width=16)
    monkeypatch.setattr(ddfm, "UNetConfig", lambda: small)


def made(spec: MethodSpec, task: Task, device: torch.device, precision: str = "float32") -> Fuser:
    """The method with weights that ship, or with random ones that are the same on every device."""
    given: dict[str, Any] = {"task": str(task)} if "task" in spec.options else {}
    torch.manual_seed(0)
    method = resolve(spec.factory)(**parse_options("method", spec, given | OPTIONS.get(spec.name, {})))
    own = next((known.package_file for known in spec.weights if known.package_file and task in known.tasks), None)
    if own is not None or not spec.weights:
        method.load(device, own)
    else:
        torch.manual_seed(0)
        method.load_untrained(device)
    return Fuser(method, spec, device, precision=precision)


def samples(spec: MethodSpec, task: Task) -> list[DecodedSample]:
    """Two samples of smooth pictures in 8 bits: the first source gray where the task's is."""
    generator = torch.Generator().manual_seed(3)
    size = max(32, spec.min_size), max(45, spec.min_size)
    made = []
    for number in range(2):
        low = torch.rand(2, 3, 8, 11, generator=generator)
        pictures = F.interpolate(low, size, mode="bicubic").clamp(0, 1).mul(255).round().div(255)
        coloured = (task in (Task.MEF, Task.MFF), True)
        made.append(
            DecodedSample(
                id=f"s{number}",
                task=task,
                sources=tuple(image if c else image[:1] for image, c in zip(pictures, coloured, strict=True)),
                eight_bit=(True, True),
                coloured=coloured,
                text=torch.rand(5 + 2 * number, 768, generator=generator) if spec.text != "none" else None,
                texts=("a car.", "a road.") if spec.text != "none" else (),
            )
        )
    return made


def fused(fuser: Fuser, given: list[DecodedSample]) -> list[Tensor]:
    results = fuser.fuse_samples(given)
    for result in results:
        if isinstance(result, FusionBenchError):
            raise result.__cause__ or result
    return [result.pixels for result in results]


@pytest.mark.parametrize(("name", "task", "precision"), CASES)
def test_a_method_runs_on_cuda_and_gives_the_cpus_picture(
    pretended: Device, name: str, task: Task, precision: str
) -> None:
    spec = SPECS[name]
    given = samples(spec, task)
    with pretended() as device:
        fuser = made(spec, task, CUDA, precision)
        network = getattr(fuser.method, "network", None)
        if isinstance(network, nn.Module):
            left = [key for key, value in [*network.named_parameters(), *network.named_buffers()] if not value.is_cuda]
            assert left == []
        pictures = fused(fuser, given)
        assert device.operators > 20
    if precision == "float32":
        for picture, expected in zip(pictures, fused(made(spec, task, CPU), given), strict=True):
            assert (picture.int() - expected.int()).abs().max() <= 1


def test_a_fault_of_a_method_is_not_hidden_by_the_harness(pretended: Device) -> None:
    spec = SPECS["average"]
    faulty = FunctionMethod(lambda a, b: a + b + torch.zeros(a.shape), {})
    with pretended(), pytest.raises(RuntimeError, match="same device"):
        fused(Fuser(faulty, spec, CUDA), samples(spec, Task.IVF))


@pytest.mark.parametrize("name", ["sdnet", "u2fusion"])
def test_retreat_to_tiles_when_memory_ends(pretended: Device, name: str) -> None:
    """The batch is halved, then the image is cut: on CUDA as on the CPU."""
    spec = SPECS[name]
    given = samples(spec, Task.IVF)[:1]
    given = [
        DecodedSample(
            id="s",
            task=Task.IVF,
            sources=tuple(F.interpolate(s[None], (300, 340), mode="bicubic").clamp(0, 1)[0] for s in given[0].sources),
            eight_bit=(True, True),
            coloured=(False, True),
        )
    ]
    whole = fused(made(spec, Task.IVF, CPU), given)
    with pretended():
        fuser = made(spec, Task.IVF, CUDA)
        fuse = fuser.method.fuse

        def short_of_memory(batch: Any) -> Tensor:
            if batch.sources[0].shape[-1] > 300:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return fuse(batch)

        fuser.method.fuse = short_of_memory
        tiled = fused(fuser, given)
    assert (tiled[0].int() - whole[0].int()).abs().max() <= 1
