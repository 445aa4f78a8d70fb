"""Street scenes of which it is known what can be seen where: people, vehicles and what is taken for them.

A street is described first and drawn afterwards, once for each band, so that the same street can be drawn with a thing
left out: that is how "leaves no trace" is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from fusionbench_demo.scene import Array, luma, to_8_bit
from fusionbench_demo.thermal import figures

ROWS, COLUMNS = 128, 160
PERSON, CAR, STATUE, HEATER = "person", "car", "statue", "heater"
CLASSES = ("background", PERSON, CAR)
"""Of the masks, in the order of their values; statues and heaters are background."""

_PLACES = {"street": 0, "control": 1}
_TRIES = 40
_GAP = 3  # pixels between two things
_VISIBLE_NOISE, _INFRARED_NOISE, _CONTROL_NOISE = 0.012, 0.01, 0.004
_GLOW = np.array([1.0, 0.72, 0.35])

Random = np.random.RandomState  # the generator whose stream NumPy has frozen


@dataclass(frozen=True)
class Thing:
    """Something that stands in a street.

    Attributes:
        kind: ``person``, ``car``, ``statue`` (a cold person) or ``heater`` (a person that glows).
        foot, column: Where it stands: the row of its lowest pixels, the column of its middle.
        height: In pixels.
        shade: From 0 to 1, how light its paint or cloth is among those that differ from what is behind it.
        running: Of a car, whether its engine is warm.
    """

    kind: str
    foot: int
    column: int
    height: int
    shade: float
    running: bool = False


@dataclass(frozen=True)
class Street:
    """One scene.

    Attributes:
        seed: Of its surroundings and its noise.
        night: Whether it is night.
        control: Whether both bands show the same, see :func:`bands`.
        things: What stands there; no two overlap.
    """

    seed: tuple[int, int, int]
    night: bool
    control: bool
    things: tuple[Thing, ...]


def described(number: int, *, seed: int, control: bool = False) -> Street:
    """The street of a number; it depends on nothing but its number and the seed.

    Half of the streets are at night, also of every fourth one.
    """
    key = (seed, _PLACES["control" if control else "street"], number)
    random = Random([*key, 0])
    kinds = [PERSON] * random.randint(0, 4) + [CAR] * random.randint(0, 3)
    if not control:
        kinds += [STATUE] * random.randint(0, 2) + [HEATER] * random.randint(0, 2)
    things: list[Thing] = []
    taken = np.zeros((ROWS, COLUMNS), bool)
    for kind in kinds:
        for _ in range(_TRIES):
            thing = _somewhere(kind, random)
            top, bottom, left, right = _around(silhouette(thing))
            whole = thing.foot < ROWS and left > 0 and right < COLUMNS - 1 and top > 0
            if (
                whole
                and not taken[max(top - _GAP, 0) : bottom + 1 + _GAP, max(left - _GAP, 0) : right + 1 + _GAP].any()
            ):
                things.append(thing)
                taken[top : bottom + 1, left : right + 1] = True
                break
    return Street(key, (number + number // 4) % 2 == 0, control, tuple(things))


def _somewhere(kind: str, random: Random) -> Thing:
    near = random.uniform(0, 1)
    height = round((18 + 26 * near) * (0.62 if kind == CAR else 1.0) * random.uniform(0.9, 1.1))
    foot = round(70 + 50 * near) + random.randint(0, 5)
    return Thing(kind, foot, random.randint(6, COLUMNS - 6), height, random.uniform(0, 1), bool(random.randint(2)))


@lru_cache(maxsize=64)
def silhouette(thing: Thing) -> Array:
    """The pixels that a thing covers: ROWS x COLUMNS of truth values."""
    if thing.kind != CAR:
        return figures((ROWS, COLUMNS), ((thing.foot, thing.column, thing.height),)) == 1
    return np.logical_or.reduce(list(_parts(thing).values()))


def _parts(car: Thing) -> dict[str, Array]:
    """Of a car seen from its side, the bonnet to the right."""
    y, x = _upright(car)
    body = (y >= 0.14) & (y <= 0.62) & (np.abs(x) <= 1.15)
    cabin = (y > 0.62) & (y <= 1.0) & (np.abs(x + 0.1) <= 0.85 - 0.9 * (y - 0.62))
    wheels = np.hypot(np.abs(x) - 0.72, y - 0.2) <= 0.2
    return {"body": body & ~wheels, "cabin": cabin, "wheels": wheels}


def _upright(thing: Thing) -> tuple[Array, Array]:
    """Height above the foot, ROWS x 1, and distance to the right of the middle, 1 x COLUMNS, in parts of its height."""
    rows, columns = np.arange(ROWS)[:, None], np.arange(COLUMNS)[None, :]
    return (thing.foot - rows) / thing.height, (columns - thing.column) / thing.height


def mask(street: Street) -> Array:
    """The class of each pixel: ROWS x COLUMNS uint8, indices into :data:`CLASSES`."""
    found = np.zeros((ROWS, COLUMNS), np.uint8)
    for thing in street.things:
        if thing.kind in CLASSES:
            found[silhouette(thing)] = CLASSES.index(thing.kind)
    return found


def boxes(street: Street) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Class and ``(left, top, right, bottom)`` of every person and car, as :class:`fusionbench.types.Box` counts."""
    found = []
    for thing in street.things:
        if thing.kind in CLASSES:
            top, bottom, left, right = _around(silhouette(thing))
            found.append((thing.kind, (left, top, right + 1, bottom + 1)))
    return found


def _around(shape: Array) -> tuple[int, int, int, int]:
    """First and last row, first and last column."""
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def bands(street: Street) -> tuple[Array, Array]:
    """The infrared picture (ROWS x COLUMNS) and the visible one (ROWS x COLUMNS x 3; gray in a control), uint8.

    =======  =============================  ====================================
    thing    infrared                       visible
    =======  =============================  ====================================
    person   warm                           by day; at night no trace
    car      running: warm; parked: none    always
    statue   no trace                       by day like a person; at night none
    heater   exactly like a person          glows, by day and at night
    =======  =============================  ====================================

    In a control both bands are one picture in gray, persons and cars in it by day and at night, apart from gain and a
    weak noise: who sees the one sees nothing more in the other.
    """
    noise = Random([*street.seed, 2])
    light = np.maximum(_light(street), 0.55) if street.control else _light(street)
    seen = _paint(street, _surroundings(street)) * light[..., None]
    if street.control:
        gray = luma(np.clip(seen, 0, 1))
        first, second = (_CONTROL_NOISE * noise.standard_normal(gray.shape) for _ in range(2))
        return to_8_bit(0.02 + 0.9 * gray + first), to_8_bit(gray + second)
    seen = _glowing(street, seen)
    visible = to_8_bit(seen + _VISIBLE_NOISE * noise.standard_normal(seen.shape))
    heat = gaussian_filter(_heat(street), 0.5)
    rows = 0.004 * noise.standard_normal((ROWS, 1))  # detector lines differ a little
    return to_8_bit(heat + rows + _INFRARED_NOISE * noise.standard_normal(heat.shape)), visible


def _houses(street: Street) -> Iterator[tuple[slice, slice, float, Array, Array]]:
    """For each house its rows, columns and shade, which pixels are windows, and which of these are lit."""
    random = Random([*street.seed, 1])
    roof, ground = random.randint(14, 30), random.randint(58, 66)
    left = 0
    while left < COLUMNS:
        right = min(left + random.randint(28, 60), COLUMNS)
        top = roof + random.randint(-8, 14)
        rows, columns = np.mgrid[top:ground, left:right]
        pitch = random.randint(9, 14)
        window = ((rows - top) % pitch >= pitch // 2) & ((columns - left) % pitch >= pitch // 2) & (rows < ground - 4)
        lamps = random.uniform(size=(20, 20)) < 0.25
        lit = window & lamps[(rows - top) // pitch, (columns - left) // pitch]
        yield slice(top, ground), slice(left, right), random.uniform(0.35, 0.75), window, lit
        left = right


def _surroundings(street: Street) -> Array:
    """Colours by even light, without things: ROWS x COLUMNS x 3."""
    random = Random([*street.seed, 4])
    image = np.empty((ROWS, COLUMNS, 3))
    image[:] = (0.62, 0.74, 0.9)
    ground = ROWS
    for rows, columns, shade, window, _ in _houses(street):
        tint = 1 + random.uniform(-0.15, 0.15, 3)
        image[rows, columns] = np.where(window[..., None], 0.25, shade) * tint
        ground = rows.stop
    image[ground:] = 0.42
    image[ground : ground + 5] = 0.58
    dashes = (np.arange(COLUMNS) + random.randint(20)) % 32 < 18
    image[104:107, dashes] = 0.85
    grain = gaussian_filter(random.standard_normal((ROWS, COLUMNS)), 1.0)
    return image * (1 + 0.12 * grain)[..., None]


def _light(street: Street) -> Array:
    """ROWS x COLUMNS: daylight, or one or two lamps at night."""
    random = Random([*street.seed, 5])
    if not street.night:
        return np.full((ROWS, COLUMNS), random.uniform(0.85, 1.0))
    light = np.full((ROWS, COLUMNS), random.uniform(0.08, 0.14))
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    for _ in range(random.randint(1, 3)):
        y, x = random.uniform(50, 100), random.uniform(0, COLUMNS)
        light += random.uniform(0.35, 0.6) * np.exp(-(((rows - y) / 34) ** 2) - ((columns - x) / 30) ** 2)
    light[:14] *= np.linspace(0.4, 1, 14)[:, None]
    return np.minimum(light, 0.9)


def _paint(street: Street, behind: Array) -> Array:
    """Surroundings with everything that daylight or a lamp shows."""
    image = behind.copy()
    bright = luma(behind)
    for thing in street.things:
        shape = silhouette(thing)
        if thing.kind == CAR:
            image = _painted_car(image, thing, _apart(bright[shape].mean(), thing.shade, always_light=street.night))
        elif thing.kind in (PERSON, STATUE) and (street.control or not street.night):
            image[shape] = _apart(bright[shape].mean(), thing.shade) * np.array([1.0, 0.97, 0.92])
    return image


def _apart(behind: float, shade: float, *, always_light: bool = False) -> float:
    """A gray that differs by at least 0.25 from what is behind."""
    return 0.04 + 0.12 * shade if behind > 0.47 and not always_light else 0.74 + 0.24 * shade


def _painted_car(image: Array, car: Thing, paint: float) -> Array:
    parts = _parts(car)
    y, _ = _upright(car)
    image[parts["body"]] = paint
    image[parts["cabin"]] = paint
    image[parts["cabin"] & (y < 0.9) & (y > 0.68)] = 0.3
    image[parts["wheels"]] = 0.1
    return image


def _glowing(street: Street, seen: Array) -> Array:
    """What gives light of its own: lit windows at night, the lamps and the paint of cars, heaters."""
    image = np.clip(seen, 0, 1)
    if street.night:
        for rows, columns, _, _, lit in _houses(street):
            image[rows, columns][lit] = (0.8, 0.68, 0.4)
    for thing in street.things:
        y, x = _upright(thing)
        if thing.kind == CAR and street.night:
            parts = _parts(thing)
            dark = parts["wheels"] | (parts["cabin"] & (y < 0.9) & (y > 0.68))
            body = silhouette(thing) & ~dark
            image[body] = np.maximum(image[body], 0.3 + 0.25 * thing.shade)  # under a lamp or not, cars are seen
            image[parts["body"] & (x > 1.0) & (np.abs(y - 0.45) < 0.12)] = (1.0, 0.98, 0.9)
            image[parts["body"] & (x < -1.03) & (np.abs(y - 0.45) < 0.12)] = (0.85, 0.1, 0.1)
        elif thing.kind == HEATER:
            bars = 0.8 + 0.2 * (np.floor(y * 8) % 2)
            image = np.where(silhouette(thing)[..., None], _GLOW * bars[..., None], image)
    return image


def _heat(street: Street) -> Array:
    """Temperatures as gray values, ROWS x COLUMNS: little contrast but for what is warm."""
    random = Random([*street.seed, 6])
    heat = np.full((ROWS, COLUMNS), 0.1)
    ground = ROWS
    for rows, columns, _, window, _ in _houses(street):
        heat[rows, columns] = np.where(window, 0.36, 0.3) + random.uniform(-0.06, 0.06)
        ground = rows.stop
    heat[ground:] = random.uniform(0.22, 0.3)
    heat += 0.05 * gaussian_filter(random.standard_normal((ROWS, COLUMNS)), 4.0) * 8
    for thing in street.things:
        y, x = _upright(thing)
        if thing.kind in (PERSON, HEATER):
            heat = np.where(silhouette(thing), 0.78 + 0.14 * np.clip(y, 0, 1) - 0.06 * thing.shade, heat)
        elif thing.kind == CAR and thing.running:
            parts = _parts(thing)
            for part, warmth in _WARMTH.items():
                heat[parts[part]] = warmth
            heat[parts["body"] & (x > 0.45)] = 0.9
    return np.clip(heat, 0, 1)


_WARMTH: Mapping[str, float] = {"body": 0.55, "cabin": 0.48, "wheels": 0.75}
