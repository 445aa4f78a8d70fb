"""Figures of runs: the grid of their pictures, with the sources of the data sets, and charts of their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from fusionbench.images import read_image
from fusionbench.images.colour import luma
from fusionbench.reports.choosing import chosen
from fusionbench.reports.figures import Box, detail
from fusionbench.reports.from_runs import title_of
from fusionbench.reports.gallery import require_scored, source_names
from fusionbench.reports.merge import merge_frames
from fusionbench.reports.plots.grid import Block
from fusionbench.reports.plots.picking import Place, at_random, by_name, most_different
from fusionbench.runs.reopening import samples_of
from fusionbench.types import DataError, Readable, Sample, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.plugins import Plugins
    from fusionbench.results.loading import RunResults


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSettings:
    """What a grid shows.

    Attributes:
        samples: Names, ``ID`` or ``DATASET/ID``.
        random: So many at random instead, by ``seed``.
        most_different: So many on which the methods differ most instead. Of none of the three, the first sample of
            each data set.
        zooms: Details to enlarge, in pixels of the first source.
        auto_zoom: Enlarge the place where the results differ most as well.
        arrows: Places (x, y) to point at.
        difference: Maps of the absolute difference of luma to a source (its number or name), to ``mean``, the mean of
            the results, or to ``truth``; empty for none.
        sources: Whether sources and ground truth are shown.
    """

    samples: tuple[str, ...] = ()
    random: int = 0
    seed: int = 0
    most_different: int = 0
    zooms: tuple[Box, ...] = ()
    auto_zoom: bool = False
    arrows: tuple[tuple[int, int], ...] = ()
    difference: str = ""
    sources: bool = True


def blocks_of(
    runs: Mapping[str, RunResults],
    plugins: Plugins,
    settings: GridSettings,
    *,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    data_root: Path | None = None,
) -> list[tuple[Place, Block]]:
    """The samples of a grid with their pictures.

    Args:
        runs: Name -> run, which kept its images.
        plugins: For titles.
        settings: What is shown.
        methods, datasets: Names or patterns; methods are shown in this order.
        data_root: Where data sets lie today, if not where the runs found them.

    Raises:
        UsageError: A picture that is asked for is not there: the message says which, and what to do.
        UnknownNameError: No such sample, method or data set.
        DataError: A data set cannot be opened, or a picture was changed since it was scored.
    """
    frame = merge_frames({name: run.frame() for name, run in runs.items()})
    frame = chosen(frame, methods=methods, datasets=datasets)
    lines = frame.drop_duplicates(["method", "dataset", "sample"])
    lines = lines.iloc[np.argsort(_order(lines["method"], methods), kind="stable")]
    places = [(str(d), str(s)) for d, s in frame[["dataset", "sample"]].drop_duplicates().itertuples(index=False)]
    samples = _opened(runs, data_root) if settings.sources or settings.difference else _Samples({}, {})
    pictures = cache(lambda place: _results(place, lines))
    places = _picked(settings, places, lines, lambda place: [_grey(pixels) for pixels in pictures(place).values()])
    titles = {name: title_of(plugins.methods, name) for name in map(str, lines["method"].unique())}
    titles |= {name: str(facts["title"]) for run in runs.values() for name, facts in run.info["methods"].items()}
    return [(place, _block(place, pictures(place), titles, samples, settings, len(places) > 1)) for place in places]


@dataclass(frozen=True, slots=True)
class _Samples:
    """The samples of the data sets that could be opened, and why others could not."""

    found: Mapping[str, Mapping[str, Sample]]
    problems: Mapping[str, str]

    def of(self, place: Place) -> Sample:
        dataset, name = place
        if dataset not in self.found:
            raise DataError(
                f"the sources of {dataset} cannot be shown: {self.problems.get(dataset, 'no run has it')}",
                hint="--data-root says where data sets lie today; --no-sources draws the results alone.",
            )
        if name not in self.found[dataset]:
            raise DataError(f"{dataset} has no sample {name} any more.", hint="--no-sources draws the results alone.")
        return self.found[dataset][name]


def _opened(runs: Mapping[str, RunResults], data_root: Path | None) -> _Samples:
    found: dict[str, dict[str, Sample]] = {}
    problems: dict[str, str] = {}
    for run in runs.values():
        samples, absent = samples_of(run.info, data_root=data_root)
        found |= samples
        problems |= absent
    return _Samples(found, problems)


def _order(names: pd.Series, patterns: Sequence[str] | None) -> list[int]:
    """Methods in the order of the patterns that name them."""
    from fnmatch import fnmatchcase

    if patterns is None:
        return [0] * len(names)
    folded = [pattern.casefold() for pattern in patterns]
    return [next(i for i, pattern in enumerate(folded) if fnmatchcase(str(n).casefold(), pattern)) for n in names]


def _picked(
    settings: GridSettings,
    places: Sequence[Place],
    lines: pd.DataFrame,
    results: Callable[[Place], Sequence[np.ndarray]],
) -> list[Place]:
    if sum(map(bool, (settings.samples, settings.random, settings.most_different))) > 1:
        raise UsageError("samples are chosen by name, at random, or by how methods differ: by one of these.")
    if settings.samples:
        return by_name(settings.samples, places)
    absent = {
        (str(d), str(s)) for d, s in lines.loc[lines["image"].isna(), ["dataset", "sample"]].itertuples(index=False)
    }
    shown = [place for place in places if place not in absent]
    if not shown:
        return list(places)[:1]  # whose missing picture is then told
    if settings.random:
        return at_random(settings.random, shown, settings.seed)
    if settings.most_different:
        return most_different(settings.most_different, shown, results)
    first = {dataset: (dataset, sample) for dataset, sample in reversed(shown)}
    return [first[dataset] for dataset in dict.fromkeys(dataset for dataset, _ in shown)]


def _results(place: Place, lines: pd.DataFrame) -> dict[str, np.ndarray]:
    own = lines[(lines["dataset"] == place[0]) & (lines["sample"] == place[1])]
    found = {}
    for _, line in own.iterrows():
        method = str(line["method"])
        if line["status"] == "failed":
            raise UsageError(
                f"{method} has no picture of {'/'.join(place)}: it failed ({line['error']}).",
                hint="Take another sample, or name the other methods with --methods.",
            )
        if not isinstance(line["image"], str | Path) or not Path(line["image"]).is_file():
            raise UsageError(
                f"there is no picture of {'/'.join(place)} by {method}: the run kept none, or it was removed.",
                hint="The same fusionbench run, without --no-images, makes it.",
            )
        require_scored(line)
        found[method] = _pixels(Path(line["image"]))
    return found


def _block(
    place: Place,
    results: Mapping[str, np.ndarray],
    titles: Mapping[str, str],
    samples: _Samples,
    settings: GridSettings,
    several: bool,
) -> Block:
    sample = samples.of(place) if settings.sources or settings.difference else None
    before: list[tuple[str, np.ndarray]] = []
    after: list[tuple[str, np.ndarray]] = []
    if sample is not None and settings.sources:
        named = zip(source_names(sample), sample.sources, strict=True)
        before = [(name.capitalize(), _pixels(source)) for name, source in named]
        after = [("Ground truth", _pixels(sample.reference))] if sample.reference is not None else []
    zooms = settings.zooms
    if settings.auto_zoom:
        if len(results) < 2:
            raise UsageError(
                f"--zoom auto takes the place where methods differ most, and {'/'.join(place)} has one alone.",
                hint="Give the detail yourself, --zoom X,Y,W,H, or run another method beside it.",
            )
        first = (before or list(results.items()))[0][1]
        zooms += (detail([_like(pixels, first) for pixels in results.values()]),)
    maps: list[np.ndarray | None] = []
    meaning = ""
    if settings.difference and sample is not None:
        other, meaning = _reference(settings.difference, sample, results)
        maps = [None] * len(before) + [_difference(pixels, other) for pixels in results.values()] + [None] * len(after)
    return Block(
        pictures=[*before, *((titles.get(name, name), pixels) for name, pixels in results.items()), *after],
        label=place[1] if several else "",
        zooms=zooms,
        arrows=settings.arrows,
        differences=maps,
        meaning=meaning,
    )


def _reference(name: str, sample: Sample, results: Mapping[str, np.ndarray]) -> tuple[np.ndarray, str]:
    """What differences are taken to, grey, and how it is called."""
    wanted = name.casefold()
    if wanted == "mean":
        shapes = {pixels.shape[:2] for pixels in results.values()}
        if len(shapes) > 1:
            raise UsageError("results of different size have no mean.")
        return np.mean([_grey(pixels) for pixels in results.values()], axis=0), "the mean of the results"
    if wanted == "truth":
        if sample.reference is None:
            raise UsageError(f"{sample.id} has no ground truth.", hint="--difference mean, or the name of a source.")
        return _grey(_pixels(sample.reference)), "the ground truth"
    names = source_names(sample)
    known = {str(number): number - 1 for number in range(1, len(names) + 1)} | {
        n.casefold(): i for i, n in enumerate(names)
    }
    if wanted not in known:
        raise UsageError(
            f"difference to what? {name!r} is no source of {sample.id}.",
            hint=f"One of {', '.join(names)}, their numbers, mean or truth.",
        )
    place = known[wanted]
    return _grey(_pixels(sample.sources[place])), f"the {names[place]} source"


def _difference(pixels: np.ndarray, other: np.ndarray) -> np.ndarray:
    grey = _grey(pixels)
    if grey.shape != other.shape:
        raise UsageError("differences need pictures of equal size.")
    return np.abs(grey - other)


def _like(pixels: np.ndarray, first: np.ndarray) -> np.ndarray:
    if pixels.shape[:2] != first.shape[:2]:
        raise UsageError("--zoom auto needs results of the sources' size.", hint="Give --zoom x,y,w,h.")
    return pixels


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Luma, float32 (H, W) from 0 to 255."""
    levels = torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1).to(torch.float32)
    return luma(levels[None])[0, 0].numpy()


def _pixels(source: Readable) -> np.ndarray:
    return read_image(source).levels()
