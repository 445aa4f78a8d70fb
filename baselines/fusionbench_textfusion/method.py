"""TextFusion as a method of the benchmark: where its text vector comes from, and its colours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench import Batch, Dataset
from fusionbench.data import read_features
from fusionbench.images import file_sha256
from fusionbench.images.colour import chroma_in_thousandths, gray_as_opencv, luma, with_chroma
from fusionbench.methods.learned import LearnedMethod
from fusionbench.types import MethodError, UsageError
from fusionbench_textfusion.clip import ClipTextEncoder
from fusionbench_textfusion.network import TEXT_WIDTH, TextFusion

_FITTED = Path(__file__).parent / "fitted.npy"
_HINT = (
    "Give a sentence (sentence='A pedestrian is walking on the sidewalk.'; sentence= for an empty one), a .npy of "
    "shape (1, 512) (vector=FILE), our estimate of one (fitted=true), or text features of one row for each sample, "
    "made by the text encoder clip."
)


class TextFusionMethod(LearnedMethod):
    """TextFusion on the visible image's unrounded luma.

    There is no default text: the network has no mode without one, and a vector of zeros removes the infrared image.

    Args:
        sentence: For all pairs; encoded by CLIP when the method is loaded.
        vector: A ``.npy`` of shape (1, 512) in its place.
        fitted: Whether to take our estimate of the authors' sample vector in its place.
        clip: Hub id or folder of the CLIP model.
    """

    name = "textfusion"
    network: TextFusion

    def __init__(
        self, *, sentence: str | None = None, vector: Path | None = None, fitted: bool = False, clip: str = ""
    ) -> None:
        super().__init__()
        if (sentence is not None) + (vector is not None) + fitted > 1:
            raise UsageError("textfusion: sentence, vector and fitted exclude each other.", hint="Give one of them.")
        self.sentence, self.vector, self.fitted, self.clip = sentence, vector, fitted, clip
        self._fixed: Tensor | None = None

    def build(self, state: object = None) -> TextFusion:
        return TextFusion()

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read the weights, and make the text vector if it is the same for all pairs.

        Raises:
            WeightsError: The weights or CLIP cannot be read.
            UsageError, DataError, MethodError: The vector's file does not exist, or holds something else.
        """
        super().load(device, weights)
        path = _vector_file(self.vector, self.fitted)
        if path is not None:
            vector = torch.from_numpy(read_features(path))
            self._fixed = _checked(vector, f"vector={path}").to(device)
        elif self.sentence is not None:
            encoder = ClipTextEncoder(model=self.clip)
            encoder.load(str(device))
            vector = torch.from_numpy(encoder.encode([self.sentence])[0])
            encoder.close()
            self._fixed = _checked(vector, f"clip={self.clip}").to(device)

    def load_untrained(self, device: torch.device) -> None:
        """A random network and some text: to measure what the method costs, never to fuse."""
        super().load_untrained(device)
        self._fixed = torch.ones(1, TEXT_WIDTH, device=device)

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W.

        Raises:
            MethodError: A sample has no usable text vector.
        """
        infrared, visible = batch.sources
        fused = self.network(luma(visible), gray_as_opencv(infrared), self._text(batch))
        return with_chroma(fused, chroma_in_thousandths(visible))

    def _text(self, batch: Batch) -> Tensor:
        if self._fixed is not None:
            return self._fixed.expand(len(batch), -1)
        ids = batch.ids or tuple(f"number {number + 1} of the batch" for number in range(len(batch)))
        found = batch.text or (None,) * len(batch)
        missing = [sample for sample, text in zip(ids, found, strict=True) if text is None]
        if missing:
            raise MethodError(f"textfusion: no text for {', '.join(missing[:5])}.", hint=_HINT)
        return torch.cat([_checked(text, sample) for sample, text in zip(ids, found, strict=True) if text is not None])


def vector_digests(options: Mapping[str, Any], dataset: Dataset) -> dict[str, str]:
    """Digest of the file with the text vector, for every sample.

    Raises:
        UsageError: There is no such file.
    """
    path = _vector_file(options["vector"], options["fitted"])
    if path is None:
        return {}
    digest = file_sha256(path)
    return {sample.id: digest for sample in dataset.samples}


def _vector_file(vector: Path | None, fitted: bool) -> Path | None:
    if vector is None:
        return _FITTED if fitted else None
    path = vector.expanduser()
    if not path.is_file():
        raise UsageError(f"textfusion: vector={vector}: no such file.", hint=_HINT)
    return path


def _checked(text: Tensor, name: str) -> Tensor:
    """A text vector, 1 x 512."""
    vector = text.reshape(-1, text.shape[-1]).float()
    if vector.shape != (1, TEXT_WIDTH):
        raise MethodError(
            f"textfusion: text features of {name} have shape {tuple(text.shape)}, expected one row of {TEXT_WIDTH}.",
            hint=_HINT,
        )
    if not vector.isfinite().all():
        raise MethodError(f"textfusion: text features of {name} hold NaN or infinite values.", hint=_HINT)
    if not vector.any():
        raise MethodError(
            f"textfusion: the text vector of {name} is zero, which would remove the infrared image.", hint=_HINT
        )
    return vector
