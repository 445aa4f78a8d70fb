"""What the parts of the text pipeline promise each other: pictures in, findings and paragraphs out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from fusionbench.types import FusionBenchError, Task

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class ProviderError(FusionBenchError):
    """A part of the text pipeline could not be loaded, or could not treat an image."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded source image as providers see it.

    Attributes:
        name: What errors call it, ``FLIR_00211/infrared``.
        rgb: H x W x 3 uint8; gray images have three equal channels.
        role: Name of the source in its task, ``infrared``.
        task: The fusion task.
        file: Name of the file it was read from, for results that other programs stored by file name.
    """

    name: str
    rgb: np.ndarray
    role: str
    task: Task
    file: str = ""

    @cached_property
    def image(self) -> PIL.Image.Image:
        """The same pixels for processors that want Pillow images."""
        import PIL.Image

        return PIL.Image.fromarray(self.rgb)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.rgb.shape[0]), int(self.rgb.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a picture that a dense captioner or a segmenter found.

    Attributes:
        box: Left, top, right, bottom in pixels, right and bottom exclusive.
        label: Phrase that describes it; empty where the provider gives none.
        score: The provider's confidence, if it has one.
        area: Mask pixels; None where there is only a box.
        centre: Centre of mass (x, y) of the mask in pixels.
        intensity: Mean luma inside the mask, 0 to 255.
        rle: The mask as run lengths in row-major order, beginning with background.
    """

    box: tuple[float, float, float, float]
    label: str = ""
    score: float | None = None
    area: int | None = None
    centre: tuple[float, float] | None = None
    intensity: float | None = None
    rle: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for the store; empty fields are left out."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in fields.items() if value not in (None, "", ())}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Region:
        """The inverse of :meth:`to_json`."""
        sequences = ("box", "centre", "rle")
        fields: dict[str, Any] = {name: tuple(value) if name in sequences else value for name, value in data.items()}
        return cls(**fields)


def iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that the image stages found in one picture, from the whole to the fine."""

    caption: str = ""
    dense: tuple[Region, ...] = ()
    masks: tuple[Region, ...] = ()
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class WriteRequest:
    """One paragraph to be written.

    Attributes:
        key: The store's key of the answer.
        system: Instruction to the writer; may be empty.
        user: The prompt with the findings put in.
        findings: The findings themselves, for writers without a language model.
        role, task: What kind of picture it is.
        picture: Decodes the picture, for writers that look at it; None if they must not.
    """

    key: str
    system: str
    user: str
    findings: Findings
    role: str
    task: Task
    picture: Callable[[], Picture] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A writer's result for one request: a paragraph, or the reason why there is none.

    Attributes:
        retry: Whether the same request may succeed in a later run without ``--retry-failed``
            (it was never attempted, or the endpoint was down).
    """

    key: str
    paragraph: str = ""
    error: str = ""
    retry: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    attempts: int = 0


class Provider(Protocol):
    """What every provider has. ``factory(**options)`` must be cheap: models are read in ``load``."""

    def load(self, device: str) -> None:
        """Read models onto ``cpu``, ``cuda`` or ``cuda:N``."""

    def close(self) -> None:
        """Free the memory taken by :meth:`load`."""


class Captioner(Provider, Protocol):
    """One sentence about the whole picture (kind ``captioner``) or a paragraph (kind ``describer``)."""

    def describe(self, pictures: Sequence[Picture]) -> Sequence[str]:
        """One text for each picture."""


class RegionFinder(Provider, Protocol):
    """Regions with phrases (kind ``dense_captioner``) or with masks (kind ``segmenter``)."""

    def regions(self, pictures: Sequence[Picture]) -> Sequence[Sequence[Region]]:
        """The regions of each picture, most important first."""


class Writer(Provider, Protocol):
    """Turns findings into a paragraph (kind ``writer``).

    Attributes:
        looks: Whether it looks at the picture itself.
    """

    looks: bool

    def write(self, requests: Sequence[WriteRequest]) -> Iterable[Written]:
        """Results in the order in which they are finished; one for each request."""


class TextEncoder(Provider, Protocol):
    """Turns paragraphs into features (hook ``fusionbench_text_encoders``).

    Attributes:
        width: Features per token, known after ``load``.
    """

    width: int

    def encode(self, paragraphs: Sequence[str]) -> Sequence[np.ndarray]:
        """For each paragraph its tokens' features, T x D float32."""


class Progress(Protocol):
    """Told how far a stage is; ``done`` counts from 0 to ``total``."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report."""


def silent(stage: str, done: int, total: int) -> None:
    """Reports nothing."""
