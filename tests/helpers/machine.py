"""Programs that a machine may have beside Python: a TeX, a browser.

A test that needs one is skipped with a reason where it is missing. ``make test-full`` installs them first and sets
``FUSIONBENCH_TEST_FULL``; then a missing program is a failure, so that nothing is skipped unseen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "pdflatex": "texlive-latex-extra, texlive-science",
    "pdftoppm": "poppler-utils",
    "chromium": "chromium",
}


def program(name: str) -> str:
    """The path of a program of :data:`PACKAGES`; skips the test where the machine has none."""
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not installed (Debian: {PACKAGES[name]}); `make test-full` installs it")
    return found


def pdflatex(folder: Path, name: str) -> str:
    """Typeset ``folder/name.tex`` and return what TeX said; the test fails where it does not compile."""
    command = [program("pdflatex"), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"{name}.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, output[-2000:]
    return output


def absent(what: str) -> NoReturn:
    """Skip the test for want of something that a machine may lack; a failure where nothing may be skipped."""
    if os.environ.get("FUSIONBENCH_TEST_FULL"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
