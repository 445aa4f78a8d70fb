"""Results that others submit: read, and where they bring their pictures, scored again."""

from __future__ import annotations

import math
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fusionbench.plugins import current_plugins
from fusionbench.reports.run_view import load_run
from fusionbench.reports.site.board import Submission
from fusionbench.results.exported import Exported, read_exported
from fusionbench.results.folder import IMAGES, file_name, is_image_path
from fusionbench.runs.config import DatasetRequest, RunConfig
from fusionbench.runs.engine import execute
from fusionbench.runs.exporting import exported_run
from fusionbench.runs.precomputed import fused_request
from fusionbench.types import DataError, FusionBenchError, UsageError

TOLERANCE = 1e-6
"""Relative difference that another machine's arithmetic may make."""
MOST_BYTES = 20 * 2**30
"""Pictures that unpack to more are refused."""


def read_submissions(
    folder: Path,
    *,
    rescore: bool = False,
    datasets: Sequence[DatasetRequest] = (),
    data_root: Path | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> list[Submission]:
    """All ``*.json`` of a folder; with ``rescore`` those with a ``.zip`` of the same name beside them are scored again.

    A file that cannot be used is told and left out: one bad submission must not take the others' board away.

    Args:
        folder: Of the submissions.
        rescore: Whether to score again.
        datasets: Those that need a folder or options of their own, under the names that submissions give them.
        data_root: Where the others lie.
        said: Told what was left out, and why.

    Raises:
        UsageError: There is no such folder, or no file in it can be used.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder of results {folder}.")
    at_hand = {request.key: request for request in datasets}
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            results = _with_publishers(read_exported(path))
        except DataError as error:
            said(f"left out: {error}")
            continue
        archive = path.with_suffix(".zip")
        if rescore and archive.is_file():
            problem = _rescored(results, archive, at_hand, data_root)
            checked = problem or "every value was found again from the pictures"
            said(f"{path.name}: {checked}")
            found.append(Submission(name=path.name, results=results, checked=checked, confirmed=not problem))
        else:
            found.append(Submission(name=path.name, results=results))
    if not found:
        raise UsageError(f"{folder} has no results to show.", hint="`fusionbench export RUN -o FILE` writes them.")
    return found


def _with_publishers(results: Exported) -> Exported:
    """With what the publishers of weights say of their training, whatever the method is called that uses them."""
    owners: dict[str, list[str]] = {}
    for spec in current_plugins().methods.values():
        for digest in {digest for weight in spec.weights for digest in weight.sha256}:
            owners.setdefault(digest, []).extend(spec.training_data)
    methods = dict(results.methods)
    for result in results.results:
        method = methods[result.method]
        names = dict.fromkeys((*method.training_data, *owners.get(result.weights, ())))
        methods[result.method] = replace(method, training_data=tuple(names))
    return replace(results, methods=methods)


def _rescored(results: Exported, archive: Path, at_hand: Mapping[str, DatasetRequest], data_root: Path | None) -> str:
    """What is wrong with submitted values; empty if all were found again."""
    with tempfile.TemporaryDirectory(prefix="fusionbench-") as place:
        work = Path(place)
        try:
            unpack(archive, work)
            for dataset in results.datasets:
                request = at_hand.get(dataset) or _named(dataset)
                again = _scored(results, dataset, request, work, data_root)
                if problem := _difference(results, again, dataset):
                    return problem
        except FusionBenchError as error:
            return f"cannot be scored again: {error}"
    return ""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the pictures of a run (its folder ``images``); nothing else, and nothing outside of the folder.

    Raises:
        DataError: It is no zip file, holds other things, or too much.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise DataError(f"{archive} unpacks to more than {MOST_BYTES // 2**30} GB.")
            for member in members:
                if not is_image_path(member.filename):
                    raise DataError(
                        f"{archive} holds {member.filename!r}.",
                        hint=f"Pack the run's pictures alone: zip -r FILE.zip {IMAGES}",
                    )
                target = folder / PurePosixPath(member.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(f"{archive} cannot be unpacked: {error}.") from error


def _named(dataset: str) -> DatasetRequest:
    """A submission says which data set it is on, never where that lies on this machine."""
    request = DatasetRequest.parse(dataset)
    if request.root is not None:
        raise DataError(f"{dataset!r} names a folder, which no submission may.")
    return request


def _scored(results: Exported, dataset: str, request: DatasetRequest, work: Path, data_root: Path | None) -> Exported:
    """What the pictures of all methods on a data set give."""
    own = [result for result in results.results if result.dataset == dataset]
    folders = {result.method: work / IMAGES / file_name(result.method) / file_name(dataset) for result in own}
    for method, folder in folders.items():
        if not folder.is_dir():
            raise DataError(f"no pictures of {method} on {dataset} (expected {folder.relative_to(work)}).")
    metrics = list(dict.fromkeys(key for result in own for key in result.values))
    profiles = tuple(dict.fromkeys(profile for key in metrics if (profile := key.partition("@")[2])))
    known = results.datasets[dataset]
    config = RunConfig(
        methods=tuple(fused_request(folder, method, {}) for method, folder in folders.items()),
        datasets=(request,),
        profiles=profiles or RunConfig().profiles,
        metrics=tuple(dict.fromkeys(key.partition("@")[0] for key in metrics)),
        limit=len(known.samples) if known.limited else None,
        data_root=None if data_root is None else str(data_root),
        images=False,
        out=str(work / "runs" / file_name(dataset)),
        allow_other_tasks=True,
    )
    run = execute(config, current_plugins())
    return exported_run(load_run(run.path), current_plugins())


def _difference(submitted: Exported, again: Exported, dataset: str) -> str:
    """The first thing in which scoring again disagrees; empty if there is none."""
    before, now = submitted.datasets[dataset], next(iter(again.datasets.values()))
    if before.samples != now.samples:
        return f"{dataset} has other samples here: {len(now.samples)}, submitted were {len(before.samples)}."
    for sample, theirs, ours in zip(before.samples, before.digests, now.digests, strict=True):
        if theirs != ours:
            return f"{dataset}: the images of {sample} are not those that were scored."
    found = {result.method: result.values for result in again.results}
    for result in submitted.results:
        for key, values in result.values.items() if result.dataset == dataset else ():
            again_values = found.get(result.method, {}).get(key, (None,) * len(values))
            for sample, a, b in zip(before.samples, values, again_values, strict=True):
                if not _agree(a, b):
                    return f"{key} of {result.method} on {dataset}, sample {sample}, is {b}, submitted was {a}."
    return ""


def _agree(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
