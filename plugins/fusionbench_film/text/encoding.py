"""Paragraphs to feature files: what FILM reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.data import read_features
from fusionbench.locking import locked
from fusionbench.types import DataError
from fusionbench_film.text.chain import chain_label
from fusionbench_film.text.contracts import Progress, silent
from fusionbench_film.text.providers import ChosenProvider
from fusionbench_film.text.store import LOCK, FeatureRow, Store, digest
from fusionbench_film.vlf.layout import FEATURES, DescribedSample, VlfFolder, described, write_features, write_text

_CHUNK = 64  # samples between two writes: what a kill can cost


@dataclass(slots=True)
class Encoded:
    """What a run of ``encode`` did.

    Attributes:
        label: ``chain/encoder`` for each ``TASK/DATASET``.
        written, reused: Feature files made now, and found to be up to date.
        failed: ``(TASK/DATASET/NAME, error)``.
        tokens: Tokens per file, both sides together.
        width: Features per token.
    """

    label: dict[str, str] = field(default_factory=dict)
    written: int = 0
    reused: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    width: int = 0


def encode(vlf: Path, encoder: ChosenProvider, *, device: str = "cpu", progress: Progress = silent) -> Encoded:
    """Encode the paragraphs of all samples in ``Text/`` into ``TextFeature/``.

    The features of a sample's paragraphs are joined along the tokens, in canonical order of the sources.
    Files that already hold the features of the same paragraphs and encoder are kept.

    Raises:
        DataError: There are no paragraphs.
        UsageError: Another process works in the folder.
        FusionBenchError: The encoder cannot be loaded.
    """
    folder, result = VlfFolder(vlf), Encoded()
    if not any(described(folder)):
        raise DataError(f"{vlf}: no paragraphs in Text/.", hint="Make them with `fusionbench text describe`.")
    identity = encoder.identity()
    with locked(vlf, LOCK), Store(vlf) as store:
        samples = list(described(folder))
        missing = [sample for sample in samples if not _settled(store, folder, identity, sample, result)]
        if missing:
            worker = encoder.make()
            worker.load(device)
            try:
                for start in range(0, len(missing), _CHUNK):
                    chunk = missing[start : start + _CHUNK]
                    _encode_chunk(store, folder, encoder, identity, worker, chunk, result)
                    progress("encode", start + len(chunk), len(missing))
            finally:
                worker.close()
        for place in sorted({(sample.task, sample.dataset) for sample in samples}):
            _record_label(folder, *place, encoder, result)
    return result


def _settled(
    store: Store, folder: VlfFolder, identity: dict[str, Any], sample: DescribedSample, result: Encoded
) -> bool:
    if not sample.complete:
        absent = [side for side, text in zip(sample.sides, sample.paragraphs, strict=False) if not text]
        result.failed.append((_place(sample), f"no paragraph for {', '.join(absent)}"))
        folder.feature(sample.task, sample.dataset, sample.name).unlink(missing_ok=True)
        return True
    row = store.feature(sample.task, sample.dataset, sample.name)
    path = folder.feature(sample.task, sample.dataset, sample.name)
    if row is None or row.key != _key(identity, sample) or not path.is_file():
        return False
    try:
        if read_features(path).shape != (row.tokens, row.width):
            return False
    except DataError:
        return False  # Damaged: it is made again.
    result.reused += 1
    result.tokens.append(row.tokens)
    result.width = row.width
    return True


def _encode_chunk(
    store: Store,
    folder: VlfFolder,
    encoder: ChosenProvider,
    identity: dict[str, Any],
    worker: Any,
    chunk: Sequence[DescribedSample],
    result: Encoded,
) -> None:
    texts = [text for sample in chunk for text in sample.paragraphs if text]
    features = iter(worker.encode(texts))
    for sample in chunk:
        joined = np.concatenate([next(features) for _ in sample.paragraphs], axis=0)
        if not np.isfinite(joined).all():
            result.failed.append((_place(sample), f"{encoder.name} returned values that are not finite"))
            continue
        write_features(folder.feature(sample.task, sample.dataset, sample.name), joined)
        store.put_feature(
            FeatureRow(
                task=sample.task,
                dataset=sample.dataset,
                name=sample.name,
                key=_key(identity, sample),
                label=f"{chain_label(folder, sample.task, sample.dataset)}/{encoder.name}",
                tokens=joined.shape[0],
                width=joined.shape[1],
            )
        )
        result.written += 1
        result.tokens.append(joined.shape[0])
        result.width = joined.shape[1]


def _record_label(folder: VlfFolder, task: str, dataset: str, encoder: ChosenProvider, result: Encoded) -> None:
    label = f"{chain_label(folder, task, dataset)}/{encoder.name}"
    result.label[f"{task}/{dataset}"] = label
    record = {"label": label, "encoder": encoder.identity(), "width": result.width}
    write_text(folder.chain(FEATURES, task, dataset), json.dumps(record, indent=2) + "\n")


def _key(identity: dict[str, Any], sample: DescribedSample) -> str:
    return digest(encoder=identity, paragraphs=list(sample.paragraphs))


def _place(sample: DescribedSample) -> str:
    return f"{sample.task}/{sample.dataset}/{sample.name}"
