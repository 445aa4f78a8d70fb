"""Reading published tables, and finding the fused images and sources that they speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from glob import escape
from pathlib import Path

import numpy as np
import pandas as pd

from fusionbench.configuration.assignments import assignments, split_assignment
from fusionbench.csv_tables import read_csv_table
from fusionbench.data import DatasetRequest, open_dataset
from fusionbench.data.matching import match
from fusionbench.images.decode import read_image
from fusionbench.images.sizes import REMEDY, differing
from fusionbench.metrics.selection import plain_name
from fusionbench.reconcile.search import Sample, known_metrics, reconcile, tidy
from fusionbench.results.folder import IMAGES, file_name, run_folder
from fusionbench.types import DataError, Dataset, Readable, UsageError
from fusionbench.types.values import expanded

_WORDS = {word: word for word in ("method", "image", "metric", "value")}
_FORM = "Expected a CSV with the columns method, image (unless the numbers are means) and one for each metric."


def read_table(path: Path, *, where: Sequence[str] = (), metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """A published table, wide, with only the rows and metric columns asked for.

    Args:
        path: CSV file.
        where: Conditions ``COLUMN=VALUE``.
        metrics: Metric names as in the suite or in the table; all if None.

    Raises:
        DataError: The file cannot be read, or is no CSV with a column ``method``.
        UsageError: A condition names no column, or no metric is left.
    """
    read = read_csv_table(path, words=_WORDS, form=_FORM)
    if "method" not in read.columns:
        named = ", ".join(read.columns)
        raise DataError(f"{path} has no column 'method'; it has {named}.", hint=_FORM)
    table = pd.DataFrame([line for _, line in read.rows], columns=list(read.columns)).replace("", np.nan)
    try:
        table = tidy(table.astype({"value": float}) if "value" in read.columns else table)
    except ValueError as error:
        raise DataError(f"{path}: the column 'value' holds what is no number: {error}.", hint=_FORM) from error
    for condition in where:
        column, value = split_assignment(condition, "--where", form="COLUMN=VALUE")
        if column not in table.columns:
            raise UsageError(f"--where {condition}: expected COLUMN=VALUE with one of {', '.join(table.columns)}.")
        table = table[table[column].astype(str) == value]
    if metrics is not None:
        names = known_metrics()
        wanted = {names.get(plain_name(metric), metric) for metric in metrics}
        known = {column: names[plain_name(column)] for column in table.columns if plain_name(column) in names}
        if not wanted & set(known.values()):
            raise UsageError(f"{path} has no column for {', '.join(metrics)}.")
        table = table.drop(columns=[column for column, name in known.items() if name not in wanted])
    return table


def fused_folders(given: Sequence[str], run: Path | None, dataset: str) -> dict[str, Path]:
    """Method -> folder of its fused images, from ``METHOD=DIR`` and from a run's image folder.

    Raises:
        UsageError: An entry is malformed or its folder does not exist.
    """
    folders = {}
    for method, folder in assignments(given, "--fused", form="METHOD=DIR").items():
        folders[method] = Path(expanded(folder))
        if not folders[method].is_dir():
            raise UsageError(f"--fused {method}={folder}: expected METHOD=DIR with an existing folder.")
    if run is not None:
        reference = DatasetRequest.parse(dataset)
        images = run_folder(run) / IMAGES
        known = (escape(file_name(reference.key)), escape(file_name(reference.name)))
        for name in (*known, f"{known[1]}@*"):
            for found in sorted(images.glob(f"*/{name}")):
                folders.setdefault(found.parent.name, found)
    return folders


def _unheard(method: str, done: int, total: int) -> None:
    """Where nobody asks how far it is."""


def reconcile_folders(
    published: pd.DataFrame,
    dataset: Dataset,
    folders: Mapping[str, Path],
    *,
    limit: int | None = None,
    progress: Callable[[str, int, int], None] = _unheard,
) -> pd.DataFrame:
    """Compare published numbers with what every convention gives on folders of fused images.

    Args:
        published: As of :func:`read_table`; rows of methods without a folder are left out.
        dataset: The data set with the sources.
        folders: Method, as the table names it -> folder of its fused images.
        limit: How many of the first samples are used; all if None.
        progress: Told the method, how many of its images were compared, and of how many.

    Returns:
        As of :func:`fusionbench.reconcile.search.reconcile`.

    Raises:
        UsageError: No row is of a method with a folder.
        DataError: As of :func:`fusionbench.reconcile.search.reconcile` and :func:`matched_samples`.
    """
    methods = published["method"].astype(str).unique()
    rows = published[published["method"].astype(str).isin(folders)]
    if rows.empty:
        raise UsageError(
            f"no row's method has fused images; those given are of {', '.join(folders) or 'none'}.",
            hint=f"Name them as the table does, --fused METHOD=DIR: it has {', '.join(methods) or 'no row'}.",
        )
    total = len(dataset.samples[:limit])
    if "image" in rows.columns:
        total = min(total, rows["image"].nunique())
    counted: Counter[str] = Counter()

    def compared(method: str, image: str) -> None:
        counted[method] += 1
        progress(method, counted[method], total)

    for method in rows["method"].astype(str).unique():
        progress(method, 0, total)
    return reconcile(
        rows, lambda method: matched_samples(dataset, folders[method], method, limit=limit), progress=compared
    )


def matched_samples(dataset: Dataset | str, folder: Path, method: str, *, limit: int | None = None) -> Iterator[Sample]:
    """The data set's samples that have a fused image: (id, fused, sources), decoded.

    Which file is which sample's is found out as for ``fusionbench score``, of names with the method's first; see
    :mod:`fusionbench.data.matching`.

    Raises:
        DataError: The folder holds no image, names can be read in several ways, or sizes differ.
    """
    opened = open_dataset(dataset) if isinstance(dataset, str) else dataset
    ids = [sample.id for sample in opened.samples]
    files = match(folder, ids, label=method).files or match(folder, ids).files
    for sample in opened.samples[:limit]:
        if sample.id not in files:
            continue
        places = (files[sample.id], *sample.sources)
        fused, *sources = (_pixels(readable) for readable in places)
        sizes = [(image.shape[0], image.shape[1]) for image in (fused, *sources)]
        if listed := differing(zip(places, sizes, strict=True)):
            raise DataError(f"sample {sample.id}: sizes differ: {listed}.", hint=REMEDY)
        yield sample.id, fused, sources


def _pixels(readable: Readable) -> np.ndarray:
    image = read_image(readable)
    if image.pixels.dtype != np.uint8:
        raise DataError(f"{readable}: published metrics are of 8-bit images, this one is {image.pixels.dtype}.")
    return image.pixels
