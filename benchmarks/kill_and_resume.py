"""Kill a real run at random moments, again and again, and compare the result with an undisturbed run.

    python benchmarks/kill_and_resume.py --data-root DIR --kills 20

Each time the command is started and its whole process group is killed with SIGKILL after a random time. The
last start is left to finish. What is compared with an undisturbed run: every row of the frame (method, data set,
sample, metric, value, status), the three tables (Markdown, LaTeX without its provenance comment, CSV), the bytes of
every fused image, and that no sample that was finished before a kill was computed again after it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fusionbench as fb
from fusionbench.plugins import current_plugins
from fusionbench.types import resolve

_COLUMNS = ["method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error"]


def finished(folder: Path) -> dict[str, int]:
    """Finished fusions and the session that computed each."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return {}
    database = sqlite3.connect(path, timeout=60)
    try:
        return dict(database.execute("SELECT key, session FROM fusions WHERE status='ok'").fetchall())
    except sqlite3.OperationalError:  # killed before the tables were made
        return {}
    finally:
        database.close()


def tables(folder: Path) -> dict[str, str]:
    """The tables of a run, without lines that name the folder or the command."""
    texts = {}
    for name in ("markdown", "latex", "csv"):
        text = resolve(current_plugins().exporters[name].render)(fb.load_run(folder).table())
        texts[name] = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    return texts


def images(folder: Path) -> dict[str, str]:
    """Digest of every fused image."""
    root = folder / "images"
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.png"))}


def main() -> None:
    """Run, kill, repeat, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--dataset", action="append")
    parser.add_argument("--method", action="append")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--limit", type=int, default=25)
    parser.add_argument("--longest", type=float, default=10.0, help="Longest time before a kill, in seconds.")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    command = [sys.executable, "-m", "fusionbench", "run", "--data-root", arguments.data_root]
    command += ["--limit", str(arguments.limit)]
    for name in arguments.dataset or ["roadscene", "lytro"]:
        command += ["-d", name]
    for name in arguments.method or ["average", "laplacian", "dwt"]:
        command += ["-m", name]
    with tempfile.TemporaryDirectory() as temporary:
        broken, whole = Path(temporary) / "broken", Path(temporary) / "whole"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        kept: dict[str, int] = {}
        recomputed = kills = 0
        while kills < arguments.kills:
            process = subprocess.Popen([*command, "--out", str(broken)], start_new_session=True, **quiet)
            try:
                process.wait(timeout=dice.uniform(0.2, arguments.longest))
                print("finished before all kills were made; give a larger --limit or a smaller --longest")
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            kills += 1
            time.sleep(0.1)
            now = finished(broken)
            recomputed += sum(now.get(key) != session for key, session in kept.items())
            kept = now
            print(f"kill {kills:2d}: {len(kept)} samples finished")
        status = subprocess.run([*command, "--out", str(broken)], check=False, **quiet).returncode
        recomputed += sum(finished(broken).get(key) != session for key, session in kept.items())
        undisturbed = subprocess.run([*command, "--out", str(whole)], check=False, **quiet).returncode
        frames = [fb.load_run(folder).frame()[_COLUMNS] for folder in (broken, whole)]
        print(f"exit status of the last start {status}, of the undisturbed run {undisturbed}")
        print(f"rows: {len(frames[0])}, equal: {frames[0].equals(frames[1])}")
        print(f"tables equal: {tables(broken) == tables(whole)}")
        print(f"images: {len(images(broken))}, equal: {images(broken) == images(whole)}")
        print(f"finished samples lost or computed again: {recomputed}")


if __name__ == "__main__":
    main()
