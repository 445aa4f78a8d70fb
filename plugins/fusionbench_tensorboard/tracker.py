"""A run as event files of TensorBoard, written with TensorBoard's own package; no torch is imported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.text.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from fusionbench.results.folder import claim
from fusionbench.tracking import RunEnd, RunStart

FOLDER = "tensorboard"
"""In the run folder; a folder for each session below it."""


class TensorBoardTracker:
    """Writes scalars, pictures and texts of a run."""

    def __init__(self) -> None:
        self._writer: EventFileWriter | None = None
        self._step = 0

    def begin(self, run: RunStart) -> None:
        """Begin the event file; settings become a text."""
        claim(run.folder, FOLDER)
        self._writer = EventFileWriter(str(run.folder / FOLDER / time.strftime("%Y%m%d-%H%M%S")))
        rows = [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in run.settings.items()]
        self._write(_text("settings", "\n".join(["| setting | value |", "| --- | --- |", *rows])))

    def progress(self, means: Mapping[str, float], step: int) -> None:
        """Means so far as scalars."""
        self._step = step
        self._write(*(Summary.Value(tag=f"so far/{name}", simple_value=value) for name, value in means.items()))

    def end(self, run: RunEnd) -> None:
        """Final means, the table and pictures; closes the file."""
        self._write(*(Summary.Value(tag=name, simple_value=value) for name, value in run.means.items()))
        self._write(_text("outcome", f"{run.outcome}, {run.failed} samples without a result"))
        if run.table:
            self._write(_text("table", run.table))
        for name, path in run.pictures.items():
            self._write(_picture(name, path))
        if self._writer is not None:
            self._writer.close()

    def _write(self, *values: Summary.Value) -> None:
        if self._writer is not None and values:
            event = Event(wall_time=time.time(), step=self._step, summary=Summary(value=values))
            self._writer.add_event(event)
            self._writer.flush()


def _text(tag: str, text: str) -> Summary.Value:
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    return Summary.Value(tag=tag, tensor=tensor, metadata=create_summary_metadata(tag, ""))


def _picture(tag: str, path: Path) -> Summary.Value:
    with Image.open(path) as image:
        width, height, bands = *image.size, len(image.getbands())
    encoded = Summary.Image(height=height, width=width, colorspace=bands, encoded_image_string=path.read_bytes())
    return Summary.Value(tag=tag, image=encoded)
