"""Measurements in words: each sentence says only what its numbers support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fusionbench.types import Task
from fusionbench_film.text.statistics.measure import Blob, Measurements

_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
_FEW = 0.002  # a share of pixels that is not worth a sentence
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_KINDS = {
    (Task.IVF, "infrared"): "an infrared image",
    (Task.IVF, "visible"): "a visible-light image",
    (Task.MIF, "MRI"): "a magnetic resonance image",
    (Task.MIF, "other"): "a medical image of a second modality",
    (Task.MEF, "over"): "an over-exposed photograph",
    (Task.MEF, "under"): "an under-exposed photograph",
    (Task.MFF, "near"): "a photograph focused on the near plane",
    (Task.MFF, "far"): "a photograph focused on the far plane",
}
_BRIGHT_MEANS = {
    (Task.IVF, "infrared"): ", in a white-hot infrared image a mark of strong infrared radiation",
    (Task.MIF, "MRI"): ", in magnetic resonance a mark of strong signal",
}


def paragraph(found: Measurements, *, role: str, task: Task) -> str:
    """A paragraph of at least seven sentences about one image.

    Args:
        found: What was measured.
        role: Which source of its task it is.
        task: The fusion task; chooses what the kind of image means.
    """
    return " ".join(_sentences(found, role, task))


def _sentences(found: Measurements, role: str, task: Task) -> Iterator[str]:
    yield _kind(found, role, task)
    yield _brightness(found)
    yield _distribution(found)
    yield _bright_regions(found.bright, _BRIGHT_MEANS.get((task, role), ""))
    if found.dark:
        yield _regions(found.dark, "dark", "")
    yield _clipping(found)
    yield _sharpness(found, task)
    yield _texture(found)
    if found.horizon:
        yield _horizon(*found.horizon)
    yield from _structure(found, task)
    yield _colour(found)
    yield _noise(found)


def _kind(found: Measurements, role: str, task: Task) -> str:
    height, width = found.size
    shape = _graded(width / height, (0.95, "upright"), (1.05, "square"), (2.2, "landscape"), (np.inf, "panoramic"))
    kind = _KINDS.get((task, role), "a further image of its scene")
    return f"This {shape} picture is {kind}, described by measurements alone."


def _brightness(found: Measurements) -> str:
    level = _graded(
        found.mean,
        (35, "very dark"),
        (80, "dark"),
        (110, "rather dark"),
        (146, "of medium brightness"),
        (180, "rather bright"),
        (220, "bright"),
        (256, "very bright"),
    )
    contrast = _graded(
        found.deviation, (12, "very low"), (28, "low"), (50, "moderate"), (70, "high"), (256, "very high")
    )
    return (
        f"As a whole it is {level} with {contrast} contrast, "
        f"and nearly all its levels run from {found.low:.0f} to {found.high:.0f} of 255."
    )


def _distribution(found: Measurements) -> str:
    means = found.cell_means
    if float(means.max() - means.min()) < 12:
        return "The brightness is spread evenly over the frame."
    upper, lower = found.halves
    if abs(upper - lower) < 10:
        halves = "the upper and the lower half are about equally bright"
    else:
        halves = f"the {'upper' if upper > lower else 'lower'} half is brighter than the other"
    return f"The {_place_of(means.argmax())} is brightest, the {_place_of(means.argmin())} is darkest, and {halves}."


def _bright_regions(blobs: Sequence[Blob], meaning: str) -> str:
    return _regions(blobs, "bright", meaning) if blobs else "No compact bright region stands out from the rest."


def _regions(blobs: Sequence[Blob], kind: str, meaning: str) -> str:
    number, largest = len(blobs), blobs[0]
    shape = _graded(largest.aspect, (0.5, "wide"), (2.0, "roundish"), (np.inf, "tall"))
    place = position(largest.row, largest.column)
    share = f"covers {_percent(largest.share)} of the picture"
    if number == 1:
        return f"One compact {kind} region stands out{meaning}: it lies in the {place} and {share}."
    count = _COUNTS[number] if number < len(_COUNTS) else "more than nine"
    sentence = (
        f"{count.capitalize()} compact {kind} regions stand out{meaning}: "
        f"the largest, a {shape} one in the {place}, {share}"
    )
    others = list(dict.fromkeys(position(blob.row, blob.column) for blob in blobs[1:4]))
    others = [name for name in others if name != place]
    return f"{sentence}, and others lie in the {_join(others)}." if others else f"{sentence}."


def _clipping(found: Measurements) -> str:
    bright, dark = found.bright_clipped, found.dark_clipped
    if bright < _FEW and dark < _FEW:
        return "Neither lights nor shadows are clipped."
    if bright < _FEW:
        return f"No lights are burnt out, but {_percent(dark)} of the pixels are black without detail."
    burnt = f"Burnt-out lights take {_percent(bright)}, most of them in the {_place_of(found.cell_clipped.argmax())}"
    if dark < _FEW:
        return f"{burnt}, while the shadows keep their detail."
    return f"{burnt}, and {_percent(dark)} of the pixels are black without detail."


def _sharpness(found: Measurements, task: Task) -> str:
    cells = found.cell_sharpness
    best, worst = float(cells.max()), float(cells.min())
    if best < 1.0:
        return "Fine detail is missing everywhere."
    sharp, blurred = _place_of(cells.argmax()), _place_of(cells.argmin())
    if best < 1.6 * worst:
        return f"Fine detail is spread rather evenly and is a little stronger in the {sharp}."
    focus = ", as where one plane is in focus" if task is Task.MFF and best > 2 * worst else ""
    if best > 6 * worst:
        return f"Fine detail is strongest in the {sharp}, while the {blurred} is smooth or blurred{focus}."
    return f"Fine detail is strongest in the {sharp} and {best / worst:.1f} times weaker in the {blurred}{focus}."


def _texture(found: Measurements) -> str:
    direction = _graded(
        found.orientation,
        (0.42, "mostly horizontal"),
        (0.58, "of all directions"),
        (np.inf, "mostly vertical"),
    )
    return f"Clear edges take up {_percent(found.edges)} of the area and are {direction}."


def _horizon(row: float, step: float) -> str:
    height = _graded(
        row,
        (0.25, "near the top"),
        (0.42, "in the upper part"),
        (0.58, "half-way up"),
        (0.75, "in the lower part"),
        (1.0, "near the bottom"),
    )
    change = "darker" if step < 0 else "brighter"
    return f"A level boundary, like a horizon, runs across the frame {height}, and below it the picture is {change}."


def _structure(found: Measurements, task: Task) -> Iterator[str]:
    if found.background > 0.15:
        yield f"A flat black background along the border takes {_percent(found.background)} of the picture."
    if task is Task.MIF or found.symmetry > 0.75:
        level = _graded(
            found.symmetry, (0.6, "not symmetric"), (0.85, "roughly symmetric"), (np.inf, "nearly symmetric")
        )
        yield f"In their large forms the left and right halves are {level}."


def _colour(found: Measurements) -> str:
    if found.is_gray:
        return "It has no colour, only shades of gray."
    if not found.tints:
        return "Colour is present but faint, without a clear hue."
    level = _graded(found.chroma, (12, "weak"), (35, "moderate"), (70, "strong"), (256, "very strong"))
    hues = _join([f"{name} on {_percent(share)}" for name, share in found.tints[:3]])
    return f"Its colours are {level}, with clear {hues} of the area."


def _noise(found: Measurements) -> str:
    level = _graded(
        found.noise, (0.6, "practically no noise"), (1.6, "little noise"), (4, "visible noise"), (256, "strong noise")
    )
    return f"The smooth parts show {level}."


def position(row: float, column: float) -> str:
    """Name of a place given in shares of height and width, ``upper left``."""
    return _place(min(2, int(row * 3)), min(2, int(column * 3)))


def _place_of(index: np.integer | int) -> str:
    return _place(int(index) // 3, int(index) % 3)


def _place(row: int, column: int) -> str:
    return "centre" if (row, column) == (1, 1) else f"{_ROWS[row]} {_COLUMNS[column]}"


def _graded(value: float, *steps: tuple[float, str]) -> str:
    """The name of the first step whose upper limit the value does not reach."""
    return next((name for limit, name in steps if value < limit), steps[-1][1])


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < 0.1:
        return "less than 0.1 percent"
    return f"{percent:.1f} percent" if percent < 2 else f"{percent:.0f} percent"


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
