"""FILM behind the harness: weights, text, saving, and everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.plugins.options import parse_options
from fusionbench.types import Batch, DataError, MethodError, Task, UsageError, WeightsError
from fusionbench_film.method import FilmMethod
from fusionbench_film.network import Film
from tests.helpers.film import TINY, tiny_film, write_official, write_vlf, write_weights
from tests.helpers.golden import GoldenMethod, fill_golden

CPU = torch.device("cpu")


def loaded(folder: Path, **options: object) -> FilmMethod:
    method = FilmMethod(**options)
    method.load(CPU, write_weights(folder / "film.safetensors"))
    return method


def batch(*texts: torch.Tensor | None, size: tuple[int, int] = (10, 14)) -> Batch:
    count = max(len(texts), 1)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, count, 1, *size, generator=generator)
    return Batch(sources=(a, b), task=Task.IVF, ids=tuple(f"s{n}" for n in range(count)), text=texts)


def text(length: int, width: int = 6) -> torch.Tensor:
    return torch.randn(length, width, generator=torch.Generator().manual_seed(length))


@pytest.mark.shared
def test_official_checkpoint_loads_as_downloaded(tmp_path: Path) -> None:
    golden = GoldenMethod("film")
    film = Film().eval()
    fill_golden(film, gain=golden.gain)
    path = write_official(tmp_path / "IVF.pth", film)
    method = fb.get_method("film", task="IVF", weights=path, device="cpu")
    assert isinstance(method.network, Film)
    inputs = golden.inputs("real")
    item = Batch(sources=(inputs["imageA"], inputs["imageB"]), task=Task.IVF, ids=("x",), text=(inputs["text"][0],))
    fused = method.fuse(item)
    assert (fused - golden.expected("real", "fused")).abs().max() <= 1e-5
    saved = (method.method.finish(fused, item) * 255).round()[0, 0]
    difference = (saved - golden.expected("real", "uint8").float()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 0.001


def test_weights_carry_their_dimensions(tmp_path: Path) -> None:
    method = loaded(tmp_path)
    assert method.network.config == TINY
    with torch.no_grad():
        item = batch(text(4))
        torch.testing.assert_close(method.fuse(item), tiny_film()(*item.sources, item.text[0][None]), rtol=0, atol=1e-5)


def test_texts_of_different_length_as_alone(tmp_path: Path) -> None:
    method = loaded(tmp_path)
    item = batch(text(3), text(7))
    together = method.fuse(item)
    for n in range(2):
        alone = Batch(sources=tuple(s[n : n + 1] for s in item.sources), task=Task.IVF, text=(item.text[n],))
        torch.testing.assert_close(together[n : n + 1], method.fuse(alone), rtol=0, atol=1e-6)


def test_forms_agree(tmp_path: Path) -> None:
    item = batch(text(3), text(5))
    plain, streamed = (loaded(tmp_path, form=form).fuse(item) for form in ("plain", "streamed"))
    torch.testing.assert_close(plain, streamed, rtol=0, atol=2e-5)


def test_official_saving_stretches_and_truncates(tmp_path: Path) -> None:
    method = loaded(tmp_path)
    fused = torch.tensor([0.2, 0.35, 0.6]).view(1, 1, 1, 3)
    expected = torch.tensor([0, (0.35 - 0.2) / (0.6 - 0.2) * 255 // 1, 255])
    torch.testing.assert_close((method.finish(fused, batch()) * 255).round().flatten(), expected)
    constant = torch.full((1, 1, 4, 4), 0.5)
    assert method.finish(constant, batch()).isfinite().all()
    method.rescale = "clip"
    assert (method.finish(fused, batch()) * 255).round().flatten().tolist() == [51, 89, 153]
    method.rescale = "none"
    assert torch.equal(method.finish(fused, batch()), fused)


def test_stretch_is_of_each_image(tmp_path: Path) -> None:
    method = loaded(tmp_path)
    images = torch.stack([torch.linspace(0.1, 0.2, 9), torch.linspace(0.5, 0.9, 9)]).view(2, 1, 3, 3)
    finished = method.finish(images, batch())
    assert finished.amin((1, 2, 3)).tolist() == [0, 0]
    assert finished.amax((1, 2, 3)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (batch(text(3), None), "no text features for s1"),
        (batch(), "no text features"),
        (batch(text(3, width=7)), r"shape \(3, 7\), this network reads \(T, 6\)"),
        (batch(text(3).fill_(float("nan"))), "NaN or infinite"),
        (batch(text(3)[:0]), r"shape \(0, 6\)"),
    ],
)
def test_unusable_text(tmp_path: Path, item: Batch, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        loaded(tmp_path).fuse(item)


def test_what_happens_without_text_is_said(tmp_path: Path) -> None:
    item = batch()
    without = loaded(tmp_path, text="none").fuse(item)
    with torch.no_grad():
        torch.testing.assert_close(without, tiny_film()(*item.sources, None), rtol=0, atol=1e-5)
    np.save(tmp_path / "prompt.npy", text(5)[None].numpy())
    prompt = loaded(tmp_path, text="prompt", prompt=tmp_path / "prompt.npy").fuse(item)
    torch.testing.assert_close(prompt, loaded(tmp_path).fuse(batch(text(5))), rtol=0, atol=1e-6)
    with pytest.raises(UsageError, match="no such file"):
        loaded(tmp_path, text="prompt", prompt=Path("promt.npy"))
    np.save(tmp_path / "wide.npy", text(5, width=9).numpy())
    with pytest.raises(MethodError, match=r"this network reads \(T, 6\)"):
        loaded(tmp_path, text="prompt", prompt=tmp_path / "wide.npy")


def test_wrong_weights_name_tensors_and_preset(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "film.safetensors")
    with pytest.raises(WeightsError, match=r"(?s)missing: .*other shape: .*preset released"):
        fb.get_method("film", weights=path, preset="released", device="cpu")
    with pytest.raises(WeightsError, match="unexpected"):
        fb.get_method("film", weights=path, device="cpu", decoder_blocks=1)


def test_damaged_and_dangerous_files(tmp_path: Path) -> None:
    whole = write_official(tmp_path / "whole.pth", tiny_film()).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"cut\.pth"):
        fb.get_method("film", weights=tmp_path / "cut.pth", device="cpu")
    torch.save({"model": tiny_film()}, tmp_path / "code.pth")
    with pytest.raises(WeightsError, match="refused"):
        fb.get_method("film", weights=tmp_path / "code.pth", device="cpu")
    (tmp_path / "page.pth").write_text("<html>")
    with pytest.raises(WeightsError, match="is a web page"):
        fb.get_method("film", weights=tmp_path / "page.pth", device="cpu")


def test_no_weights_says_where_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"IF-FILM"):
        fb.get_method("film", task="IVF", device="cpu")
    with pytest.raises(WeightsError, match="fusionbench train film-caption"):
        fb.get_method("film-caption", task="IVF", device="cpu")


def test_hub_ids(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    with pytest.raises(WeightsError, match="cannot be reached"):
        fb.get_method("film", task="IVF", weights="hf:nobody/no-such-film", device="cpu")
    with pytest.raises(UsageError, match="expected hf:"):
        fb.get_method("film", task="IVF", weights="hf:broken", device="cpu")
    path = write_weights(tmp_path / "film.safetensors")
    asked: list[object] = []

    def download(repo: str, name: str, *, revision: str | None) -> str:
        asked.append((repo, name, revision))
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    method = fb.get_method("film", task="IVF", weights="hf:me/film@v1:film.safetensors", device="cpu")
    assert asked == [("me/film", "film.safetensors", "v1")]
    assert method.network.config == TINY


def test_run_fuses_vlf_data_and_reports_samples_without_text(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "film.safetensors")
    root = write_vlf(tmp_path / "vlf", split="test")
    (root / "TextFeature" / "IVF" / "Toy" / "two.npy").unlink()
    from fusionbench.runs import MethodRequest

    run = fb.run(
        MethodRequest(name="film", weights=str(weights)),
        f"vlf-ivf={root}",
        out=str(tmp_path / "run"),
        metrics=("EN",),
        isolate=False,
        device="cpu",
    )
    frame = run.frame()
    assert set(frame[frame.status == "failed"]["sample"]) == {"two"}
    assert "no text features" in frame[frame.status == "failed"].error.iloc[0]
    assert frame[frame.status == "ok"]["value"].notna().all()


def test_variants_of_the_text_reach_their_methods(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf", split="test", variants=("caption",))
    dataset = fb.get_dataset("vlf-ivf", root=root)
    own, variant = loaded(tmp_path), loaded(tmp_path, features="caption")
    variant.prepare(dataset)
    sample = dataset.samples[0]
    features = np.load(sample.features("caption"))[0]
    item = batch(torch.from_numpy(np.load(sample.features())[0]))
    item.ids = (sample.id,)
    expected = own.fuse(Batch(sources=item.sources, task=Task.IVF, ids=item.ids, text=(torch.from_numpy(features),)))
    torch.testing.assert_close(variant.fuse(item), expected, rtol=0, atol=1e-6)
    missing = loaded(tmp_path, features="dense")
    missing.prepare(dataset)
    with pytest.raises(MethodError, match="variant 'dense'"):
        missing.fuse(item)


def test_registered_methods_and_prompt_errors(tmp_path: Path) -> None:
    for name in ("film-no-text", "film-direct", "film-caption", "film-dense", "film-no-llm"):
        spec = fb.plugins.current_plugins().methods[name]
        assert spec.weights
        assert spec.training_configs[name].is_file()
    np.save(tmp_path / "bad.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        loaded(tmp_path, text="prompt", prompt=tmp_path / "bad.npy")


def test_how_text_is_had_and_the_prompt_s_file_are_two_options(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a file"):
        loaded(tmp_path, text="prompt")
    with pytest.raises(UsageError, match="read with text=prompt only, and text is offline"):
        loaded(tmp_path, text="offline", prompt=tmp_path / "prompt.npy")
    spec = fb.plugins.current_plugins().methods["film"]
    with pytest.raises(UsageError, match="not one of") as caught:  # as it was given before
        parse_options("method", spec, {"text": "prompt.npy"})
    assert "prompt=FILE.npy" in caught.value.hint
