"""Recognising weights by their digests: which published file one is, and what that says about using it.

Nothing here imports torch.
"""

from __future__ import annotations

import functools
import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fusionbench.files import open_regular
from fusionbench.images.hashing import file_sha256
from fusionbench.types import Task, WeightsError, WeightSpec
from fusionbench.weights.finding import Owner
from fusionbench.weights.tensorflow_bundle import bundle_index

_Owner = TypeVar("_Owner", bound=Owner)

# Conversions remember what they were made from, so that they can be recognised like the original, and what they hold.
SOURCE_KEY = "source_sha256"
CONTENT_KEY = "content_sha256"
_LONGEST_HEADER = 100_000_000  # of the format's own readers


def recognise(spec: Owner, path: Path) -> WeightSpec | None:
    """Which published weights of its owner a file is, itself or converted; None if its digest is not known."""
    return next((weight for _, weight in published_by([spec], path)), None)


def published_by(owners: Iterable[_Owner], path: Path) -> list[tuple[_Owner, WeightSpec]]:
    """Every published weights that a file is, itself or converted, whoever they belong to."""
    pairs = ((owner, weight) for owner in owners for weight in owner.weights if weight.sha256)
    return [(owner, weight) for owner, weight in pairs if is_published(weight, path)]


def is_published(weight: WeightSpec, path: Path) -> bool:
    """Whether a file is the published one, a bundle's, or a conversion whose numbers are the published ones."""
    if _sha256(path) in weight.sha256 or (bundle_index(path) and _sha256(data_file(path)) in weight.sha256):
        return True
    if not is_safetensors(path):
        return False
    if weight.content_sha256:
        return _numbers_digest(path) == weight.content_sha256
    return metadata(path).get(SOURCE_KEY) in weight.sha256


def weights_digest(spec: Owner, path: Path) -> str:
    """Digest of a file and of those that are read with it from the same folder."""
    names = {name for weight in spec.weights for name in weight.beside}
    others = [path.parent / name for name in sorted(names) if name != path.name and (path.parent / name).is_file()]
    if not others:
        return _sha256(path)
    return hashlib.sha256("".join(map(_sha256, (path, *others))).encode()).hexdigest()


def examine(spec: Owner, path: Path, task: Task | None, options: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """What a user should know about weights that are about to be used, and what a table should say of them.

    Args:
        spec: The method or metric.
        path: The file found for it; folders are not looked into.
        task: The task to be run.
        options: The method's options, parsed.

    Returns:
        A remark and a mark for tables, each empty if there is nothing to say.

    Raises:
        WeightsError: Weights that ship with a plugin are not the ones that its author shipped.
    """
    if not path.is_file():
        return "", ""
    weight = recognise(spec, path)
    if weight is None:
        return _unrecognised(spec, path), ""
    made, used = [], []
    if task is not None and weight.tasks and task not in weight.tasks:
        made.append("/".join(weight.tasks))
        used.append(f"on {task}")
    for name, values in weight.when.items():
        if options is not None and options.get(name) not in values:
            made.append(f"{name}={'/'.join(map(str, values))}")
            used.append(f"with {name}={options.get(name)}")
    if not made:
        return "", ""
    for_what = f"{weight.name}, made for {' and '.join(made)}"
    return f"{spec.name}: {path} are the published weights {for_what}, used {' and '.join(used)}", f"weights {for_what}"


def _unrecognised(spec: Owner, path: Path) -> str:
    size = data_file(path).stat().st_size
    for weight in (weight for weight in spec.weights if weight.sha256):
        if weight.package_file is not None and path == weight.package_file:
            raise WeightsError(
                f"{spec.name}: {path} is not the file that was shipped: its SHA-256 differs.",
                hint="The installation is damaged: install the package again.",
            )
        same = "name" if path.name in (weight.filename, *weight.official) else "size" if size == weight.size else ""
        if same:
            return (
                f"{spec.name}: {path} has the {same} of the published weights {weight.name!r} but another SHA-256: "
                "weights of your own, converted by other means, or damaged"
            )
    return ""


def data_file(path: Path) -> Path:
    """Of a bundle the first shard, whose digest is what pages publish; any other file itself."""
    index = bundle_index(path)
    if index is None:
        return path
    return next(iter(sorted(index.parent.glob(f"{index.stem}.data-00000-of-*"))), index)


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do."""
    with open_regular(path) as file:
        return begins_safetensors(file.read(9))


def begins_safetensors(head: bytes) -> bool:
    """Whether these are the first bytes of safetensors: the length of a header, and its brace.

    Text may have a brace there, too, but no zero bytes before it.
    """
    return head[8:9] == b"{" and b"\0" in head[:8]


def metadata(path: Path) -> dict[str, str]:
    """The notes in a safetensors file; none of other or damaged files, of which reading will say what is wrong."""
    try:
        if not is_safetensors(path):
            return {}
        with open_regular(path) as file:
            found = json.loads(file.read(_header(file.read(8)))).get("__metadata__", {})
    except (OSError, ValueError, RecursionError, AttributeError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def numbers_sha256(path: Path) -> str:
    """SHA-256 of the numbers in a safetensors file, without its header."""
    with open_regular(path) as file:
        file.seek(8 + _header(file.read(8)))
        digest = hashlib.sha256()
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _numbers_digest(path: Path) -> str:
    """Empty of a file that is damaged, of which reading will say what is wrong."""
    status = path.stat()
    try:
        return _numbers_sha256_of(path, status.st_size, status.st_mtime_ns, status.st_ino)
    except (OSError, ValueError, struct.error):
        return ""


def _header(size: bytes) -> int:
    length = int(struct.unpack("<Q", size)[0])
    if length > _LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    return length


def _sha256(path: Path) -> str:
    status = path.stat()
    return _sha256_of(path, status.st_size, status.st_mtime_ns, status.st_ino)


# Weights may have gigabytes, and one run asks about them several times.
@functools.lru_cache(maxsize=64)
def _sha256_of(path: Path, size: int, mtime_ns: int, inode: int) -> str:
    return file_sha256(path)


@functools.lru_cache(maxsize=64)
def _numbers_sha256_of(path: Path, size: int, mtime_ns: int, inode: int) -> str:
    return numbers_sha256(path)
