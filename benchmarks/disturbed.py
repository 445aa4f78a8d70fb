"""What the benchmarks share that disturb a run and compare it with an undisturbed one: its command, what it left."""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import fusionbench as fb
from fusionbench.plugins import current_plugins
from fusionbench.types import resolve

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

_COLUMNS = ["method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error"]
_METHODS = ("average", "laplacian", "dwt")


def parser(description: str | None, *, limit: int, kills: int, longest: float) -> argparse.ArgumentParser:
    """Options that say what is run, how often it is disturbed, and how long at most passes in between."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--data-root")
    found.add_argument("-d", "--dataset", action="append")
    found.add_argument("-m", "--method", action="append")
    found.add_argument("--limit", type=int, default=limit)
    found.add_argument("--kills", type=int, default=kills)
    found.add_argument("--longest", type=float, default=longest, help="Longest time between two kills, in seconds.")
    found.add_argument("--seed", type=int, default=0)
    return found


def command(arguments: argparse.Namespace, datasets: Sequence[str]) -> list[str]:
    """The run, without its folder; of generated data where neither data sets nor a folder with data are given."""
    found = [sys.executable, "-m", "fusionbench", "run", "--limit", str(arguments.limit)]
    found += ["--data-root", arguments.data_root] if arguments.data_root else []
    for name in arguments.dataset or (datasets if arguments.data_root else ["demo-ivf"]):
        found += ["-d", name]
    for name in arguments.method or _METHODS:
        found += ["-m", name]
    return found


class Finished:
    """The finished fusions of a run folder, and how many of them were lost or computed again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.sqlite"
        self._kept: dict[str, int] = {}
        self.recomputed = 0

    def look(self) -> int:
        """Compare with what was there at the last look; how many there are now."""
        now = self._sessions()
        self.recomputed += sum(now.get(key) != session for key, session in self._kept.items())
        self._kept = now
        return len(now)

    def _sessions(self) -> dict[str, int]:
        """Finished fusions and the session that computed each."""
        if not self._path.exists():
            return {}
        database = sqlite3.connect(self._path, timeout=60)
        try:
            return dict(database.execute("SELECT key, session FROM fusions WHERE status='ok'").fetchall())
        except sqlite3.OperationalError:  # killed before the tables were made
            return {}
        finally:
            database.close()


def compare(disturbed: Path, undisturbed: Path) -> None:
    """Say whether every row, the three tables and the bytes of every fused image are the same."""
    frames = [fb.load_run(folder).frame()[_COLUMNS] for folder in (disturbed, undisturbed)]
    images = [_images(folder) for folder in (disturbed, undisturbed)]
    print(f"rows: {len(frames[0])}, equal: {frames[0].equals(frames[1])}")
    print(f"tables equal: {_tables(disturbed) == _tables(undisturbed)}")
    print(f"images: {len(images[0])}, equal: {images[0] == images[1]}")


def _tables(folder: Path) -> dict[str, str]:
    """The tables of a run, without lines that name the folder or the command."""
    texts = {}
    for name in ("markdown", "latex", "csv"):
        text = resolve(current_plugins().exporters[name].render)(fb.load_run(folder).table())
        texts[name] = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    return texts


def _images(folder: Path) -> dict[str, str]:
    """Digest of every fused image."""
    root = folder / "images"
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.png"))}
