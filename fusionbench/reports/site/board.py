"""What a leaderboard says, as plain values: entries that are comparable stand on one board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusionbench.results.exported import Exported, ExportedMethod, ExportedResult, means
from fusionbench.results.journal import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A file of exported results.

    Attributes:
        name: Of the file.
        results: What it holds.
        checked: What scoring its pictures again has shown: empty if that was not done.
        confirmed: Whether every value was found again.
    """

    name: str
    results: Exported
    checked: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A method on a board.

    Attributes:
        means: By metric key; absent where samples are missing from the mean.
        gaps: By metric key of an incomplete mean, ``48/50``.
        trained_on_test: Why it was, or may have been, trained on the board's samples; empty if nothing says so.
    """

    method: ExportedMethod
    submission: Submission
    means: Mapping[str, float]
    gaps: Mapping[str, str]
    seconds: float | None
    device: str
    trained_on_test: str

    @property
    def options(self) -> str:
        """Its options, in a line."""
        return " ".join(f"{key}={value}" for key, value in self.method.options.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The entries on one data set, the same images for all, in one profile.

    Attributes:
        digest: Of the images.
        metrics: (key, label, whether higher is better).
    """

    dataset: str
    task: str
    profile: str
    samples: int
    digest: str
    metrics: tuple[tuple[str, str, bool | None], ...]
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """Data set and profile."""
        return f"{self.dataset}, {self.profile}" if self.profile else self.dataset


def boards_of(submissions: Sequence[Submission]) -> list[Board]:
    """The boards of some submissions, those with most entries first.

    Results are comparable if the images of all samples are the same (by their digests), and the versions of the
    metrics. A method that stands in several files with the same name, version, options and values is taken once.
    """
    found: dict[tuple[str, str, str], list[tuple[Submission, ExportedResult]]] = {}
    for submission in submissions:
        for result in submission.results.results:
            dataset = submission.results.datasets[result.dataset]
            digest = digest_of(dataset.digests) if all(dataset.digests) else f"of {submission.name}"
            for profile in dict.fromkeys(key.partition("@")[2] for key in result.values):
                found.setdefault((result.dataset, digest, profile), []).append((submission, result))
    boards = [_board(*key, results) for key, results in found.items()]
    return sorted(boards, key=lambda board: (-len(board.entries), board.dataset, board.profile))


def _board(dataset: str, digest: str, profile: str, results: Sequence[tuple[Submission, ExportedResult]]) -> Board:
    first = results[0][0].results
    metrics: dict[str, tuple[str, str, bool | None]] = {}
    versions: dict[str, str] = {}
    for submission, result in results:
        for key in result.values:
            name, _, of = key.partition("@")
            metric = submission.results.metrics[key]
            if of == profile and versions.setdefault(key, metric.version) == metric.version:
                metrics[key] = (key, name, metric.higher_is_better)
    entries: dict[tuple[object, ...], Entry] = {}
    for submission, result in results:
        entry = _entry(submission, result, dataset, [key for key in metrics if _same(submission, key, versions)])
        same = (entry.method.name, entry.method.version, entry.options, *sorted(entry.means.items()))
        if same not in entries or (submission.confirmed and not entries[same].submission.confirmed):
            entries[same] = entry
    return Board(
        dataset=dataset,
        task=first.datasets[dataset].task,
        profile=profile,
        samples=len(first.datasets[dataset].samples),
        digest=digest,
        metrics=tuple(metrics.values()),
        entries=tuple(entries.values()),
    )


def _same(submission: Submission, key: str, versions: Mapping[str, str]) -> bool:
    metric = submission.results.metrics.get(key)
    return metric is not None and metric.version == versions[key]


def _entry(submission: Submission, result: ExportedResult, dataset: str, keys: Sequence[str]) -> Entry:
    method = submission.results.methods[result.method]
    complete: dict[str, float] = {}
    gaps: dict[str, str] = {}
    for key in keys:
        values = result.values.get(key, ())
        mean, count = means(values)
        if mean is not None and count == len(values):
            complete[key] = mean
        elif values:
            gaps[key] = f"{count}/{len(values)}"
    return Entry(
        method=method,
        submission=submission,
        means=complete,
        gaps=gaps,
        seconds=result.seconds,
        device=submission.results.device,
        trained_on_test=_trained_on_test(method, result, dataset),
    )


def _trained_on_test(method: ExportedMethod, result: ExportedResult, dataset: str) -> str:
    """By the images where those are known that the weights were trained on, else by the data set's name."""
    if result.trained_on is not None:
        count = len(result.trained_on)
        return f"It was trained on {count} of the {len(result.images)} samples." if count else ""
    base = dataset.partition("@")[0]
    by_name = base in {name.partition("@")[0] for name in method.training_data}
    return "Its training data have the name of this data set." if by_name else ""
