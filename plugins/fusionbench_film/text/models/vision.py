"""What the image models share: loading processor and model, moving inputs, freeing memory."""

from __future__ import annotations

from typing import Any

import torch

from fusionbench_film.text.models.loading import from_pretrained, half_or_full, release


class VisionModel:
    """A processor and a model of ``transformers``.

    Args:
        model: Hub id or folder.
        revision: Hub revision.
        dtype: ``auto``, ``float32``, ``float16`` or ``bfloat16``.
    """

    model_class = "AutoModel"

    def __init__(self, *, model: str, revision: str | None = None, dtype: str = "auto") -> None:
        self.model_id, self.revision, self.dtype = model, revision, dtype
        self.device = torch.device("cpu")
        self.model: Any = None
        self.processor: Any = None

    def load(self, device: str) -> None:
        """Read the model onto the device, in half precision on GPUs."""
        self.device = torch.device(device)
        precision = half_or_full(self.dtype, self.device)
        self.processor = from_pretrained("AutoProcessor", self.model_id, revision=self.revision)
        self.model = from_pretrained(self.model_class, self.model_id, revision=self.revision, dtype=precision)
        self.model.to(self.device).eval()

    def close(self) -> None:
        """Free the model, so that the next stage's fits on the same card."""
        self.model = self.processor = None
        release(self.device)

    def to_device(self, inputs: Any) -> dict[str, Any]:
        """Tensors on the device; pixel values in the model's precision."""
        moved = {}
        for name, value in inputs.items():
            if isinstance(value, torch.Tensor):
                floating = value.is_floating_point()
                value = value.to(self.device, self.model.dtype if floating else None)
            moved[name] = value
        return moved
