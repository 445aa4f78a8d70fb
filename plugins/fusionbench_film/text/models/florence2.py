"""Florence-2 (Xiao et al., CVPR 2024): captions of whole images and of regions; the native class, no remote code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fusionbench_film.text.answers import clean
from fusionbench_film.text.contracts import Picture, ProviderError, Region
from fusionbench_film.text.models.vision import VisionModel

_DENSE = "<DENSE_REGION_CAPTION>"
_TASKS = {
    "caption": "<CAPTION>",
    "detailed": "<DETAILED_CAPTION>",
    "more_detailed": "<MORE_DETAILED_CAPTION>",
}


class _Florence2(VisionModel):
    model_class = "Florence2ForConditionalGeneration"

    def __init__(
        self,
        *,
        model: str,
        revision: str | None = None,
        dtype: str = "auto",
        batch_size: int = 8,
        max_new_tokens: int = 512,
        num_beams: int = 3,
    ) -> None:
        del batch_size  # The harness groups the pictures.
        super().__init__(model=model, revision=revision, dtype=dtype)
        self.max_new_tokens, self.num_beams = max_new_tokens, num_beams

    @torch.inference_mode()
    def ask(self, pictures: Sequence[Picture], task: str) -> Any:
        """Token ids of what the model says to a task token, a row for each picture."""
        inputs = self.processor(
            images=[picture.image for picture in pictures],
            text=[task] * len(pictures),
            padding=True,
            return_tensors="pt",
        )
        wanted = ("input_ids", "attention_mask", "pixel_values")
        inputs = {name: value for name, value in self.to_device(inputs).items() if name in wanted}
        return self.model.generate(
            **inputs, max_new_tokens=self.max_new_tokens, num_beams=self.num_beams, do_sample=False
        )


class Florence2Captioner(_Florence2):
    """A caption of each picture, in one of three degrees of detail."""

    def __init__(self, *, detail: str = "caption", **options: Any) -> None:
        super().__init__(**options)
        self.task = _TASKS[detail]

    def describe(self, pictures: Sequence[Picture]) -> list[str]:
        """Captions.

        Raises:
            ProviderError: The model said nothing about a picture.
        """
        ids = self.ask(pictures, self.task)
        captions = [clean(text) for text in self.processor.batch_decode(ids, skip_special_tokens=True)]
        for picture, caption in zip(pictures, captions, strict=True):
            if not caption:
                raise ProviderError(f"{picture.name}: Florence-2 gave no caption.")
        return captions


class Florence2DenseCaptioner(_Florence2):
    """Boxes with phrases."""

    def regions(self, pictures: Sequence[Picture]) -> list[list[Region]]:
        """Regions in the order of the model's answer; boxes are cut to the picture, empty ones left out."""
        # Special tokens stay in the text: the places are among them. Padding says nothing.
        texts = self.processor.batch_decode(self.ask(pictures, _DENSE), skip_special_tokens=False)
        padding = self.processor.tokenizer.pad_token
        return [
            self._parsed(text.replace(padding, "") if padding else text, picture)
            for text, picture in zip(texts, pictures, strict=True)
        ]

    def _parsed(self, text: str, picture: Picture) -> list[Region]:
        height, width = picture.size
        answer = self.processor.post_process_generation(text, task=_DENSE, image_size=(width, height))[_DENSE]
        return _regions(answer, height, width)


def _regions(answer: dict[str, Any], height: int, width: int) -> list[Region]:
    found = []
    for box, label in zip(answer["bboxes"], answer["labels"], strict=True):
        left, top, right, bottom = (
            min(max(float(value), 0.0), limit) for value, limit in zip(box, (width, height, width, height), strict=True)
        )
        if right > left and bottom > top:
            found.append(Region(box=(left, top, right, bottom), label=clean(label)))
    return found
