"""What the harness does for every method: luma, padding, batches, tiles, memory, colour."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr

import fusionbench as fb
from fusionbench.fusing import DecodedSample, Fuser, decode_sample
from fusionbench.fusing.padding import crop_to, pad_to_multiple
from fusionbench.fusing.tiling import fuse_in_tiles, spans
from fusionbench.images import colour
from fusionbench.types import Batch, DataError, FusionBenchError, LazyArray, MethodError, MethodSpec, Task, UsageError
from tests.helpers.scenes import write_pairs

CPU = torch.device("cpu")


class Plain:
    """A method made of a function of the batch."""

    def __init__(self, function: Callable[[Batch], torch.Tensor]) -> None:
        self.fuse = function

    def load(self, device, weights) -> None: ...


def fuser(function: Callable[[Batch], torch.Tensor], **facts: object) -> Fuser:
    settings: dict = {"name": "plain", "tasks": tuple(Task), "factory": Plain, **facts}
    mode = settings.pop("colour_mode", "restore")
    return Fuser(Plain(function), MethodSpec(**settings), CPU, colour_mode=mode)


def decoded(*sources: torch.Tensor, task: Task = Task.IVF, name: str = "a", text=None) -> DecodedSample:
    return DecodedSample(
        id=name,
        task=task,
        sources=sources,
        eight_bit=(True,) * len(sources),
        coloured=tuple(s.shape[0] == 3 and not (s[0] == s[1]).all() for s in sources),
        text=text,
    )


def eight_bit(*shape: int, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 256, shape)
    return torch.from_numpy(values.astype(np.float32)) / 255


def maximum(batch: Batch) -> torch.Tensor:
    return torch.stack(batch.sources).amax(0)


def one(result: list) -> torch.Tensor:
    assert len(result) == 1
    if isinstance(result[0], FusionBenchError):
        raise result[0]
    return result[0].pixels


def test_values_that_leave_the_range_by_far_are_clipped_with_a_note() -> None:
    flat = torch.full((1, 20, 20), 0.5)

    def shifted(amount: float, rows: int):
        def fuse(batch: Batch) -> torch.Tensor:
            fused = batch.sources[0].clone()
            fused[..., :rows, :] = amount
            return fused

        return fuser(fuse).fuse_samples([decoded(flat, flat)])[0]

    for amount, rows in ((1.04, 20), (-0.04, 20), (1.4, 0)):
        assert shifted(amount, rows).notes == ()
    for amount, rows, share in ((1.2, 4, "20%"), (-0.1, 20, "100%"), (1.06, 1, "5%")):
        result = shifted(amount, rows)
        assert result.notes[0].startswith(f"{share} of the values lay more than 0.05 outside [0, 1] and were clipped")
        assert f"{amount:.3g}" in result.notes[0]
        assert result.pixels[0, 0, 0] == (255 if amount > 1 else 0)


def test_a_note_belongs_to_its_own_sample() -> None:
    samples = [decoded(torch.full((1, 20, 20), level), torch.zeros(1, 20, 20), name=str(level)) for level in (0.2, 0.6)]
    results = fuser(lambda batch: batch.sources[0] * 2, batched=True).fuse_samples(samples)
    assert [len(result.notes) for result in results] == [0, 1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (torch.full((20, 20), 200, dtype=torch.int64), "int64"),
        (torch.full((20, 20), 200.0), "from 200 to 200"),
        (torch.full((20, 20), -0.5), "from -0.5"),
        (torch.full((20, 20), float("nan")), "from nan"),
    ],
)
def test_images_in_memory_on_another_scale_are_refused(source: torch.Tensor, words: str) -> None:
    with pytest.raises(MethodError, match=words):
        fuser(maximum)(source, torch.zeros(20, 20))


def test_luma_and_chroma_agree_with_an_independent_conversion() -> None:
    rgb = eight_bit(1, 3, 9, 7)
    studio = rgb2ycbcr(rgb[0].permute(1, 2, 0).double().numpy())
    assert np.allclose(colour.luma(rgb)[0, 0], (studio[..., 0] - 16) / 219, atol=2e-5)
    chroma = colour.chroma(rgb)[0].permute(1, 2, 0)
    assert np.allclose(chroma, (studio[..., 1:] - 128) / 224, atol=2e-4)


def test_colour_is_restored_exactly() -> None:
    rgb = eight_bit(2, 3, 8, 8)
    assert torch.allclose(colour.with_chroma(colour.luma(rgb), colour.chroma(rgb)), rgb, atol=1e-6)


def test_chroma_of_infrared_visible_is_the_visible_one() -> None:
    infrared, visible = eight_bit(1, 3, 6, 6), eight_bit(1, 3, 6, 6, seed=1)
    assert torch.equal(colour.fuse_chroma((infrared, visible), Task.IVF), colour.chroma(visible))


@pytest.mark.parametrize("task", [Task.MIF, Task.MEF, Task.MFF])
def test_elsewhere_a_gray_source_has_no_say_and_equal_sources_keep_their_chroma(task: Task) -> None:
    gray, rgb = eight_bit(1, 1, 6, 6), eight_bit(1, 3, 6, 6, seed=1)
    assert torch.allclose(colour.fuse_chroma((gray, rgb), task), colour.chroma(rgb), atol=1e-6)
    assert torch.allclose(colour.fuse_chroma((rgb, rgb, rgb), task), colour.chroma(rgb), atol=1e-6)
    assert not colour.fuse_chroma((gray, gray), task).any()


def test_luma_methods_see_rounded_luma_and_gray_stored_as_rgb_as_itself() -> None:
    seen: list[torch.Tensor] = []

    def look(batch: Batch) -> torch.Tensor:
        seen.extend(batch.sources)
        return batch.sources[0]

    gray = eight_bit(1, 8, 8)
    one(fuser(look).fuse_samples([decoded(gray.expand(3, -1, -1), eight_bit(3, 8, 8, seed=1))]))
    assert torch.equal(seen[0][0], gray)
    levels = seen[1] * 255
    assert torch.allclose(levels, levels.round(), atol=1e-4)


def test_results_have_colour_only_where_a_source_has() -> None:
    gray, rgb = eight_bit(1, 8, 8), eight_bit(3, 8, 8, seed=1)
    assert one(fuser(maximum).fuse_samples([decoded(gray, rgb)])).shape == (3, 8, 8)
    assert one(fuser(maximum).fuse_samples([decoded(gray, gray.expand(3, -1, -1))])).shape == (1, 8, 8)
    assert one(fuser(maximum, colour_mode="gray").fuse_samples([decoded(gray, rgb)])).shape == (1, 8, 8)


def test_the_visible_image_itself_comes_back_unchanged() -> None:
    rgb = eight_bit(3, 16, 16) * 0.5 + 0.25
    rgb = (rgb * 255).round() / 255
    fused = one(fuser(lambda batch: batch.sources[1]).fuse_samples([decoded(eight_bit(1, 16, 16), rgb)]))
    assert (fused.float() - rgb * 255).abs().max() <= 1


def test_rgb_methods_get_three_channels_and_are_written_as_returned() -> None:
    gray, rgb = eight_bit(1, 8, 8), eight_bit(3, 8, 8, seed=1)
    assert torch.equal(
        one(fuser(lambda b: b.sources[1], takes="rgb").fuse_samples([decoded(gray, rgb)])), (rgb * 255).byte()
    )
    assert one(fuser(lambda b: b.sources[0][:, :1], takes="rgb").fuse_samples([decoded(gray, rgb)])).shape[0] == 1


@given(height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.sampled_from([1, 2, 8, 16, 32]))
def test_padding_reaches_the_multiple_and_cropping_undoes_it(height: int, width: int, multiple: int) -> None:
    image = torch.arange(height * width, dtype=torch.float32).view(1, 1, height, width)
    padded = pad_to_multiple(image, multiple)
    assert padded.shape[-2] % multiple == padded.shape[-1] % multiple == 0
    assert padded.shape[-2] < height + multiple
    assert padded.shape[-1] < width + multiple
    assert torch.equal(crop_to(padded, height, width), image)


@given(length=st.integers(1, 500), tile=st.integers(2, 200), overlap=st.integers(0, 60))
def test_tiles_cover_everything_and_overlap_enough(length: int, tile: int, overlap: int) -> None:
    if overlap >= tile:
        return
    found = spans(length, tile, overlap)
    assert found[0][0] == 0
    assert found[-1][1] == length
    for (_, stop), (start, _) in itertools.pairwise(found):
        assert stop - start >= overlap


def test_tiling_a_pointwise_method_changes_nothing() -> None:
    a, b = eight_bit(1, 1, 70, 53), eight_bit(1, 1, 70, 53, seed=1)
    tiled = fuse_in_tiles(lambda s: torch.maximum(*s), (a, b), tile=32, overlap=8)
    assert torch.allclose(tiled, torch.maximum(a, b), atol=1e-6)


def test_the_method_sees_padded_images_and_finish_sees_whole_unpadded_ones() -> None:
    sizes: list[tuple[int, ...]] = []

    def fuse(batch: Batch) -> torch.Tensor:
        sizes.append(tuple(batch.sources[0].shape))
        return batch.sources[0]

    ready = fuser(fuse, multiple=16)

    def finish(fused: torch.Tensor, batch: Batch) -> torch.Tensor:
        sizes.append(tuple(fused.shape))
        sizes.append(tuple(batch.sources[0].shape))
        return (fused - fused.amin()) / (fused.amax() - fused.amin())

    ready.method.finish = finish
    fused = one(ready.fuse_samples([decoded(eight_bit(1, 21, 33) * 0.5, eight_bit(1, 21, 33))]))
    assert sizes == [(1, 1, 32, 48), (1, 1, 21, 33), (1, 1, 21, 33)]
    assert (fused.min(), fused.max()) == (0, 255)


def limited(pixels: int, error: Exception) -> Callable[[Batch], torch.Tensor]:
    def fuse(batch: Batch) -> torch.Tensor:
        n, _, height, width = batch.sources[0].shape
        if n * height * width > pixels:
            raise error
        return maximum(batch)

    return fuse


def raising(error: Exception) -> Callable[..., torch.Tensor]:
    def call(*arguments: object) -> torch.Tensor:
        raise error

    return call


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to allocate"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "python", "cpu", "cpu-linux"])
def test_out_of_memory_halves_the_batch(error: Exception) -> None:
    samples = [decoded(eight_bit(1, 32, 32, seed=i), eight_bit(1, 32, 32, seed=i + 9), name=str(i)) for i in range(5)]
    results = fuser(limited(2 * 32 * 32, error)).fuse_samples(samples)
    for sample, result in zip(samples, results, strict=True):
        assert torch.equal(result.pixels, (torch.maximum(*sample.sources) * 255).round().byte())
        assert result.notes == ("batch halved: out of memory",)


def test_out_of_memory_with_one_image_cuts_tiles_where_the_method_allows_it() -> None:
    sample = decoded(eight_bit(1, 600, 700), eight_bit(1, 600, 700, seed=1))
    result = fuser(limited(400 * 400, OUT_OF_MEMORY[0]), overlap=32, multiple=8).fuse_samples([sample])[0]
    assert torch.equal(result.pixels, (torch.maximum(*sample.sources) * 255).round().byte())
    assert result.notes == ("tiles of 384 pixels: out of memory",)
    failed = fuser(limited(400 * 400, OUT_OF_MEMORY[0])).fuse_samples([sample])[0]
    assert isinstance(failed, MethodError)
    assert "ran out of memory on cpu with one image of 700x600" in str(failed)


@pytest.mark.parametrize(
    ("finish", "message"),
    [
        (lambda fused, batch: fused[..., 1:], "returned shape"),
        (lambda fused, batch: None, "returned NoneType"),
        (raising(MemoryError("none left")), "ran out of memory on cpu in finish: none left"),
        (raising(ValueError("broken")), "raised ValueError: broken"),
    ],
)
def test_what_finish_does_wrong_is_the_method_s_error(finish: Callable, message: str) -> None:
    ready = fuser(maximum)
    ready.method.finish = finish
    failed = ready.fuse_samples([decoded(eight_bit(1, 32, 32), eight_bit(1, 32, 32))])[0]
    assert isinstance(failed, MethodError)
    assert message in str(failed)


def test_only_the_sample_with_nan_fails() -> None:
    def fuse(batch: Batch) -> torch.Tensor:
        fused = maximum(batch).clone()
        fused[1, 0, 3, 3] = float("nan")
        return fused

    samples = [decoded(eight_bit(1, 8, 8, seed=i), eight_bit(1, 8, 8, seed=i + 5), name=str(i)) for i in range(3)]
    results = fuser(fuse).fuse_samples(samples)
    assert [isinstance(result, FusionBenchError) for result in results] == [False, True, False]


def test_values_on_another_scale_are_refused_and_overshoot_is_clipped() -> None:
    sample = decoded(eight_bit(1, 8, 8), eight_bit(1, 8, 8, seed=1))
    failed = fuser(lambda batch: maximum(batch) * 255).fuse_samples([sample])[0]
    assert isinstance(failed, MethodError)
    assert "far outside [0, 1] for a" in str(failed)
    assert one(fuser(lambda batch: maximum(batch) * 1.3 - 0.1).fuse_samples([sample])).max() == 255


def test_an_error_in_characters_that_cannot_be_written_is_told_in_others() -> None:
    def fuse(batch: Batch) -> torch.Tensor:
        raise ValueError("no caf\udce9.txt")

    failed = fuser(fuse).fuse_samples([decoded(eight_bit(1, 8, 8), eight_bit(1, 8, 8))])[0]
    assert "no caf\\xe9.txt" in str(failed)


@pytest.mark.parametrize(
    ("facts", "sources", "message"),
    [
        ({"sources": (2, 2)}, 3, "takes 2 sources, a has 3"),
        ({"sources": (3, None)}, 2, "takes 3 or more sources, a has 2"),
        ({"min_size": 16}, 2, "at least 16 pixels a side, a is 8x8"),
        ({"text": "required"}, 2, "needs text features, a has none"),
    ],
)
def test_samples_that_do_not_suit_a_method_are_refused(facts: dict, sources: int, message: str) -> None:
    sample = decoded(*(eight_bit(1, 8, 8, seed=i) for i in range(sources)))
    result = fuser(maximum, **facts).fuse_samples([sample])[0]
    assert isinstance(result, MethodError)
    assert message in str(result)


def test_text_features_reach_the_method_unpadded() -> None:
    seen = []

    def fuse(batch: Batch) -> torch.Tensor:
        seen.append([features.shape for features in batch.text])
        return maximum(batch)

    samples = [decoded(eight_bit(1, 8, 8), eight_bit(1, 8, 8), name=str(t), text=torch.zeros(t, 4)) for t in (3, 5)]
    fuser(fuse, text="required").fuse_samples(samples)
    assert seen == [[(3, 4), (5, 4)]]


def test_calling_a_fuser_with_tensors_in_memory() -> None:
    ready = fb.get_method("average", device="cpu")
    infrared, visible = eight_bit(12, 10), eight_bit(3, 12, 10, seed=1)
    fused = ready(infrared, visible, task="IVF")
    assert fused.shape == (1, 3, 12, 10)
    expected = (infrared + colour.luma(visible[None])[0, 0]) / 2
    inside = ((fused > 0) & (fused < 1)).all(1)[0]
    assert torch.allclose(colour.luma(fused)[0, 0][inside], expected[inside], atol=1e-5)
    assert ready((visible * 255).byte(), (visible * 255).byte()).shape == (1, 3, 12, 10)
    with pytest.raises(MethodError, match="sources differ in size"):
        ready(infrared, visible[:, :-1])
    with pytest.raises(MethodError, match="has no network"):
        _ = ready.network


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(UsageError, match="precision 'half' is not one of float32, bfloat16, float16"):
        fb.get_method("average", device="cpu", precision="half")


def test_a_luma_method_may_read_gray_and_save_colour_by_its_own_rules() -> None:
    seen: list[object] = []

    def read(sources, suffixes, task):
        seen.extend([suffixes, task])
        return [source.amax(1, keepdim=True) for source in sources]

    def save(fused, sources, task):
        seen.append(len(sources))
        return fused.expand(-1, 3, -1, -1) / 2 if sources else fused

    gray, rgb = eight_bit(1, 8, 8), eight_bit(3, 8, 8, seed=1)
    for mode, taken, colours in (("restore", 2, 3), ("gray", 0, 1)):
        ready = fuser(lambda batch: batch.sources[1], colour_mode=mode)
        ready.method.read_gray, ready.method.save = read, save
        sample = dataclasses.replace(decoded(gray, rgb), suffixes=(".png", ".jpg"))
        expected = rgb.amax(0) / 2 if colours == 3 else rgb.amax(0)
        assert torch.equal(one(ready.fuse_samples([sample])), (expected * 255).round().byte().expand(colours, -1, -1))
        assert seen == [(".png", ".jpg"), Task.IVF, taken]
        assert torch.allclose(ready(gray, rgb)[0], expected.expand(colours, -1, -1))
        seen.clear()
        one(ready.fuse_samples([decoded(gray, gray)]))  # nothing to read, nothing to restore
        assert seen == [0]
        seen.clear()
    ready.method.save = lambda fused, sources, task: fused[..., 1:]
    failed = ready.fuse_samples([decoded(gray, rgb)])[0]
    assert "something else than images from save" in str(failed)


def test_autocast_is_applied_and_results_stay_float32() -> None:
    seen = []

    def fuse(batch: Batch) -> torch.Tensor:
        seen.append((batch.sources[0][0, 0] @ batch.sources[0][0, 0].T).dtype)
        return batch.sources[0].to(torch.bfloat16)

    for autocast, expected in ((True, torch.bfloat16), (None, torch.float32)):  # without weights it is not meant
        spec = MethodSpec(name="plain", tasks=tuple(Task), factory=Plain, autocast=autocast)
        ready = Fuser(Plain(fuse), spec, CPU, precision="bfloat16")
        assert one(ready.fuse_samples([decoded(eight_bit(1, 8, 8), eight_bit(1, 8, 8))])).dtype == torch.uint8
        assert seen.pop() == expected


@pytest.mark.parametrize("field", ["sources", "reference", "text_features"])
@pytest.mark.parametrize("error", [TypeError("no"), StopIteration(), AssertionError()])
def test_a_reader_that_raises_anything_is_an_error_of_its_sample(tmp_path: Path, field: str, error: Exception) -> None:
    def fails() -> np.ndarray:
        raise error

    array = LazyArray("part 7", fails)
    sample = write_pairs(tmp_path, 1)[0]
    broken = {"sources": (sample.sources[0], array), "reference": array, "text_features": {"": array}}[field]
    with pytest.raises(DataError, match=type(error).__name__):
        decode_sample(dataclasses.replace(sample, **{field: broken}), with_text=True)
