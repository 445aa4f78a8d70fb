"""Training pairs of any number, made as the demonstration data are but with everything about them drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from fusionbench.data.names import IMAGE_EXTENSIONS
from fusionbench.data.vocabulary import REFERENCE_FOLDERS, SIDE_FOLDERS
from fusionbench.types import DataError, Task
from fusionbench_demo import defocus, exposures, medical, thermal
from fusionbench_demo.scene import Array, Scene, picture, ramp, to_8_bit

# What scikit-image ships and the demonstration data, which serve as test data, do not use.
SHIPPED = ("brick", "cell", "clock", "coins", "colorwheel", "grass", "hubble_deep_field", "immunohistochemistry",
           "moon", "page", "retina")  # fmt: skip

Random = np.random.RandomState  # the generator whose stream NumPy has frozen


def scenes(task: Task, pictures: Sequence[Array], *, count: int, size: int, seed: int = 0) -> Iterator[Scene]:
    """Make training pairs.

    A scene depends on its number, the seed and the pictures, not on how many scenes are made.

    Args:
        task: What the pairs show. MIF takes only the texture of the tissue from the pictures.
        pictures: H x W x 3 in [0, 1], no side below ``size``; windows of them, smaller by up to four times in scale,
            turned and mirrored, are what the pairs show.
        count: Number of pairs.
        size: Rows and columns.
        seed: Of all that is drawn.
    """
    make = _MAKERS[task]
    for number in range(count):
        random = Random([seed, list(Task).index(task), number])
        image = window(pictures[random.randint(len(pictures))], size, random)
        yield make(f"{task.lower()}-{number:05d}", image, random)


def window(image: Array, size: int, random: Random) -> Array:
    """A random square of a picture at a random scale, mirrored and turned: size x size x 3."""
    from skimage.transform import resize

    height, width = image.shape[:2]
    scale = random.uniform(1, min(4.0, min(height, width) / size))
    side = int(size * scale)
    top, left = random.randint(height - side + 1), random.randint(width - side + 1)
    part = image[top : top + side, left : left + side]
    if side != size:
        part = np.clip(resize(part, (size, size), anti_aliasing=True), 0, 1)
    part = part[:, ::-1] if random.randint(2) else part
    return np.rot90(part, random.randint(4))


def _thermal(name: str, image: Array, random: Random) -> Scene:
    """Infrared, visible: one to four warm targets by night."""
    size = len(image)
    targets = tuple(
        (random.uniform(0.4, 1.0) * size, random.uniform(0, 1) * size, random.uniform(0.1, 0.45) * size)
        for _ in range(random.randint(1, 5))
    )
    seed = _seed(random)
    return Scene(name, (to_8_bit(thermal.infrared(image, targets, seed)), to_8_bit(thermal.visible(image, seed + 1))))


def _exposures(name: str, image: Array, random: Random) -> Scene:
    """Over- and under-exposed, under light with soft and hard borders."""
    light = random.uniform(1.0, 2.5) * np.tanh(random.uniform(1, 4) * _field(len(image), random))
    stop = random.uniform(1.2, 2.5)
    return exposures.stack(name, image, light, (stop, -stop), _seed(random))


def _defocus(name: str, image: Array, random: Random) -> Scene:
    """Near, far: a slope in depth with objects that stand out of it."""
    size = len(image)
    angle = random.uniform(0, 2 * np.pi)
    slope = random.uniform(0, 1) * (np.cos(angle) * ramp(size) + np.sin(angle) * ramp(size, axis=1))
    objects = (_field(size, random) > random.uniform(-0.3, 0.6)) * random.uniform(0.4, 1.0)
    return defocus.focal_stack(name, image, slope + objects, (1.0, 0.0))


def _medical(name: str, image: Array, random: Random) -> Scene:
    """MRI with CT or with PET in false colour, of a head that is like no other."""
    size = len(image)
    head = random_head(size, random)
    texture = image.mean(axis=-1)
    seed = _seed(random)
    places = [tuple(random.uniform(0.3, 0.7, 2) * size) for _ in range(4)]
    mri = to_8_bit(medical.magnetic(head, texture, seed, lesion=places[0]))
    if random.randint(2):
        return Scene(name, (mri, to_8_bit(medical.tomography(head, seed, calcifications=places[1:]))))
    return Scene(name, (mri, to_8_bit(medical.false_colour(medical.emission(head, seed, hot=places[1])))))


_MAKERS: dict[Task, Callable[[str, Array, Random], Scene]] = {
    Task.IVF: _thermal,
    Task.MIF: _medical,
    Task.MEF: _exposures,
    Task.MFF: _defocus,
}


def random_head(size: int, random: Random) -> Array:
    """A head of ellipses with the gray values of the Shepp-Logan phantom: bone 1, brain 0.2, cavities 0."""
    middle, tilt = random.uniform(-0.05, 0.05, 2), random.uniform(-0.3, 0.3)
    axes = np.array([random.uniform(0.75, 0.92), random.uniform(0.6, 0.75)])
    bone = random.uniform(0.05, 0.09)
    head = _ellipse(size, middle, axes, tilt) * 1.0
    brain = _ellipse(size, middle, axes - bone, tilt)
    head[brain] = 0.2
    for value, count, largest in ((0.0, 2, 0.22), (0.3, 4, 0.25), (0.4, 4, 0.12)):
        for _ in range(count):
            place = middle + random.uniform(-0.45, 0.45, 2) * axes
            part = _ellipse(size, place, random.uniform(0.3, 1, 2) * largest, random.uniform(0, np.pi))
            head[part & brain] = value
    return head


def _ellipse(size: int, middle: Array, axes: Array, tilt: float) -> Array:
    """True inside; middle and half axes in units in which the picture reaches from -1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, size) - middle[0], np.linspace(-1, 1, size) - middle[1], indexing="ij")
    along, across = np.cos(tilt) * y + np.sin(tilt) * x, np.cos(tilt) * x - np.sin(tilt) * y
    return (along / axes[0]) ** 2 + (across / axes[1]) ** 2 <= 1


def _field(size: int, random: Random) -> Array:
    """A smooth random field, size x size, of deviation 0.5 about 0."""
    field = gaussian_filter(random.standard_normal((size, size)), random.uniform(0.06, 0.25) * size, mode="reflect")
    return 0.5 * (field - field.mean()) / max(field.std(), 1e-12)


def _seed(random: Random) -> int:
    return int(random.randint(1_000_000))


def folders(task: Task) -> tuple[str, ...]:
    """Names of the folders that hold the files of a scene: its two sources, then ground truth if it has any."""
    sides = tuple(names[0] for names in SIDE_FOLDERS[task])
    return (*sides, REFERENCE_FOLDERS[0]) if task in (Task.MEF, Task.MFF) else sides


def pictures_of(folder: Path | None, *, smallest: int) -> tuple[list[Array], list[str]]:
    """The pictures to make pairs of: those in a folder, or those that scikit-image ships.

    Args:
        folder: Searched with its subfolders; None for :data:`SHIPPED`.
        smallest: Pictures with a shorter side are left out.

    Returns:
        H x W x 3 in [0, 1] each, and the names of those left out.

    Raises:
        DataError: The folder holds no picture that is large enough.
        ImageError: A file is damaged.
    """
    kept, small = [], []
    for name, image in _shipped() if folder is None else _read(folder):
        if min(image.shape[:2]) < smallest:
            small.append(name)
        else:
            kept.append(image)
    if not kept:
        raise DataError(
            f"{folder or 'scikit-image'}: no pictures of at least {smallest}x{smallest} pixels.",
            hint="Give a folder of pictures (PNG, JPEG, BMP, TIFF) or a smaller --size.",
        )
    return kept, small


def _shipped() -> Iterator[tuple[str, Array]]:
    for name in SHIPPED:
        yield name, _coloured(picture(name)[..., :3] if picture(name).ndim == 3 else picture(name))


def _read(folder: Path) -> Iterator[tuple[str, Array]]:
    from fusionbench.images import read_image

    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of pictures.")
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_EXTENSIONS and path.is_file():
            image = read_image(path)
            yield path.name, _coloured(image.pixels.astype(np.float64) / image.peak)


def _coloured(image: Array) -> Array:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
