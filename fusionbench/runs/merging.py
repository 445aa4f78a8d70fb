"""Joining runs of the same settings that were made apart: shards of one run, or its methods on several machines."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.atomic import replacing
from fusionbench.images.hashing import file_sha256
from fusionbench.locking import locked
from fusionbench.printable import printable
from fusionbench.results.folder import CONFIG, JOURNAL, LOCK, run_folder, write_config
from fusionbench.results.journal import Journal
from fusionbench.results.loading import merged
from fusionbench.results.records import PictureRecord
from fusionbench.runs import provenance
from fusionbench.runs.config import INCIDENTAL, RunConfig
from fusionbench.runs.differences import environment_differences
from fusionbench.runs.sharding import Share
from fusionbench.types import UsageError

# Settings in which runs that belong together may differ, besides those that are incidental: which part of the work
# they did, and where things lie on their machine. Digests tell whether these are the same things.
_OWN = frozenset({*INCIDENTAL, "shard", "methods", "all_methods", "datasets", "data_root", "plugins", "text_features"})
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What was joined.

    Attributes:
        folder: The new run folder.
        samples: Number of samples of each data set.
        notes: What the user should know: absent shards and results, pictures that are lost.
    """

    folder: Path
    samples: Mapping[str, int]
    notes: tuple[str, ...]


class _Part:
    """One of the runs, read once."""

    def __init__(self, path: Path) -> None:
        self.folder = run_folder(path)
        with Journal(self.folder / JOURNAL, readonly=True) as journal:
            self.sessions = journal.sessions()
            self.facts = merged(self.sessions)
            self.cells = journal.cells()
            self.listings = journal.listings()
            self.pictures = journal.pictures()
        self.identities = {
            (method, dataset): identity
            for method, by_dataset in self.facts["identities"].items()
            for dataset, identity in by_dataset.items()
        }
        self.shares: dict[str, Share] = {}
        self.listed: dict[str, Mapping[str, Any]] = {}  # before fusionbench wrote that down, nothing
        for session in self.sessions:
            shard = (session.get("config") or {}).get("shard")
            for dataset in session.get("pairs", {}):
                joined = (session.get("shards") or {}).get(dataset)
                self.shares[dataset] = Share.of(joined or ([shard] if shard else []))
            self.listed |= session.get("listed") or {}

    def named(self) -> str:
        return printable(self.folder)


def merge_runs(paths: Sequence[Path], out: Path) -> Merged:
    """Join runs into a new one, which is as if one machine had made it.

    The parts are not changed. Which samples there are and in which order follows from the shards; a part without one
    has all samples of its data sets.

    Args:
        paths: Run folders, or the journals in them.
        out: The run folder to make.

    Raises:
        DataError: A path is no run.
        UsageError: There is a run in ``out``, it cannot be written, or the parts differ in what identifies results:
            versions of fusionbench and its libraries, settings, methods with their weights and code, metrics, images.
            All differences are told.
    """
    if len({path.resolve() for path in paths}) < 2:
        raise UsageError("merging takes at least two different runs.")
    if (out / JOURNAL).exists():
        raise UsageError(f"there is a run in {out} already.", hint="Name a new folder with -o.")
    parts = [_Part(path) for path in paths]
    differences = [
        f"{part.named()} does not tell what its methods are; the command that made it adds that"
        for part in parts
        if not part.identities
    ]
    differences += [line for part in parts[1:] for line in _differences(parts[0], part)]
    differences += [*_other_images(parts), *_other_divisions(parts)]
    if differences:
        lines = list(dict.fromkeys(differences))
        more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        raise UsageError("these runs cannot be joined:\n" + "\n".join(f"  {x}" for x in (*lines[:_SHOWN], *more)))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out, LOCK):
            return _write(parts, out)
    except OSError as error:
        raise UsageError(f"the folder {out} cannot be written: {error.strerror or error}.") from error


def _write(parts: Sequence[_Part], out: Path) -> Merged:
    config = _config(parts, out)
    listings, shares = _listings(parts)
    absent = [*_absent_shards(parts, shares), *_absent_results(parts, listings)]
    copied, lost = _copy_pictures(parts, out)
    write_config(out, config.to_yaml())
    # Until all is there, there is no run.
    with replacing(out / JOURNAL) as temporary, Journal(temporary) as journal:
        for part in parts:
            journal.absorb(part.folder / JOURNAL)
        journal.set_cells([], listings)
        journal.set_pictures(copied)
        counts = {dataset: len(samples) for dataset, samples in listings.items()}
        facts = {k: v for k, v in merged(journal.sessions()).items() if k not in _OF_A_SESSION}
        facts |= {"config": config.to_dict(), "pairs": counts, "merged": [part.named() for part in parts]}
        facts["identities"] = _nested({k: v for part in parts for k, v in part.identities.items()})
        facts["listed"] = {dataset: found for part in parts for dataset, found in part.listed.items()}
        facts["shards"] = {dataset: share.shards() for dataset, share in shares.items() if not share.is_all}
        session = journal.begin_session(provenance.now(), facts)
        outcomes = {str(part.facts.get("outcome")) for part in parts}
        outcome = "complete" if outcomes == {"complete"} and not absent else "failures"
        journal.end_session(session, provenance.now(), outcome, facts)
    notes = list(absent)
    if lost:
        notes.append(f"{lost} pictures are not those of their rows any more or are absent, and were left out.")
    return Merged(folder=out, samples=counts, notes=tuple(notes))


_OF_A_SESSION = ("id", "started", "finished", "outcome", "limited")


def _differences(first: _Part, other: _Part) -> Iterator[str]:
    """What identifies results and is not the same in two runs."""
    names = f"{first.named()} and {other.named()}"

    def compared(what: str, one: Any, two: Any) -> Iterator[str]:
        if one != two:
            yield f"{what}: {printable(str(one))} in {first.named()}, {printable(str(two))} in {other.named()}"

    for found in environment_differences(first.facts, other.facts):
        if found.part == "version" or found.name.partition(".")[0] not in _OWN:
            name = f"setting {found.name}" if found.part == "setting" else found.name
            yield from compared(name, found.before, found.after)
    for metric in sorted({*first.facts["metrics"]} & {*other.facts["metrics"]}):
        versions = [part.facts["metrics"][metric].get("version") for part in (first, other)]
        yield from compared(f"version of metric {metric}", *versions)
    methods = set()
    for pair in sorted({*first.identities} & {*other.identities}):
        if first.identities[pair] != other.identities[pair] and pair[0] not in methods:
            methods.add(pair[0])
            versions = [part.facts["methods"][pair[0]].get("version") for part in (first, other)]
            told = f" (version {versions[0]} and {versions[1]})" if versions[0] != versions[1] else ""
            yield f"method {pair[0]}: its version, options, weights or code{told} are others in {names}"
    for cell in sorted({*first.cells} & {*other.cells}):
        method, dataset, sample = cell
        if first.cells[cell] != other.cells[cell] and method not in methods:
            yield f"{method} on {sample} of {dataset} has been computed from something else in {names}"


def _other_images(parts: Sequence[_Part]) -> Iterator[str]:
    """Samples of one name whose images are not the same."""
    seen: dict[tuple[str, str], tuple[str, _Part]] = {}
    for part in parts:
        for dataset, samples in part.listings.items():
            for sample, content in samples:
                known, before = seen.setdefault((dataset, sample), (content, part))
                if known and content and known != content:
                    yield f"{sample} of {dataset} has other images in {before.named()} than in {part.named()}"


def _other_divisions(parts: Sequence[_Part]) -> Iterator[str]:
    """Shards that do not go together: of another number, or of another list of samples."""
    for dataset in _datasets(parts):
        having = [part for part in parts if dataset in part.shares]
        counts = {part.shares[dataset].count for part in having if not part.shares[dataset].is_all}
        if len(counts) > 1:
            yield f"{dataset} was divided into {' and '.join(map(str, sorted(counts)))} shards"
        elif counts:
            first, *others = [part for part in having if dataset in part.listed] or [having[0]]
            for part in others:
                if part.listed[dataset] != first.listed[dataset]:
                    one, two = (found.listed[dataset]["samples"] for found in (first, part))
                    told = f"{one} samples in {first.named()}, {two} in {part.named()}"
                    same = f"other samples, or another order, in {first.named()} than in {part.named()}"
                    yield f"{dataset} was divided into shards of {told if one != two else same}"


def _datasets(parts: Sequence[_Part]) -> list[str]:
    return list(dict.fromkeys(dataset for part in parts for dataset in part.shares))


def _listings(parts: Sequence[_Part]) -> tuple[dict[str, list[tuple[str, str]]], dict[str, Share]]:
    """The samples of each data set in its own order, and which share of all they are."""
    listings, shares = {}, {}
    for dataset in _datasets(parts):
        found: dict[str, tuple[int, str]] = {}
        for part in parts:
            for position, (sample, content) in enumerate(part.listings.get(dataset, ())):
                where = part.shares[dataset].place(position)
                found[sample] = min(found.get(sample, (where, content)), (where, content))
        ordered = sorted(found, key=lambda sample: found[sample][0])
        listings[dataset] = [(sample, found[sample][1]) for sample in ordered]
        having = [part.shares[dataset] for part in parts if dataset in part.shares]
        whole = any(share.is_all for share in having)
        shares[dataset] = Share() if whole else Share.of(shard for share in having for shard in share.shards())
    return listings, shares


def _absent_shards(parts: Sequence[_Part], shares: Mapping[str, Share]) -> Iterator[str]:
    for dataset, share in shares.items():
        total = max((part.listed[dataset]["samples"] for part in parts if dataset in part.listed), default=share.count)
        missing = [n for n in range(1, min(share.count, total) + 1) if n not in share.numbers]
        if missing:
            shards = ", ".join(f"{number}/{share.count}" for number in missing)
            yield f"{dataset}: the samples of shard {shards} are absent."


def _absent_results(parts: Sequence[_Part], listings: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    """A method that not all parts ran has results of some samples only."""
    there = {cell for part in parts for cell in part.cells}
    for method, dataset in dict.fromkeys((method, dataset) for method, dataset, _ in there):
        samples = [sample for sample, _ in listings.get(dataset, ())]
        missing = sum((method, dataset, sample) not in there for sample in samples)
        if 0 < missing < len(samples):
            yield f"{method} on {dataset}: {missing} of {len(samples)} samples have no result in these runs."


def _copy_pictures(parts: Sequence[_Part], out: Path) -> tuple[list[PictureRecord], int]:
    """Copy the pictures that are those of their rows; what is another file by now is left out and counted."""
    copied: dict[str, PictureRecord] = {}
    lost = 0
    for part in parts:
        for picture in part.pictures:
            if picture.path in copied:
                continue
            source, target = part.folder / picture.path, out / picture.path
            if not source.is_file() or file_sha256(source) != picture.sha256:
                lost += 1
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
            copied[picture.path] = dataclasses.replace(picture, stamp="")
    return list(copied.values()), lost


def _config(parts: Sequence[_Part], out: Path) -> RunConfig:
    """The settings that reproduce the whole, with the paths of the first part that has each."""
    configs = [RunConfig.from_yaml(part.folder / CONFIG) for part in parts]
    methods = {request.key: request for config in reversed(configs) for request in config.methods}
    datasets = {request.key: request for config in reversed(configs) for request in config.datasets}
    order = [request.key for config in configs for request in config.methods]
    places = [request.key for config in configs for request in config.datasets]
    return dataclasses.replace(
        configs[0],
        methods=tuple(methods[key] for key in dict.fromkeys(order)),
        datasets=tuple(datasets[key] for key in dict.fromkeys(places)),
        all_methods=any(config.all_methods for config in configs),
        plugins=tuple(dict.fromkeys(plugin for config in configs for plugin in config.plugins)),
        shard=None,
        out=str(out.absolute()),
    )


def _nested(identities: Mapping[tuple[str, str], str]) -> dict[str, dict[str, str]]:
    result: dict[str, dict[str, str]] = {}
    for (method, dataset), identity in identities.items():
        result.setdefault(method, {})[dataset] = identity
    return result
