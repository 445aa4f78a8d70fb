"""The workers of a run: who is there, who has which piece of work, who cannot take part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fusionbench.printable import printable


@dataclass(slots=True)
class Worker:
    """A Dask worker, as long as it lives.

    Attributes:
        address: Where the scheduler reaches it.
        identity: Tells it from an earlier one of the same address.
        host: Its machine, for the user to read.
        number: Among those that are there, from 1; its log has that number.
        threads: With how many it computes.
        attempt: The piece that it has, as :class:`fusionbench_dask.pieces.Pieces` numbers them.
        future: Dask's handle on that.
        able: Whether fusionbench is known to be there.
        refused: Why it gets no work; empty if it does.
        shared: Whether it sees the run folder; None as long as that is not known.
        device: Where it computes, once it has said so.
        finished: Samples that it has finished.
    """

    address: str
    identity: str
    host: str
    number: int
    threads: int
    attempt: int | None = None
    future: Any = None
    able: bool = False
    refused: str = ""
    shared: bool | None = None
    device: str = ""
    finished: int = 0


@dataclass(slots=True)
class Crew:
    """The workers that there are, and those that there were."""

    present: dict[str, Worker] = field(default_factory=dict)
    gone: list[Worker] = field(default_factory=list)

    def meet(self, found: Mapping[str, Mapping[str, Any]]) -> list[Worker]:
        """Take note of who is there; those that are not any more, also if another one has their address."""
        lost = [
            worker
            for address, worker in self.present.items()
            if address not in found or str(found[address]["id"]) != worker.identity
        ]
        for worker in lost:
            del self.present[worker.address]
            self.gone.append(worker)
        for address, facts in found.items():
            if address not in self.present:
                self.present[address] = Worker(
                    address=address,
                    identity=str(facts["id"]),
                    host=printable(facts.get("host") or address),
                    number=self._number(),
                    threads=int(facts["nthreads"]),
                )
        return lost

    def _number(self) -> int:
        """The smallest that no worker has: each number has a log."""
        taken = {worker.number for worker in self.present.values()}
        return next(number for number in range(1, len(taken) + 2) if number not in taken)

    def usable(self) -> list[Worker]:
        """Those that may get work."""
        return [worker for worker in self.present.values() if worker.able and not worker.refused]

    def having(self, attempt: int) -> Worker | None:
        """Who has a piece."""
        return next((worker for worker in self.present.values() if worker.attempt == attempt), None)

    def described(self) -> dict[str, Any]:
        """What is recorded of those that have finished something."""
        workers = [worker for worker in (*self.gone, *self.present.values()) if worker.finished]
        return {
            "device": ", ".join(worker.device or "unknown" for worker in workers),
            "workers": [
                {"host": w.host, "device": w.device, "threads": w.threads, "samples": w.finished} for w in workers
            ],
        }
