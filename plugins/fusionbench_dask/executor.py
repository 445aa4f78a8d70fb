"""The executor: hands pieces of work to the workers of a Dask cluster, and hands back what they tell."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fusionbench.devices import pick_devices
from fusionbench.plugins import current_plugins
from fusionbench.printable import printable
from fusionbench.runs.events import Event, Outcome, Remark
from fusionbench.runs.executors import RunContext
from fusionbench.runs.units import Unit
from fusionbench.runs.wire import message_from_line, unit_to_line
from fusionbench.types import FusionBenchError, UsageError, described
from fusionbench_dask import remote
from fusionbench_dask.clusters import Connection
from fusionbench_dask.crew import Crew, Worker
from fusionbench_dask.inspection import Inspection
from fusionbench_dask.pieces import Pieces, small_units
from fusionbench_dask.premises import MARKER, Premises, code_of, versions
from fusionbench_dask.queues import told_by_jobs
from fusionbench_dask.settings import Settings
from fusionbench_dask.transfers import able, answer_of, is_death, pictures_of, put_pictures

# Seconds between two looks at which workers there are.
_LOOK = 1.0
# Seconds after which the user is told that there is no worker yet, and told again.
_PATIENCE, _AGAIN = 10.0, 600.0

_RESUME = "Run the same command again: what is finished stays."


class DaskExecutor:
    """Executes pieces of work on the workers of a Dask cluster, one at a time on each, in a supervised process.

    A worker that has other code, weights or images than this machine gets no work. A piece whose worker dies is given
    to another one, in halves if that dies, too, until a single sample has killed its workers.

    Args:
        context: The run.
        wait: Seconds without any worker after which the run is given up; 0 waits for ever.
        pictures: ``shared``: workers write into the run folder; ``returned``: they send pictures; ``auto``: whichever
            is possible.
        cluster: See :class:`fusionbench_dask.settings.Settings`.

    Raises:
        MissingExtraError: Dask is not installed.
        UsageError: The settings do not go together, the scheduler cannot be reached, the cluster cannot be made.
    """

    def __init__(self, context: RunContext, *, wait: float, pictures: str, **cluster: Any) -> None:
        if len(pick_devices(context.config.device)) > 1:
            raise UsageError(
                f"executor dask: each worker computes on one device, not on {context.config.device}.",
                hint="Start a worker for each device.",
            )
        if wait < 0:
            raise UsageError(f"dask.wait must be at least 0 seconds, got {wait}.")
        self._settings = Settings(**cluster)
        self._context = context
        self._wait = wait
        self._crew = Crew()
        self._had: dict[int, Worker] = {}
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._here: Inspection | None = None
        self._refusals: set[str] = set()
        folder = context.folder.absolute()
        for old in folder.glob(f"{MARKER}*"):
            old.unlink(missing_ok=True)
        run = uuid.uuid4().hex
        self._premises = Premises(
            run=run,
            config=context.config.located().to_yaml(),
            folder=str(folder),
            pictures=pictures,
            versions=versions(),
            code=code_of(current_plugins()),
            identities=context.identities,
        )
        self._topic = f"fusionbench-{run}"
        self._text = self._premises.to_json()
        self._connection = Connection(self._settings, folder / "dask")
        self._client = self._connection.client
        try:
            self._premises.marker.write_text(run, encoding="utf-8")
            self._client.subscribe_topic(self._topic, self._hear)
        except BaseException:
            self.close()
            raise

    def execute(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Event]]:
        """See :class:`fusionbench.runs.executors.Executor`."""
        looked = -_LOOK
        self._look()
        pieces = Pieces(small_units(units, max(self._settings.expected, len(self._crew.present), 1)))
        idle_since = told_at = time.monotonic()
        while not pieces.finished:
            if time.monotonic() - looked >= _LOOK:
                for worker in self._look():
                    yield from self._bury(worker, pieces)
                looked = time.monotonic()
            for worker in self._crew.usable():
                if worker.attempt is None and pieces.waiting:
                    self._hand_out(worker, pieces)
            if self._crew.usable():
                idle_since = told_at = time.monotonic()
            else:
                told_at = self._wait_for_workers(idle_since, told_at)
            try:
                what, fact = self._told.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if what == "said":
                yield from self._said(fact["attempt"], fact["line"], pieces)
            else:
                yield from self._done(fact, pieces)
        self._context.provenance.update(self._crew.described())

    def close(self) -> None:
        """Cancel what is being executed, and give back the cluster if it was made for the run."""
        with contextlib.suppress(Exception):
            futures = [worker.future for worker in self._crew.present.values() if worker.future is not None]
            if futures:
                self._client.cancel(futures, force=True)
            if self._settings.exists:
                self._client.run(remote.leave, self._premises.run, on_error="ignore")
        with contextlib.suppress(OSError):
            self._premises.marker.unlink(missing_ok=True)
        self._connection.close()

    # Workers

    def _look(self) -> list[Worker]:
        """Who is there; returns those that are lost."""
        try:
            if self._client.status != "running":
                raise OSError("the connection was closed")
            lost = self._crew.meet(self._client.scheduler_info(n_workers=-1)["workers"])
            self._try()
        except Exception as error:
            raise FusionBenchError(f"the Dask scheduler is gone: {described(error)}", hint=_RESUME) from error
        if len(self._crew.present) < self._settings.expected:
            self._connection.replenish()
            for reason in self._connection.refusals:
                if reason not in self._refusals:
                    self._refusals.add(reason)
                    self._context.notice(f"note: {self._settings.cluster} does not take a job at present: {reason}.")
        return lost

    def _try(self) -> None:
        """See whether new workers have what is called there: one that cannot import it dies of a task."""
        new = [worker for worker in self._crew.present.values() if not (worker.able or worker.refused)]
        answers = able(self._client, [worker.address for worker in new], remote.__name__)
        for worker in new:
            if error := answers.get(worker.address):
                self._refuse(worker, f"{error} (fusionbench and its extra dask have to be installed there)")
            worker.able = worker.address in answers and not worker.refused

    def _bury(self, worker: Worker, pieces: Pieces) -> Iterator[tuple[Unit, Event]]:
        """A worker is gone: what it had goes to others."""
        if worker.attempt is None:
            return
        attempt, future = worker.attempt, worker.future
        worker.attempt = worker.future = None
        with contextlib.suppress(Exception):
            self._client.cancel([future], force=True)
        # What it told before it died may still be waiting here.
        later = []
        while not self._told.empty():
            what, fact = self._told.get()
            if what == "said" and fact["attempt"] == attempt:
                yield from self._said(attempt, fact["line"], pieces)
            else:
                later.append((what, fact))
        for item in later:
            self._told.put(item)
        self._context.notice(f"note: a Dask worker on {worker.host} is gone; what it had to do is done by others.")
        reason = (
            f"every Dask worker that computed it died, the last on {worker.host}; its machine or batch job may have "
            "had too little memory or time."
        )
        yield from pieces.lost(attempt, reason)

    def _wait_for_workers(self, since: float, told_at: float) -> float:
        """Nobody can work: give up, or tell the user that it takes time; returns when it was told last."""
        now = time.monotonic()
        refused = {worker.host: worker.refused for worker in self._crew.present.values()}
        if refused and len(self._crew.present) >= self._settings.expected:
            listed = "\n".join(f"  {host}: {reason}" for host, reason in refused.items())
            raise UsageError(f"no Dask worker has what this run needs:\n{listed}", hint=_RESUME)
        if self._wait and now - since > self._wait:
            raise FusionBenchError(f"there has been no Dask worker for {self._wait:g} s.", hint=_RESUME)
        if now - told_at > (_PATIENCE if since == told_at else _AGAIN):
            logs = told_by_jobs(self._context.folder / "dask") if self._settings.submits else ""
            self._context.notice(f"note: waiting for a Dask worker{logs.removesuffix('.')}.")
            return now
        return told_at

    # Work

    def _hand_out(self, worker: Worker, pieces: Pieces) -> None:
        attempt, unit = pieces.take()
        pictures = pictures_of(self._context.folder, unit) if worker.shared is False else {}
        worker.attempt = attempt
        self._had[attempt] = worker
        worker.future = self._client.submit(
            remote.execute,
            self._text,
            unit_to_line(unit),
            worker.number,
            pictures,
            self._topic,
            attempt,
            key=f"{self._topic}-{attempt}",
            workers=[worker.address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        worker.future.add_done_callback(self._finished(attempt))

    def _finished(self, attempt: int) -> Callable[[Any], None]:
        return lambda future: self._told.put(("done", attempt))

    def _hear(self, event: tuple[float, Any]) -> None:
        self._told.put(("said", event[1]))

    def _said(self, attempt: int, line: str, pieces: Pieces) -> Iterator[tuple[Unit, Event]]:
        """An event, as it happens or again in the answer."""
        event = message_from_line(line)
        if isinstance(event, Outcome):
            for told in pieces.outcome(attempt, event):
                self._had[attempt].finished += 1
                yield told
        elif isinstance(event, Remark) and pieces.has(attempt):
            yield pieces.unit(attempt), event

    def _done(self, attempt: int, pieces: Pieces) -> Iterator[tuple[Unit, Event]]:
        """A worker has answered."""
        worker = self._crew.having(attempt)
        if worker is None:  # it is gone, and was noticed before
            return
        answer, error = answer_of(worker, self._client)
        if answer is None and (error is None or is_death(error)):
            for lost in self._look():
                yield from self._bury(lost, pieces)
            if worker.attempt == attempt:  # it has begun anew under its old address
                yield from self._bury(worker, pieces)
            return
        if answer is None:
            self._refuse(worker, described(error or OSError()))
            pieces.put_back(attempt)
        else:
            worker.host, worker.device = printable(answer["host"]), answer["device"]
            if answer["refused"]:
                self._refuse(worker, printable(answer["refused"]))
                pieces.put_back(attempt)
            elif answer["lacking"]:
                worker.shared = False
                pieces.put_back(attempt)
            elif answer["others"]:
                yield from self._compare(worker, answer["others"], attempt, pieces)
            else:
                yield from self._take_over(answer, attempt, pieces)
        worker.attempt = worker.future = None

    def _refuse(self, worker: Worker, reason: str) -> None:
        worker.refused = reason
        self._context.notice(f"note: the Dask worker on {worker.host} gets no work: {reason.removesuffix('.')}.")

    def _compare(
        self, worker: Worker, others: Sequence[str], attempt: int, pieces: Pieces
    ) -> Iterator[tuple[Unit, Event]]:
        """A worker finds other images: it has others, or they have been changed since the run was planned."""
        unit = pieces.unit(attempt)
        samples = {job.fusion: job.sample for job in unit.jobs}
        if self._here is None:
            self._here = Inspection(self._context.config, current_plugins())
        changed = {*self._here.others(unit)} & {*others}
        for fusion in sorted(changed):
            reason = f"{samples[fusion]} changed while the run was going on; run the same command again."
            yield from pieces.fail(attempt, fusion, reason)
        different = [samples[fusion] for fusion in others if fusion not in changed]
        pieces.put_back(attempt)
        if not different:
            return
        more = f" and {len(different) - 1} more" if len(different) > 1 else ""
        named = f"sample {printable(different[0])}{more} of {printable(unit.dataset)}"
        reason = f"{named} has other images or text features there"
        self._refuse(worker, reason)

    def _take_over(self, answer: Mapping[str, Any], attempt: int, pieces: Pieces) -> Iterator[tuple[Unit, Event]]:
        """All of a piece; pictures that came with it go to their places first."""
        jobs = {job.fusion: job for job in pieces.unit(attempt).jobs}
        for line in answer["lines"]:
            event = message_from_line(line)
            if isinstance(event, Outcome) and event.record.key in jobs:
                job = jobs[event.record.key]
                try:
                    put_pictures(self._context.folder, job, event.record.pictures, answer["pictures"])
                except (OSError, FusionBenchError) as error:
                    yield from pieces.fail(attempt, job.fusion, f"{job.image} cannot be written: {error}")
                    continue
            yield from self._said(attempt, line, pieces)
        yield from pieces.returned(attempt)
