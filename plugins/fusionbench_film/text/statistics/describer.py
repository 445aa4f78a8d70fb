"""The provider ``describer:statistics``."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench_film.text.contracts import Picture
from fusionbench_film.text.statistics.measure import measure
from fusionbench_film.text.statistics.phrases import paragraph


class StatisticsDescriber:
    """Paragraphs of what can be measured; the same image always gives the same words."""

    def __init__(self, *, batch_size: int = 4) -> None:
        del batch_size  # Images are measured one by one; the harness reads the option to group its writes.

    def load(self, device: str) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def describe(self, pictures: Sequence[Picture]) -> list[str]:
        """A paragraph of at least seven sentences for each picture."""
        return [paragraph(measure(picture.rgb), role=picture.role, task=picture.task) for picture in pictures]
