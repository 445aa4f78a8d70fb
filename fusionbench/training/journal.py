"""What a training writes down while it runs: losses as CSV, and TensorBoard files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch import Tensor

from fusionbench.extras import require
from fusionbench.images.names import shown
from fusionbench.types import DataError

_COLUMNS = ("step", "epoch", "name", "value")


class TrainingJournal:
    """Scalars and pictures of one training.

    ``losses.csv`` holds every logged scalar in the columns step, epoch, name, value. Rows beyond
    ``after_step`` are removed first: they stem from steps that a resumed training makes again.

    Args:
        folder: The training's folder.
        after_step: Number of steps already made.
        tensorboard: Whether to write TensorBoard files too.

    Raises:
        MissingExtraError: TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path, *, after_step: int = 0, tensorboard: bool = True) -> None:
        self.path = folder / "losses.csv"
        kept = [row for row in read_losses(self.path) if int(row["step"]) <= after_step] if self.path.exists() else []
        self._file = self.path.open("w", newline="", encoding="utf-8")
        self._rows = csv.DictWriter(self._file, _COLUMNS)
        self._rows.writeheader()
        self._rows.writerows(kept)
        self._file.flush()
        self._board = None
        if tensorboard:
            require("tensorboard", extra="train", purpose="logging to TensorBoard (training.tensorboard: true)")
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=after_step + 1)

    def scalars(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Record scalars; durable when this returns."""
        for name, value in values.items():
            self._rows.writerow({"step": step, "epoch": epoch, "name": name, "value": repr(float(value))})
            if self._board is not None:
                self._board.add_scalar(name, value, step)
        self._file.flush()

    def pictures(self, step: int, pictures: Mapping[str, Tensor]) -> None:
        """Record N x C x H x W images in [0, 1]."""
        if self._board is not None:
            for name, images in pictures.items():
                self._board.add_images(name, images.detach().float().clamp(0, 1).cpu(), step)

    def __enter__(self) -> TrainingJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_losses(path: Path) -> list[dict[str, str]]:
    """The rows of a ``losses.csv``; an incomplete last line, left by a kill, is dropped.

    Raises:
        DataError: The file is none, or a line of it is damaged.
    """
    found: list[dict[str, str]] = []
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        try:
            for row in rows:
                if row["value"]:
                    int(row["step"])
                    found.append(row)
        except (csv.Error, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{shown(path)}, line {rows.reader.line_num}: expected {','.join(_COLUMNS)} as a training writes them.",
                hint="Mend or remove the file; the training goes on without it.",
            ) from error
    return found
