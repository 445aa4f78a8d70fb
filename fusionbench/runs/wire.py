"""Units of work and messages as JSON lines: nothing but data crosses between processes.

A message begins with the character RS, as in JSON text sequences (RFC 7464), and ends with a newline: whatever else
gets into the channel between two messages is told from them.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from fusionbench.results.records import FusionRecord, PictureRecord
from fusionbench.runs.events import Broken, Done, Ended, Fused, Fusing, Loading, Message, Outcome, Remark
from fusionbench.runs.units import Job, Unit

MARK = "\x1e"
"""Begins a message; JSON text never contains it."""


def unit_to_line(unit: Unit) -> str:
    """One unit of work as a line of JSON."""
    return json.dumps(dataclasses.asdict(unit))


def unit_from_line(line: str) -> Unit:
    """The unit of work of such a line."""
    data = json.loads(line)
    jobs = tuple(
        Job(
            **{
                **job,
                "metrics": tuple(tuple(metric) for metric in job["metrics"]),
                "copies": tuple(job["copies"]),
                "size": tuple(job["size"]) if job["size"] else None,
            }
        )
        for job in data.pop("jobs")
    )
    return Unit(**data, jobs=jobs)


def message_to_line(message: Message) -> str:
    """One message as a line; NaN and infinities are written as JavaScript names them."""
    return MARK + json.dumps(_plain(message))


def _plain(message: Message) -> dict[str, Any]:
    match message:
        case Outcome():
            record = {item.name: getattr(message.record, item.name) for item in dataclasses.fields(message.record)}
            record["pictures"] = [dataclasses.asdict(picture) for picture in message.record.pictures]
            record["scores"] = [[*metric, value] for metric, value in message.record.scores.items()]
            record["score_errors"] = [[*metric, error] for metric, error in message.record.score_errors.items()]
            return {"type": "outcome", "method": message.method, "sample": message.sample, "record": record}
        case Fusing() | Fused():
            return {"type": type(message).__name__.lower(), "method": message.method, "samples": message.samples}
        case Loading():
            return {"type": "loading", "method": message.method}
        case Remark():
            return {"type": "remark", "method": message.method, "message": message.message}
        case Broken():
            return {"type": "broken", "reason": message.reason}
        case Ended():
            return {"type": "ended", "status": message.status}
        case Done():
            return {"type": "done"}


def message_from_line(line: str) -> Message | None:
    """The message of such a line; None where the line holds none.

    Raises:
        ValueError: The line holds a message that was cut or disturbed.
    """
    _, mark, text = line.rpartition(MARK)
    if not mark:
        return None
    try:
        return _message(json.loads(text))
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"no message: {text[:100]!r}") from error


def _message(data: dict[str, Any]) -> Message:
    kind = data["type"]
    if kind == "outcome":
        record = data["record"]
        record["pictures"] = tuple(PictureRecord(**picture) for picture in record["pictures"])
        record["scores"] = {tuple(entry[:3]): entry[3] for entry in record["scores"]}
        record["score_errors"] = {tuple(entry[:3]): entry[3] for entry in record["score_errors"]}
        return Outcome(data["method"], data["sample"], FusionRecord(**record))
    if kind in ("fusing", "fused"):
        return (Fusing if kind == "fusing" else Fused)(data["method"], tuple(data["samples"]))
    if kind == "loading":
        return Loading(data["method"])
    if kind == "remark":
        return Remark(data["method"], data["message"])
    if kind == "broken":
        return Broken(data["reason"])
    if kind == "ended":
        return Ended(data["status"])
    if kind == "done":
        return Done()
    raise ValueError(f"no message of type {kind!r} is known")
