"""The fused images of a run folder: whether each is the one that was scored, and putting it in its place.

A picture is known by the digest that the journal has of it, never by its being there. The digest is compared at
every run, unless the file's stamp says that it is still the one that was compared before
(:mod:`fusionbench.stamps`). A link is no picture.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from fusionbench.atomic import replacing
from fusionbench.images.hashing import file_sha256
from fusionbench.results.folder import IMAGES
from fusionbench.results.journal import Journal
from fusionbench.results.records import PictureRecord
from fusionbench.stamps import lasting, now_ns, stamp_of
from fusionbench.types import FusionBenchError, ImageError


@dataclass(frozen=True, slots=True)
class Wanted:
    """The picture that should lie at a place: of which fusion, and with which SHA-256."""

    fusion: str
    sha256: str


@dataclass(slots=True)
class Pictures:
    """The pictures of a run folder, as its journal knows them.

    Args:
        folder: The run folder.
        journal: Open for writing.
        workers: Threads that compare digests.
    """

    folder: Path
    journal: Journal
    workers: int = 4
    _known: dict[str, PictureRecord] = field(default_factory=dict)
    _places: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = {record.path: record for record in self.journal.pictures()}

    def provide(self, wanted: Mapping[str, Wanted], *, copy: bool) -> set[str]:
        """The places at which the right picture lies, after all that could be restored is.

        Args:
            wanted: By place, relative to the run folder.
            copy: Whether to copy a picture that lies right at another place.
        """
        with ThreadPoolExecutor(self.workers) as pool:
            found = dict(zip(wanted, pool.map(self._compared, wanted.items()), strict=True))
        records = {path: record for path, record in found.items() if record is not None}
        if copy:
            sources: dict[str, list[str]] = {}
            for record in (*records.values(), *self._known.values()):
                sources.setdefault(record.sha256, []).append(record.path)
            for path, want in wanted.items():
                if path not in records and self._copied(want.sha256, sources.get(want.sha256, ()), path):
                    records[path] = PictureRecord(path=path, fusion=want.fusion, sha256=want.sha256)
        self.journal.set_pictures(record for path, record in records.items() if self._known.get(path) != record)
        self._known |= records
        return set(records)

    def place_of(self, fusion: str) -> str | None:
        """Where the right picture of a fusion lies, if it does anywhere."""
        digest = self.journal.image_digest(fusion)
        if not self._places:
            for path, record in self._known.items():
                self._places.setdefault(record.fusion, []).append(path)
        places = self._places.get(fusion, ()) if digest is not None else ()
        return next((path for path in places if self._compared((path, Wanted(fusion, digest or "")))), None)

    def clear(self, paths: Iterable[str]) -> None:
        """Remove what lies at these places: it is not what should."""
        paths = list(paths)
        self.journal.set_pictures((), gone=(path for path in paths if self._known.pop(path, None) is not None))
        for path in paths:
            remove(self.folder, path)

    def _compared(self, entry: tuple[str, Wanted]) -> PictureRecord | None:
        path, want = entry
        known = self._known.get(path)
        started = now_ns()
        with contextlib.suppress(FusionBenchError):
            file = located(self.folder, path)
            before = stamp_of(file, follow=False)
            if before is None:
                return None
            if known is not None and known.sha256 == want.sha256 and known.stamp == str(before):
                return replace(known, fusion=want.fusion)
            if file_sha256(file) == want.sha256:
                stamp = lasting(before, stamp_of(file, follow=False), started)
                return PictureRecord(path=path, fusion=want.fusion, sha256=want.sha256, stamp=stamp)
        return None

    def _copied(self, sha256: str, sources: Iterable[str], target: str) -> bool:
        for source in sources:
            if source == target:
                continue
            with contextlib.suppress(FusionBenchError, OSError):
                file = located(self.folder, source)
                if stamp_of(file, follow=False) is None:
                    continue
                content = file.read_bytes()
                if hashlib.sha256(content).hexdigest() == sha256:
                    put(self.folder, target, content)
                    return True
        return False


def located(folder: Path, path: str) -> Path:
    """The file of a picture.

    Raises:
        ImageError: A link leads out of the folder of images. That folder itself may be one.
    """
    file = folder / path
    base = (folder / IMAGES).resolve()
    if not file.parent.resolve().is_relative_to(base):
        raise ImageError(f"{path} cannot be used: a link in its path leads out of {base}.", hint="Remove the link.")
    return file


def put(folder: Path, path: str, content: bytes) -> None:
    """Write a picture, whole and for good.

    Raises:
        ImageError: See :func:`located`.
        OSError: It cannot be written.
    """
    with replacing(located(folder, path)) as temporary:
        temporary.write_bytes(content)


def remove(folder: Path, path: str) -> None:
    """Remove a picture; what cannot be removed stays, and is not taken for a picture."""
    with contextlib.suppress(OSError, ImageError):
        located(folder, path).unlink(missing_ok=True)
