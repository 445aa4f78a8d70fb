"""What lies where in a run folder: the names of its files, and where each fused image goes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fusionbench.atomic import replacing
from fusionbench.files import read_regular
from fusionbench.types import DataError, UsageError

JOURNAL = "journal.sqlite"
CONFIG = "config.yaml"
"""The configuration that reproduces the run."""
IMAGES = "images"
"""The folder of the fused images."""
LOCK = "run.lock"
"""Held by the process that works in the folder."""
CLAIMS = "run.claims"
"""What else a run makes in its folder, a name a line; see :func:`claim`."""
# What SQLite, a repair and the lock keep beside their files, and what workers print.
_BESIDE = re.compile(
    r"journal(\.damaged-[\d-]+)?\.sqlite(-wal|-shm|-journal)?|run\.lock\.holder|worker(-\d+)?\.log(\.\d+)?"
)


def run_folder(path: Path) -> Path:
    """The run folder that a user means by it or by the journal in it.

    Raises:
        DataError: There is no journal.
    """
    folder = path.parent if path.name == JOURNAL else path
    if not (folder / JOURNAL).is_file():
        raise DataError(
            f"{folder} is no run folder: it holds no {JOURNAL}.",
            hint="Give the folder that `fusionbench run --out` made.",
        )
    return folder


def write_config(folder: Path, text: str) -> None:
    """Write the configuration that reproduces the run, as YAML.

    Raises:
        UsageError: The file cannot be written.
    """
    path = folder / CONFIG
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def log_name(worker: int) -> str:
    """The file of what a worker prints; workers are numbered from 1."""
    return "worker.log" if worker == 1 else f"worker-{worker}.log"


def written_here(name: str) -> bool:
    """Whether a run makes something of this name in its folder: journal, configuration, pictures, logs, locks."""
    parts = (JOURNAL, CONFIG, IMAGES, LOCK, CLAIMS)
    return name in parts or _BESIDE.fullmatch(name) is not None


def claim(folder: Path, *names: str) -> None:
    """Note that a run is about to make files or folders of these names in its folder: they are removed with the run.

    Plugins that leave something beside the journal call it before they make it. What is there already, and no run has
    claimed, is somebody else's and stays so.

    Args:
        folder: The run folder.
        names: Of entries of the folder itself, as :func:`file_name` gives them.

    Raises:
        UsageError: The note cannot be written.
    """
    known = claimed(folder)
    new = [name for name in names if name not in known and not _lies_there(folder / name)]
    if not new:
        return
    path = folder / CLAIMS
    try:
        # At the end in one write: trackers claim in threads of their own.
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{name}\n" for name in new))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def claimed(folder: Path) -> frozenset[str]:
    """The names that runs have claimed in the folder; what is no name of an entry of it does not count."""
    try:
        text = read_regular(folder / CLAIMS).decode(errors="replace")
    except OSError:
        return frozenset()
    return frozenset(name for name in text.splitlines() if name and file_name(name) == name)


def _lies_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def image_path(method: str, dataset: str, sample: str) -> str:
    """Where a fused image lies in the run folder: ``images/METHOD/DATASET/SAMPLE.png``.

    Slashes in sample ids make folders. Parts that cannot be file names are changed and get a digest,
    so that two different names never meet.
    """
    *parents, name = sample.split("/")
    return "/".join([images_of(method), *map(file_name, (dataset, *parents)), file_name(name, ".png")])


def images_of(method: str) -> str:
    """The folder of a method's fused images in the run folder."""
    return f"{IMAGES}/{file_name(method)}"


def is_image_path(path: str) -> bool:
    """Whether a path that a journal names stays among the fused images."""
    first, *rest = path.split("/")
    return first == IMAGES and bool(rest) and {"", ".", ".."}.isdisjoint(rest) and "\\" not in path and "\0" not in path


def file_name(text: str, suffix: str = "") -> str:
    """A file name of at most 255 bytes for any text; the text itself where that is possible."""
    cleaned = "".join("_" if c in '/\\\0:"|?*' or ord(c) < 32 else c for c in text)
    if cleaned in ("", ".", ".."):
        cleaned = "_" + cleaned.replace(".", "_")
    if cleaned == text and len((cleaned + suffix).encode()) <= 255:
        return cleaned + suffix
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    room = 255 - len(suffix) - 9
    return cleaned.encode()[:room].decode(errors="ignore") + "-" + digest + suffix
