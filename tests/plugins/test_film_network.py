"""FILM's network and its streamed form against the golden values and against each other."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from fusionbench.types import UsageError
from fusionbench_film.blending import PyramidBlend
from fusionbench_film.configuration import PRESETS, FilmConfig
from fusionbench_film.network import Film, modulation
from fusionbench_film.streaming import StreamedFilm
from tests.helpers.golden import GoldenMethod, fill_golden, golden_weight
from tests.helpers.shared import shared_path

# Small dimensions for the properties; the released ones are held against the golden values.
TINY = FilmConfig(dim=8, heads=2, text_dim=6, hidden_dim=16, cross_heads=4, token_dim=4, grid=(12, 16))

PYRAMID = FilmConfig.from_mapping({"shrink": 2, "levels": 3}, base=TINY)


def film(config: FilmConfig | None = None) -> Film:
    network = Film(config).eval()
    fill_golden(network)
    return network


@pytest.fixture(scope="module")
def golden() -> GoldenMethod:
    return GoldenMethod("film")


@pytest.fixture(scope="module")
def released(golden: GoldenMethod) -> Film:
    network = Film().eval()
    assert fill_golden(network, gain=golden.gain) == golden.sha256
    return network


@pytest.mark.shared
def test_state_dict_is_the_official_one() -> None:
    listed = json.loads(shared_path("reference", "film.state_dict.json").read_text())["networks"]["model"]
    own = {name: list(tensor.shape) for name, tensor in Film().state_dict().items()}
    assert list(own) == list(listed["tensors"])
    assert own == {name: entry["shape"] for name, entry in listed["tensors"].items()}


def test_counts_of_the_released_network() -> None:
    network = Film()
    assert len(network.state_dict()) == 189
    assert sum(p.numel() for p in network.parameters()) == 2_070_235


@pytest.mark.shared
@pytest.mark.parametrize("form", ["plain", "streamed"])
@pytest.mark.parametrize("case", ["c72x96", "steps", "real", "larger"])
def test_golden_outputs(golden: GoldenMethod, released: Film, case: str, form: str) -> None:
    inputs = golden.inputs(case)
    network = released if form == "plain" else StreamedFilm(released)
    with torch.no_grad():
        fused = network(inputs["imageA"], inputs["imageB"], inputs["text"])
    fused = fused[..., ::4, ::4] if case == "larger" else fused
    assert (fused - golden.expected(case, "fused")).abs().max() <= 1e-5


@pytest.mark.shared
def test_golden_intermediates(golden: GoldenMethod, released: Film) -> None:
    seen: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, tuple):
                seen[f"{name}.A"], seen[f"{name}.B"] = output
            else:
                seen[name] = output

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in released.named_modules() if name]
    inputs = golden.inputs("steps")
    with torch.no_grad():
        seen["fused"] = released(inputs["imageA"], inputs["imageB"], inputs["text"])
    for handle in handles:
        handle.remove()
    seen["restormerca1.modulationA"] = modulation(seen["restormerca1.cross_attentionA1"], None)
    for name in golden.cases["steps"]["outputs"]:
        expected = golden.expected("steps", name)
        # The golden values themselves are up to 1.3e-5 from the same network in float64.
        torch.testing.assert_close(seen[name][:, : expected.shape[1]], expected, rtol=1e-4, atol=2e-5, msg=name)


# In float64, where rounding cannot hide a wrong index or border.
@pytest.mark.parametrize("config", [TINY, PYRAMID], ids=["pixels", "pyramid"])
@pytest.mark.parametrize(
    ("height", "width"), [(12, 16), (1, 1), (3, 50), (50, 3), (13, 17), (24, 32), (31, 23), (100, 90)]
)
def test_streamed_equals_plain_at_any_size(height: int, width: int, config: FilmConfig) -> None:
    network = film(config).double()
    a, b = torch.rand(2, 1, 1, height, width, dtype=torch.float64)
    text = torch.randn(1, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        plain = network(a, b, text)
    assert plain.shape == a.shape
    torch.testing.assert_close(StreamedFilm(network)(a, b, text), plain, rtol=0, atol=1e-10)


@pytest.mark.parametrize("strip", [1, 300, 5_000, 10**9])
def test_strips_of_any_height_give_the_same(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    monkeypatch.setattr("fusionbench.nn.streaming._CPU_STRIP", strip)
    network = film(TINY).double()
    a, b = torch.rand(2, 1, 1, 29, 23, dtype=torch.float64)
    text = torch.randn(1, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        plain = network(a, b, text)
    torch.testing.assert_close(StreamedFilm(network)(a, b, text), plain, rtol=0, atol=1e-10)


def test_streamed_leaves_the_network_and_its_inputs_alone() -> None:
    network = film(TINY)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    a, b = torch.rand(2, 1, 1, 20, 24)
    kept = a.clone(), b.clone()
    StreamedFilm(network)(a, b, torch.randn(1, 5, 6))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(a, kept[0])
    assert torch.equal(b, kept[1])


def test_streamed_does_not_follow_later_training() -> None:
    network = film(TINY)
    streamed = StreamedFilm(network)
    a, b = torch.rand(2, 1, 1, 20, 24)
    text = torch.randn(1, 5, 6)
    before = streamed(a, b, text)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert torch.equal(streamed(a, b, text), before)


@pytest.mark.parametrize("form", ["plain", "streamed"])
def test_padding_of_texts_changes_nothing(form: str) -> None:
    plain = film(TINY).double()
    network = plain if form == "plain" else StreamedFilm(plain)
    a, b = torch.rand(2, 3, 1, 14, 18, dtype=torch.float64)
    texts = [torch.randn(length, 6, dtype=torch.float64) for length in (3, 7, 5)]
    padded = torch.full((3, 7, 6), 100.0, dtype=torch.float64)
    mask = torch.zeros(3, 7, dtype=torch.bool)
    for n, text in enumerate(texts):
        padded[n, : len(text)] = text
        mask[n, : len(text)] = True
    with torch.no_grad():
        together = network(a, b, padded, mask)
        alone = torch.cat([network(a[n : n + 1], b[n : n + 1], texts[n][None]) for n in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("config", [TINY, PYRAMID])
def test_text_and_order_of_the_sources_matter(config: FilmConfig) -> None:
    network = film(config)
    a, b = torch.rand(2, 1, 1, 16, 16)
    text, other = torch.randn(2, 1, 5, 6)
    with torch.no_grad():
        fused = network(a, b, text)
        assert not torch.allclose(fused, network(b, a, text), atol=1e-4)
        assert not torch.equal(fused, network(a, b, other))
        assert not torch.equal(fused, network(a, b, None))


@pytest.mark.parametrize(
    "config", [TINY, PYRAMID, FilmConfig.from_mapping({"text": False, "encoder_blocks": 3}, base=TINY)]
)
def test_without_guidance_both_forms_agree(config: FilmConfig) -> None:
    network = film(config).double()
    a, b = torch.rand(2, 1, 1, 15, 21, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(StreamedFilm(network)(a, b), network(a, b), rtol=0, atol=1e-10)


def test_every_parameter_gets_a_gradient() -> None:
    network = Film(TINY)
    network(torch.rand(1, 1, 12, 16), torch.rand(1, 1, 12, 16), torch.randn(1, 4, 6)).sum().backward()
    without = {name for name, p in network.named_parameters() if p.grad is None}
    assert not without


@pytest.mark.parametrize("size", [(40, 56), (33, 21), (5, 3), (1, 1)])
def test_before_training_a_pyramid_keeps_what_both_sources_show(size: tuple[int, int]) -> None:
    network = Film(PYRAMID).eval()
    image = torch.rand(1, 1, *size)
    text = torch.randn(1, 4, 6)
    with torch.no_grad():
        torch.testing.assert_close(network(image, image, text), image, rtol=0, atol=1e-6)
        sharp, flat = image, torch.full_like(image, 0.5)
        fused = network(sharp, flat, text)
    # Low-pass values are averaged, details are those of the source that has any.
    if min(size) > 20:
        assert torch.corrcoef(torch.stack((fused.flatten(), sharp.flatten())))[0, 1] > 0.95
    torch.testing.assert_close(fused.mean(), (sharp.mean() + 0.5) / 2, rtol=0, atol=0.05)


def test_gain_bounds_what_is_added_to_a_band() -> None:
    image = 0.25 + 0.5 * torch.rand(1, 1, 32, 32)
    maps = torch.zeros(1, 8, 32, 32)
    maps[:, 1:6:2] = 100  # the most that may be added at the band-pass levels, nothing at the low-pass one

    def added(gain: float) -> torch.Tensor:
        return PyramidBlend(3, gain, preference=6)(image, image, maps) - image

    assert added(0.1).abs().max() > 0.01
    torch.testing.assert_close(added(0.2), 2 * added(0.1), rtol=0, atol=1e-6)


def test_weights_stored_without_a_gain_have_that_of_then() -> None:
    stored = json.loads(PRESETS["compact-pyramid"].to_json())
    for name in ("gain", "additive", "preference"):
        del stored[name]
    config = FilmConfig.from_mapping(stored)
    assert (config.gain, config.additive) == (0.5, False)


def test_what_is_added_does_not_hang_on_the_band() -> None:
    flat, maps = torch.full((1, 1, 32, 32), 0.5), torch.zeros(1, 8, 32, 32)
    maps[:, 1:6:2] = 100
    assert torch.equal(PyramidBlend(3, 0.5, preference=6)(flat, flat, maps), flat)
    assert (PyramidBlend(3, 0.5, preference=6, additive=True)(flat, flat, maps) - flat).abs().min() > 0.1


def test_presets() -> None:
    counts = {name: sum(p.numel() for p in Film(config).parameters()) for name, config in PRESETS.items()}
    assert counts["released"] == 2_070_235
    assert abs(counts["no-text"] / counts["released"] - 1) < 0.01
    paper = PRESETS["paper"]
    assert (paper.dim, paper.heads, paper.stages, paper.decoder_blocks) == (64, 8, 2, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dim": 30}, "not divisible"),
        ({"hidden_dim": 100, "cross_heads": 8}, "not divisible"),
        ({"grid": (10, 10)}, "does not divide into tokens"),
        ({"stages": 0}, "must be positive"),
        ({"levels": -1}, "must be positive"),
        ({"gain": 0}, "must be positive"),
        ({"shrink": 2}, "set levels as well"),
        ({"depth": 3}, "no dimension called depth"),
    ],
)
def test_dimensions_that_do_not_fit(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FilmConfig.from_mapping(values)


def test_golden_weights_follow_their_rules() -> None:
    assert golden_weight("a.temperature", (8, 1, 1)).mean() == pytest.approx(1, abs=0.2)
    assert golden_weight("a.prelu.weight", (1,)).shape == (1,)
    assert golden_weight("a.num_batches_tracked", ()).dtype == torch.int64
