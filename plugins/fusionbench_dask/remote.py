"""What runs in a Dask worker: one piece of a run's work, in the supervised process that a local run has, too."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.images.names import shown
from fusionbench.results.folder import CONFIG
from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Outcome, Remark
from fusionbench.runs.executors import ProcessExecutor, RunContext
from fusionbench.runs.pictures import located, put, remove
from fusionbench.runs.units import FUSING, Unit
from fusionbench.runs.wire import message_to_line, unit_from_line
from fusionbench.stamps import stamp_of
from fusionbench.types import UsageError
from fusionbench_dask.inspector import Inspector
from fusionbench_dask.premises import Premises, host

# Seconds after which processes of a run that sends no more work are ended; the next piece would start them again.
_IDLE = 300.0
_LOOK = 0.5


@dataclass(slots=True)
class Answer:
    """What a worker hands back of a piece.

    Attributes:
        host: The name of its machine.
        device: Where it computes.
        refused: Why it cannot take part in the run at all.
        others: Results that would be of other images, or another method, than where the run was planned.
        lacking: Whether pictures that the piece only scores have to come with it: the run folder is not seen here.
        lines: The events, as :mod:`fusionbench.runs.wire` writes them.
        pictures: Content of the pictures by place; empty where they are in the run folder.
    """

    host: str
    device: str = ""
    refused: str = ""
    others: list[str] = field(default_factory=list)
    lacking: bool = False
    lines: list[str] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As built-in types."""
        return {name: getattr(self, name) for name in self.__slots__}


def execute(
    premises: str, line: str, number: int, pictures: Mapping[str, bytes], topic: str, attempt: int
) -> dict[str, Any]:
    """Execute a piece of work. Called by Dask, in a worker.

    Args:
        premises: What the worker is told of the run, as JSON.
        line: The unit of work.
        number: Of the worker in its run, for the name of its log.
        pictures: Content of pictures that are only scored, by place, where the run folder is not seen.
        topic: Where events are told as they happen.
        attempt: Names this piece in what is told.

    Returns:
        An :class:`Answer` as built-in types.
    """
    from distributed import get_worker

    worker = get_worker()
    task = worker.get_current_task()

    def wanted() -> bool:
        state = worker.state.tasks.get(task)
        return state is not None and state.state != "cancelled"

    def tell(text: str) -> None:
        with contextlib.suppress(Exception):  # all of it is in the answer, too
            worker.log_event(topic, {"attempt": attempt, "line": text})

    try:
        while True:
            place = _place(Premises.from_json(premises), number, worker.state.nthreads, worker.local_directory)
            with place.serving(wanted):
                if not place.closed:
                    return place.execute(unit_from_line(line), pictures, tell).plain()
    except UsageError as error:
        return Answer(host(), refused=str(error)).plain()


class Place:
    """The processes and the folder that a worker has for a run.

    Raises:
        UsageError: This machine cannot take part in the run, and why.
    """

    def __init__(self, premises: Premises, number: int, threads: int, folder: str | None) -> None:
        self._busy = threading.Lock()
        self._idle_since = time.monotonic()
        self._wanted: Callable[[], bool] | None = None
        self.closed = False
        self._own = Path(tempfile.mkdtemp(prefix="fusionbench-", dir=folder))
        try:
            (self._own / "premises.json").write_text(premises.to_json(), encoding="utf-8")
            path = self._own / CONFIG
            path.write_text(premises.config, encoding="utf-8")
            self._inspector = Inspector(self._own)
        except BaseException:
            shutil.rmtree(self._own, ignore_errors=True)
            raise
        facts = self._inspector.facts
        self.device = str(facts["device"])
        self.shared = bool(facts["shared"])
        self._folder = Path(premises.folder) if self.shared else self._own
        config = RunConfig.from_yaml(path)
        context = RunContext(config=config, config_path=path, folder=self._folder, plugins=facts["plugins"])
        self._executor = ProcessExecutor(context, device=self.device, number=number, threads=threads)

    def execute(self, unit: Unit, pictures: Mapping[str, bytes], tell: Callable[[str], None]) -> Answer:
        """Compare the images of a piece, and compute it."""
        answer = Answer(host(), self.device)
        if unit.work != FUSING and not self.shared:
            answer.refused = "the folder of results, which this work reads and writes, is not to be seen there"
            return answer
        scored = [job.image for job in unit.jobs if job.rescore and job.image is not None]
        if not self.shared and not pictures.keys() >= {*scored}:
            answer.lacking = True
            return answer
        found = self._inspector.inspect(unit)
        answer.others = found["others"]
        if answer.others:
            return answer
        if not self.shared:
            for place, content in pictures.items():
                put(self._folder, place, content)
        for event in self._executor.execute(unit):
            if isinstance(event, Outcome):
                event = self._unless_changed(unit, event, found["stamps"].get(event.sample, ()))
                for picture in () if self.shared else event.record.pictures:
                    answer.pictures[picture.path] = located(self._folder, picture.path).read_bytes()
                    remove(self._folder, picture.path)
            elif not isinstance(event, Remark):
                continue
            text = message_to_line(event)
            answer.lines.append(text)
            if self.shared or not isinstance(event, Outcome):
                tell(text)
        for place in () if self.shared else pictures:
            remove(self._folder, place)
        if self.closed:
            raise UsageError("the run was ended.")  # nobody reads the answer
        return answer

    def _unless_changed(self, unit: Unit, event: Outcome, stamps: list[list[str]]) -> Outcome:
        """A failure where a file is another one than when it was compared."""
        changed = [path for path, stamp in stamps if str(stamp_of(Path(path))) != stamp]
        if not changed or event.record.status != "ok":
            return event
        for picture in event.record.pictures:
            remove(self._folder, picture.path)
        job = next(job for job in unit.jobs if job.fusion == event.record.key)
        reason = f"{shown(Path(changed[0]))} changed while the run was going on; run the same command again."
        return Outcome.failed(job, reason)

    @contextlib.contextmanager
    def serving(self, wanted: Callable[[], bool]) -> Iterator[None]:
        """While a piece is executed; its processes are ended when nobody wants it any more."""
        with self._busy:
            self._wanted = wanted
            try:
                yield
            finally:
                self._wanted = None
                self._idle_since = time.monotonic()

    def watch(self) -> None:
        """End the processes when a piece is cancelled, or its run is gone, or nothing has come for a while."""
        while not self.closed:
            time.sleep(_LOOK)
            wanted = self._wanted
            if wanted is not None and not wanted():
                _forget(self)
            elif time.monotonic() - self._idle_since > _IDLE and self._busy.acquire(blocking=False):
                try:
                    _forget(self)
                finally:
                    self._busy.release()

    def close(self) -> None:
        """End the processes and remove the folder."""
        self.closed = True
        self._executor.close()
        self._inspector.close()
        shutil.rmtree(self._own, ignore_errors=True)


_places: dict[str, Place] = {}
_changing = threading.Lock()
_making = threading.Lock()


def _place(premises: Premises, number: int, threads: int, folder: str | None) -> Place:
    with _making:
        with _changing:
            place = _places.get(premises.run)
        if place is None:
            place = Place(premises, number, threads, folder)
            with _changing:
                _places[premises.run] = place
            threading.Thread(target=place.watch, daemon=True).start()
        return place


def _forget(place: Place) -> None:
    with _changing:
        for run in [run for run, other in _places.items() if other is place]:
            del _places[run]
    place.close()


def dask_setup(worker: Any) -> None:
    """Called by Dask in the workers of a cluster of this machine: Ctrl-C is for the command, which ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave(run: str) -> None:
    """A run has ended: end its processes here. Called by Dask in every worker, where nothing may wait."""
    with _changing:
        place = _places.pop(run, None)
    if place is not None:
        threading.Thread(target=place.close, daemon=True).start()
