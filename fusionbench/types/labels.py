"""What is known of a scene beside its images: objects in boxes, a class for each pixel. Nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

IGNORED = 255
"""Value of mask pixels that belong to no class and count nowhere."""


@dataclass(frozen=True, slots=True)
class Box:
    """One object.

    Attributes:
        name: Its class, spelt as the data set's list of classes spells it.
        xyxy: Left, top, right and bottom edge in pixels; the origin is the outer corner of the top left pixel, so that
            a box around the whole image is (0, 0, width, height).
        difficult: Whether the annotation marks it as not to be counted when missed (VOC).
    """

    name: str
    xyxy: tuple[float, float, float, float]
    difficult: bool = False


class BoxLabels(Protocol):
    """The objects of one scene, read when asked for."""

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes that its data set knows."""

    def read(self, size: tuple[int, int]) -> tuple[Box, ...]:
        """All objects; an empty tuple says that there is none, a negative.

        Args:
            size: Width and height of the scene's images.

        Raises:
            DataError: The file cannot be read, or it holds an unknown class or a box that is not inside the image.
        """

    def __str__(self) -> str:
        """What messages call it."""


class MaskLabels(Protocol):
    """The class of each pixel of one scene, read when asked for."""

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes that its data set knows; the first is the background."""

    def read(self, size: tuple[int, int]) -> np.ndarray:
        """H x W uint8 of indices into ``classes``, and :data:`IGNORED`.

        Args:
            size: Width and height of the scene's images.

        Raises:
            DataError: The file cannot be read, has another size, or holds values that stand for no class.
        """

    def __str__(self) -> str:
        """What messages call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of one scene. None means not labelled, which is not the same as empty.

    Attributes:
        boxes: Its objects.
        mask: The class of each pixel.
    """

    boxes: BoxLabels | None = None
    mask: MaskLabels | None = None
