"""CLIP's text encoder (Radford et al., ICML 2021): a sentence to one vector, as ``encode_text`` gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fusionbench.types import UsageError
from fusionbench.weights.pretrained import from_pretrained


class ClipTextEncoder:
    """The text embedding after the projection, not normalised, in float32.

    The released CLIP runs in half precision on GPUs, which rounds its vectors to 11 bits.

    Args:
        model: Hub id or folder.
        revision: Hub revision.
        batch_size: Sentences at once; does not change the vectors.
    """

    def __init__(self, *, model: str, revision: str | None = None, batch_size: int = 8) -> None:
        self.model_id, self.revision, self.batch_size = model, revision, max(1, batch_size)
        self.width = 0
        self._model: Any = None
        self._tokenizer: Any = None
        self._device = torch.device("cpu")

    def load(self, device: str) -> None:
        """Read the model and its tokenizer."""
        self._device = torch.device(device)
        self._tokenizer = from_pretrained("AutoTokenizer", self.model_id, revision=self.revision)
        model = from_pretrained("CLIPTextModelWithProjection", self.model_id, revision=self.revision)
        self._model = model.to(self._device, torch.float32).eval()
        self.width = int(self._model.config.projection_dim)

    def close(self) -> None:
        """Free the model."""
        self._model = None

    @torch.inference_mode()
    def encode(self, paragraphs: Sequence[str]) -> list[np.ndarray]:
        """The vector of each sentence, 1 x D float32.

        Raises:
            UsageError: A sentence has more tokens than the model takes; like the released code, it is not cut.
        """
        found: list[np.ndarray] = []
        most = int(self._model.config.max_position_embeddings)
        for start in range(0, len(paragraphs), self.batch_size):
            texts = [text.strip() for text in paragraphs[start : start + self.batch_size]]
            tokens = self._tokenizer(texts, padding=True, return_tensors="pt")
            for text, count in zip(texts, tokens["attention_mask"].sum(1).tolist(), strict=True):
                if count > most:
                    raise UsageError(f"clip: {count} tokens, of which the model takes {most}: {text[:60]!r} ...")
            inputs = {name: tokens[name].to(self._device) for name in ("input_ids", "attention_mask")}
            found += list(self._model(**inputs).text_embeds.float().cpu().numpy()[:, None])
        return found
