"""What of a run is missing: the units of work, after everything that is there already has found its place."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from fusionbench.results import Journal
from fusionbench.runs.pictures import Pictures, Wanted
from fusionbench.runs.plan import Planned
from fusionbench.runs.units import Job, Unit


def units_of(
    planned: Sequence[Planned],
    journal: Journal,
    pictures: Pictures,
    leaders: Mapping[tuple[str, str], str],
    *,
    keep: bool,
) -> list[Unit]:
    """The units of work for what is missing.

    A fusion that stands for several cells (two labels of a method, samples of equal content) is computed once and its
    picture copied. Afterwards no picture of another result lies at the place of one that can be computed.

    Args:
        planned: All cells of the run, journaled already.
        journal: What exists.
        pictures: The run's pictures.
        leaders: By method and data set, the method whose unit has its samples (:mod:`fusionbench.runs.sharing`).
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
    datasets: dict[str, str] = {}
    for item in planned:
        job = _job(item, journal, places, pictures, keep=keep)
        if job is None:
            continue
        if job.fusion in jobs:
            jobs[job.fusion] = _together(jobs[job.fusion], job)
        else:
            jobs[job.fusion] = job
            datasets[job.fusion] = item.cell.dataset
    units: dict[tuple[str, str], dict[str, list[Job]]] = {}
    for fusion, job in jobs.items():
        dataset = datasets[fusion]
        unit = units.setdefault((leaders[job.method, dataset], dataset), {})
        unit.setdefault(job.sample, []).append(job)
    return [
        Unit(dataset=dataset, jobs=tuple(itertools.chain.from_iterable(samples.values())))
        for (_, dataset), samples in units.items()
    ]


def _job(item: Planned, journal: Journal, places: set[str], pictures: Pictures, *, keep: bool) -> Job | None:
    cell = item.cell
    job = Job(
        method=cell.method,
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
