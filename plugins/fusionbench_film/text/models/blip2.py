"""BLIP-2 captions of whole images (Li et al., ICML 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fusionbench_film.text.answers import clean
from fusionbench_film.text.contracts import Picture, ProviderError
from fusionbench_film.text.models.vision import VisionModel


class Blip2Captioner(VisionModel):
    """One sentence for each picture; options as in the provider's spec."""

    model_class = "Blip2ForConditionalGeneration"

    def __init__(
        self,
        *,
        model: str,
        revision: str | None = None,
        dtype: str = "auto",
        batch_size: int = 8,
        prompt: str = "",
        max_new_tokens: int = 40,
        num_beams: int = 5,
    ) -> None:
        del batch_size  # The harness groups the pictures.
        super().__init__(model=model, revision=revision, dtype=dtype)
        self.prompt, self.max_new_tokens, self.num_beams = prompt, max_new_tokens, num_beams

    @torch.inference_mode()
    def describe(self, pictures: Sequence[Picture]) -> list[str]:
        """Captions.

        Raises:
            ProviderError: The model said nothing about a picture.
        """
        text = {"text": [self.prompt] * len(pictures), "padding": True} if self.prompt else {}
        inputs = self.processor(images=[picture.image for picture in pictures], return_tensors="pt", **text)
        ids = self.model.generate(
            **self.to_device(inputs), max_new_tokens=self.max_new_tokens, num_beams=self.num_beams, do_sample=False
        )
        # The prompt, if any, is the beginning of the sentence and stays.
        captions = [clean(caption) for caption in self.processor.batch_decode(ids, skip_special_tokens=True)]
        for picture, caption in zip(pictures, captions, strict=True):
            if not caption:
                raise ProviderError(f"{picture.name}: BLIP-2 gave no caption.")
        return captions
