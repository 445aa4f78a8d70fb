"""Counts of paragraphs, sentences and words, as the paper reports them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from fusionbench.types import DataError
from fusionbench_film.text.answers import sentences, words
from fusionbench_film.text.chain import chain_label
from fusionbench_film.vlf.layout import VlfFolder, described


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of the paragraphs of one data set, or of all.

    Attributes:
        samples, incomplete: Samples, and those of which a side lacks its paragraph.
        paragraphs: Paragraphs.
        sentences, words: Fewest, mean, median and most in a paragraph.
        distinct: Paragraphs that are not equal to another one.
        chain: How they were made.
    """

    task: str
    dataset: str
    chain: str
    samples: int
    incomplete: int
    paragraphs: int
    distinct: int
    sentences: tuple[int, float, float, int]
    words: tuple[int, float, float, int]


def count(vlf: Path) -> list[Counts]:
    """Counts for each data set of a VLF folder, and for all together if there are several.

    Raises:
        DataError: There is no paragraph.
    """
    folder = VlfFolder(vlf)
    groups: dict[tuple[str, str], list[tuple[str | None, ...]]] = {}
    for sample in described(folder):
        groups.setdefault((sample.task, sample.dataset), []).append(sample.paragraphs)
    if not groups:
        raise DataError(f"{vlf}: no paragraphs in Text/.", hint="Make them with `fusionbench text describe`.")
    rows = [
        _counts(task, dataset, chain_label(folder, task, dataset), found) for (task, dataset), found in groups.items()
    ]
    if len(rows) > 1:
        chains = dict.fromkeys(row.chain for row in rows)
        rows.append(_counts("all", "all", ", ".join(chains), [item for found in groups.values() for item in found]))
    return rows


def _counts(task: str, dataset: str, chain: str, samples: list[tuple[str | None, ...]]) -> Counts:
    texts = [text for sample in samples for text in sample if text]
    return Counts(
        task=task,
        dataset=dataset,
        chain=chain,
        samples=len(samples),
        incomplete=sum(not all(sample) for sample in samples),
        paragraphs=len(texts),
        distinct=len(set(texts)),
        sentences=_spread([len(sentences(text)) for text in texts]),
        words=_spread([len(words(text)) for text in texts]),
    )


def _spread(values: list[int]) -> tuple[int, float, float, int]:
    return (min(values), fmean(values), median(values), max(values)) if values else (0, 0.0, 0.0, 0)
