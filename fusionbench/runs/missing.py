"""What of a run is missing: the units of work, after everything that is there already has found its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from fusionbench.results import Journal
from fusionbench.runs.pictures import Pictures, Wanted
from fusionbench.runs.plan import Planned
from fusionbench.runs.units import Job, Unit


def units_of(planned: Sequence[Planned], journal: Journal, pictures: Pictures, *, keep: bool) -> list[Unit]:
    """The units of work for what is missing.

    A fusion that stands for several cells (two labels of a method, samples of equal content) is computed once and its
    picture copied. Afterwards no picture of another result lies at the place of one that can be computed.

    Args:
        planned: All cells of the run, journaled already.
        journal: What exists.
        pictures: The run's pictures.
        keep: Whether pictures are wanted.
    """
    wanted = {
        item.cell.image: Wanted(item.cell.fusion, digest)
        for item in planned
        if not item.error and (digest := journal.image_digest(item.cell.fusion)) is not None
    }
    places = pictures.provide(wanted, copy=keep)
    # An unreadable sample keeps its picture: a network disk that is away must not cost what was computed.
    pictures.clear(item.cell.image for item in planned if item.cell.image not in places and not item.error)
    jobs: dict[str, Job] = {}
    owners: dict[str, tuple[str, str]] = {}
    for item in planned:
        job = _job(item, journal, places, pictures, keep=keep)
        if job is None:
            continue
        if job.fusion in jobs:
            jobs[job.fusion] = _together(jobs[job.fusion], job)
        else:
            jobs[job.fusion] = job
            owners[job.fusion] = (item.cell.method, item.cell.dataset)
    units: dict[tuple[str, str], list[Job]] = {}
    for fusion, job in jobs.items():
        units.setdefault(owners[fusion], []).append(job)
    return [Unit(method=method, dataset=dataset, jobs=tuple(part)) for (method, dataset), part in units.items()]


def _job(item: Planned, journal: Journal, places: set[str], pictures: Pictures, *, keep: bool) -> Job | None:
    cell = item.cell
    job = Job(
        sample=cell.sample,
        fusion=cell.fusion,
        image=cell.image if keep else None,
        metrics=cell.metrics,
        size=item.size,
        error=item.error,
    )
    if item.error or not journal.finished(cell.fusion):
        return job
    scored = journal.scored(cell.fusion)
    lacking = tuple(metric for metric in cell.metrics if metric not in scored)
    there = cell.image in places
    if not lacking and (there or not keep):
        return None
    place = cell.image if there else None if keep else pictures.place_of(cell.fusion)
    return job if place is None else dataclasses.replace(job, image=place, metrics=lacking, rescore=True)


def _together(first: Job, second: Job) -> Job:
    """One job for two cells of one fusion."""
    metrics = tuple(dict.fromkeys((*first.metrics, *second.metrics)))
    if first.rescore and second.rescore:
        return dataclasses.replace(first, metrics=metrics)
    more = () if second.image is None else (second.image,)
    return dataclasses.replace(first, metrics=metrics, copies=(*first.copies, *more), rescore=False)
