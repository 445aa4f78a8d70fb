"""Text encoders: features that equal an independent computation, and the encoder cut out of BLIP-2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusionbench.types import UsageError, WeightsError
from fusionbench_film.text.encoders import caption_text, minilm_folder
from fusionbench_film.text.extraction import extract_encoder
from fusionbench_film.text.providers import choose
from tests.helpers import tiny_models

TEXTS = ["A red car waits; it is dark!", "Hello.", "The road is wet and empty. " * 30]


def _encoder(reference: str) -> Any:
    made = choose("text_encoder", reference).make()
    made.load("cpu")
    return made


def test_minilm_equals_the_plain_model() -> None:
    t = tiny_models.transformers()
    encoder = _encoder("minilm:batch_size=2")
    assert encoder.width == 384
    features = encoder.encode(TEXTS)
    model = t.AutoModel.from_pretrained(str(minilm_folder())).eval()
    tokenizer = t.AutoTokenizer.from_pretrained(str(minilm_folder()))
    for text, found in zip(TEXTS, features, strict=True):
        with torch.no_grad():
            expected = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        assert found.dtype == np.float32
        assert found.shape == expected.shape, "no padding is left in"
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_fixed_length_cuts_and_pads() -> None:
    encoder = _encoder("minilm:length=12")
    natural = _encoder("minilm").encode(TEXTS)
    features = encoder.encode(TEXTS)
    assert {found.shape for found in features} == {(12, 384)}
    np.testing.assert_allclose(features[1][: len(natural[1])], natural[1], atol=2e-5)
    with pytest.raises(UsageError, match="at most 512"):
        _encoder("minilm:length=600")


def test_long_texts_are_cut_at_the_positions_of_the_model() -> None:
    assert _encoder("minilm").encode(["word " * 2000])[0].shape == (512, 384)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Red-car; it's (very) DARK!", "a red-car it's very dark"),
        ("one,two: three~four#five*six", "one,two three four five six"),
        (" ".join(map(str, range(80))), " ".join(map(str, range(50)))),
    ],
)
def test_caption_text(text: str, expected: str) -> None:
    assert caption_text(text) == expected


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny_models.transformers()
    return tiny_models.save_blip2_retrieval(tmp_path_factory.mktemp("blip2") / "whole")


def test_blip2_gives_the_last_hidden_state_and_not_the_projection(checkpoint: Path) -> None:
    t = tiny_models.transformers()
    encoder = _encoder(f"blip2:model={checkpoint}")
    assert encoder.width == 32, "the projection would be 16 wide"
    tokenizer = t.AutoTokenizer.from_pretrained(checkpoint)
    model = t.Blip2TextModelWithProjection.from_pretrained(checkpoint).eval()
    for text, found in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        tokens = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            expected = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state[0]
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_the_extracted_encoder_is_small_and_equal_to_the_bit(checkpoint: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    parameters = extract_encoder(str(checkpoint), small)
    whole_size = (checkpoint / "model.safetensors").stat().st_size
    assert parameters * 4 <= (small / "model.safetensors").stat().st_size < whole_size
    for options in ("", ",length=9", ",caption_text=yes"):
        whole = _encoder(f"blip2:model={checkpoint},dtype=float32{options}").encode(TEXTS)
        cut = _encoder(f"blip2:model={small},dtype=float32{options}").encode(TEXTS)
        assert [np.array_equal(a, b) for a, b in zip(whole, cut, strict=True)] == [True] * len(TEXTS)
    with pytest.raises(UsageError, match="not empty"):
        extract_encoder(str(checkpoint), small)
    with pytest.raises(UsageError, match="already"):
        extract_encoder(str(small), tmp_path / "again")


def test_a_checkpoint_that_does_not_say_that_it_reads_text(tmp_path: Path) -> None:
    folder = tiny_models.save_blip2_retrieval(tmp_path / "silent", says_text_input=False)
    assert _encoder(f"blip2:model={folder}").encode(["hello"])[0].shape == (3, 32)


def test_other_encoders(tmp_path: Path) -> None:
    encoder = _encoder(f"transformers:model={minilm_folder()}")
    np.testing.assert_array_equal(encoder.encode(TEXTS[:1])[0], _encoder("minilm").encode(TEXTS[:1])[0])
    with pytest.raises(UsageError, match="which one"):
        choose("text_encoder", "transformers").make()
    with pytest.raises(WeightsError, match="neither BLIP-2"):
        _encoder(f"blip2:model={tiny_models.save_chat(tmp_path / 'chat')}")
