"""Units of work and events as JSON lines: nothing but data crosses between processes."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from fusionbench.results.records import FusionRecord, PictureRecord
from fusionbench.runs.events import Event, Fused, Fusing, Outcome, Remark
from fusionbench.runs.plan import Job, Unit

_EVENTS = {"fusing": Fusing, "fused": Fused}


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


def event_to_line(event: Event) -> str:
    """One event as a line of JSON; NaN and infinities are written as JavaScript names them."""
    if isinstance(event, Outcome):
        record = {item.name: getattr(event.record, item.name) for item in dataclasses.fields(event.record)}
        record["pictures"] = [dataclasses.asdict(picture) for picture in event.record.pictures]
        record["scores"] = [[*metric, value] for metric, value in event.record.scores.items()]
        record["score_errors"] = [[*metric, error] for metric, error in event.record.score_errors.items()]
        return json.dumps({"type": "outcome", "sample": event.sample, "record": record})
    if isinstance(event, Remark):
        return json.dumps({"type": "remark", "message": event.message})
    name = "fusing" if isinstance(event, Fusing) else "fused"
    return json.dumps({"type": name, "samples": event.samples})


def event_from_line(line: str) -> Event:
    """The event of such a line.

    Raises:
        ValueError: The line is no event.
    """
    data: dict[str, Any] = json.loads(line)
    if data["type"] == "outcome":
        record = data["record"]
        record["pictures"] = tuple(PictureRecord(**picture) for picture in record["pictures"])
        record["scores"] = {tuple(entry[:3]): entry[3] for entry in record["scores"]}
        record["score_errors"] = {tuple(entry[:3]): entry[3] for entry in record["score_errors"]}
        return Outcome(data["sample"], FusionRecord(**record))
    if data["type"] == "remark":
        return Remark(data["message"])
    return _EVENTS[data["type"]](tuple(data["samples"]))
