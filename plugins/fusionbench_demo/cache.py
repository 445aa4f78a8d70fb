"""The folder that generated pictures are kept in: whole, checked on every use, made again if damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fusionbench.atomic import replacing
from fusionbench.images.encode import write_png
from fusionbench.images.hashing import file_sha256
from fusionbench.types import DataError
from fusionbench_demo.scene import Scene, SceneLabels

VERSION = "1"
ENVIRONMENT = "FUSIONBENCH_CACHE"
_LIST = "scenes.json"


def cache_folder() -> Path:
    """``$FUSIONBENCH_CACHE/demo-v1``, else ``$XDG_CACHE_HOME`` or ``~/.cache`` with ``fusionbench/demo-v1``."""
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        return Path(chosen).expanduser() / f"demo-v{VERSION}"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fusionbench" / f"demo-v{VERSION}"


def stored(folder: Path, make: Callable[[], Iterable[Scene]]) -> list[dict[str, Any]]:
    """The scenes in a folder; made and written first if they are absent, incomplete or damaged.

    Each scene is a dictionary with ``id``, ``sources`` (file names), ``truth`` (a file name or None) and, if it is
    labelled, ``mask`` and ``boxes`` (file names; the boxes as Pascal VOC). The list
    with the digests of all files is written last, and every file by renaming, so a process that is killed, or
    another one that does the same at the same time, never leaves a state that passes the check.

    Raises:
        DataError: The folder cannot be written.
    """
    scenes = _intact(folder)
    if scenes is not None:
        return scenes
    scenes = [_write(folder, scene) for scene in make()]
    files = sorted({name for scene in scenes for name in _names(scene)})
    _replace(
        folder / _LIST, json.dumps({"scenes": scenes, "sha256": {n: file_sha256(folder / n) for n in files}}, indent=1)
    )
    return scenes


def _intact(folder: Path) -> list[dict[str, Any]] | None:
    try:
        listed = json.loads((folder / _LIST).read_text(encoding="utf-8"))
        scenes, digests = listed["scenes"], listed["sha256"]
        names = {name for scene in scenes for name in _names(scene)}
        plain = all(Path(name).name == name for name in names)
        if plain and names == set(digests) and all(file_sha256(folder / name) == digests[name] for name in names):
            return scenes
    except (OSError, ValueError, KeyError, TypeError, DataError):
        # Whatever is wrong with the folder, the remedy is to write it anew.
        return None
    return None


def _names(scene: dict[str, Any]) -> list[str]:
    return [*scene["sources"], *(scene[kind] for kind in ("truth", "mask", "boxes") if scene.get(kind))]


def _write(folder: Path, scene: Scene) -> dict[str, Any]:
    sources = []
    for number, pixels in enumerate(scene.sources, 1):
        sources.append(f"{scene.id}_{number}.png")
        write_png(folder / sources[-1], pixels)
    truth = None
    if scene.truth is not None:
        truth = f"{scene.id}_truth.png"
        write_png(folder / truth, scene.truth)
    written: dict[str, Any] = {"id": scene.id, "sources": sources, "truth": truth}
    if scene.labels is not None:
        written |= {"mask": f"{scene.id}_mask.png", "boxes": f"{scene.id}_boxes.xml"}
        write_png(folder / written["mask"], scene.labels.mask)
        _replace(folder / written["boxes"], _voc(scene.labels))
    return written


def _voc(labels: SceneLabels) -> str:
    """As Pascal VOC writes boxes: corners are pixels, counted from 1."""
    height, width = labels.mask.shape
    root = ElementTree.Element("annotation")
    size = ElementTree.SubElement(root, "size")
    _numbers(size, width=width, height=height)
    for name, (left, top, right, bottom) in labels.boxes:
        item = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(item, "name").text = name
        box = ElementTree.SubElement(item, "bndbox")
        _numbers(box, xmin=left + 1, ymin=top + 1, xmax=right, ymax=bottom)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _numbers(parent: ElementTree.Element, **values: int) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)


def _replace(path: Path, text: str) -> None:
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror or error}.",
            hint=f"Choose another folder with the environment variable {ENVIRONMENT}.",
        ) from error
