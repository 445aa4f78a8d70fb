"""Kill a real run at random moments, again and again, and compare the result with an undisturbed run.

    python benchmarks/kill_and_resume.py --data-root DIR --kills 20

Each time the command is started and its whole process group is killed with SIGKILL after a random time. The
last start is left to finish. What is compared with an undisturbed run: every row of the frame (method, data set,
sample, metric, value, status), the three tables (Markdown, LaTeX without its provenance comment, CSV), the bytes of
every fused image, and that no sample that was finished before a kill was computed again after it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from disturbed import QUIET, Finished, command, compare, parser


def main() -> None:
    """Run, kill, repeat, compare."""
    arguments = parser(__doc__, limit=25, kills=20, longest=10.0).parse_args()
    dice = random.Random(arguments.seed)
    run = command(arguments, ["roadscene", "lytro"])
    with tempfile.TemporaryDirectory() as temporary:
        broken, whole = Path(temporary) / "broken", Path(temporary) / "whole"
        done = Finished(broken)
        kills = 0
        while kills < arguments.kills:
            process = subprocess.Popen([*run, "--out", str(broken)], start_new_session=True, **QUIET)
            try:
                process.wait(timeout=dice.uniform(0.2, arguments.longest))
                print("finished before all kills were made; give a larger --limit or a smaller --longest")
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            kills += 1
            time.sleep(0.1)
            print(f"kill {kills:2d}: {done.look()} samples finished")
        status = subprocess.run([*run, "--out", str(broken)], check=False, **QUIET).returncode
        done.look()
        undisturbed = subprocess.run([*run, "--out", str(whole)], check=False, **QUIET).returncode
        print(f"exit status of the last start {status}, of the undisturbed run {undisturbed}")
        compare(broken, whole)
        print(f"finished samples lost or computed again: {done.recomputed}")


if __name__ == "__main__":
    main()
