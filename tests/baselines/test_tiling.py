"""Images too large for memory: tiles give what the whole image gives, or there are no tiles."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from fusionbench.fusing.guarded import GuardedCalls
from fusionbench.fusing.tiling import fuse_in_tiles
from fusionbench.plugins import current_plugins
from fusionbench.types import Batch, MethodError, MethodSpec, Task, resolve

CPU = torch.device("cpu")
TILED = sorted(name for name, spec in current_plugins().methods.items() if spec.overlap is not None)
# How far a pixel is influenced does not depend on the task, but for the channels that a network reads.
CASES = [(name, current_plugins().methods[name].tasks[0]) for name in TILED] + [("ifcnn", Task.MEF)]


def made(spec: MethodSpec, **options: Any) -> Any:
    """The method with random weights, in double precision."""
    torch.manual_seed(0)
    method = resolve(spec.factory)(**{name: option.default for name, option in spec.options.items()} | options)
    if not spec.weights:
        method.load(CPU, None)
        return method
    method.load_untrained(CPU)
    method.network.double()
    return method


def sources(spec: MethodSpec, size: int) -> tuple[Tensor, ...]:
    channels = 1 if spec.takes == "luma" else 3
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 1, channels, size, size + 9, dtype=torch.float64, generator=generator).unbind()


@pytest.mark.parametrize(("name", "task"), CASES)
@torch.inference_mode()
def test_tiles_give_what_the_whole_image_gives(name: str, task: Task) -> None:
    spec = current_plugins().methods[name]
    method = made(spec)

    def fuse(parts: tuple[Tensor, ...]) -> Tensor:
        return method.fuse(Batch(sources=parts, task=task))

    images = sources(spec, 2 * spec.overlap + 31)
    whole = fuse(images)
    tiled = fuse_in_tiles(fuse, images, tile=2 * spec.overlap + 20, overlap=spec.overlap)
    torch.testing.assert_close(tiled.double(), whole, atol=1e-6, rtol=1e-6)


def short_of_memory(method: Any, most: int) -> Any:
    """The same method with memory for few pixels."""

    def fuse(batch: Batch) -> Tensor:
        if batch.sources[0][0, 0].numel() > most:
            raise MemoryError
        return batch.sources[0]

    method.fuse = fuse
    return method


@pytest.mark.parametrize(
    ("name", "options"), [("tardal", {"use_eval": "no"}), ("metafusion", {"size": "512x384"})], ids=lambda x: str(x)
)
def test_what_depends_on_the_whole_image_is_never_tiled(name: str, options: dict[str, str]) -> None:
    spec = current_plugins().methods[name]
    batch = Batch(sources=sources(spec, 300), task=Task.IVF)
    for given, tiled in (({}, True), (options, False)):
        calls = GuardedCalls(short_of_memory(made(spec, **given), 260 * 260), spec, CPU)
        if tiled:
            assert calls.fuse(batch)[1] == ("tiles of 256 pixels: out of memory",)
        else:
            with pytest.raises(MethodError, match="ran out of memory"):
                calls.fuse(batch)


@pytest.mark.parametrize("overlap", [0, 1, 2, 3, 8, 21])
def test_every_pixel_comes_from_somewhere(overlap: int) -> None:
    ones = torch.ones(1, 1, 61, 47)
    for tile in (overlap + 1, 2 * overlap + 5):
        found = fuse_in_tiles(lambda parts: parts[0], (ones,), tile=tile, overlap=overlap)
        torch.testing.assert_close(found, ones)


@pytest.mark.parametrize(("reach", "kind"), list(itertools.product([1, 3], [torch.float32, torch.bfloat16])))
def test_a_reach_of_a_quarter_of_the_overlap_leaves_no_trace(reach: int, kind: torch.dtype) -> None:
    image = torch.rand(1, 1, 90, 75, generator=torch.Generator().manual_seed(2))

    def mean(parts: tuple[Tensor, ...]) -> Tensor:
        return torch.nn.functional.avg_pool2d(parts[0], 2 * reach + 1, 1, reach).to(kind)

    found = fuse_in_tiles(mean, (image,), tile=40, overlap=4 * reach)
    torch.testing.assert_close(found, mean((image,)).float(), atol=1e-6, rtol=0)
