"""Where this process finds modules, and which part of that Python added for a script or for the current folder.

A script's folder, and with ``-m``, ``-c`` and in notebooks the current one, stand first in ``sys.path``. A data folder
or a student's project may well hold a ``queue.py`` or ``torch.py``, which would run in place of the real one. Nothing
is imported here but what every Python process has loaded when it starts.
"""

import os
import sys


def search_path() -> tuple[list[str], list[str]]:
    """``sys.path`` without what Python put there for the script or the current folder; and that folder.

    What ``PYTHONPATH``, ``.pth`` files and editable installs name stays, whichever folder it is.
    """
    kept = [entry for entry in sys.path if entry]
    folder = _first_entry()
    if folder is None:
        return kept, []
    library = os.path.realpath(os.__file__).rpartition(os.sep)[0]
    places = [os.path.realpath(entry) for entry in kept]
    front = places[: places.index(library)] if library in places else places
    named = sum(
        os.path.realpath(entry) == folder for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
    )
    if front.count(folder) > min(named, 1):
        del kept[front.index(folder)]
    return kept, [folder]


def _first_entry() -> str | None:
    """The folder that Python itself puts first: the script's, or the current one; None if it puts none there."""
    if sys.flags.safe_path:
        return None
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file is None or getattr(main, "__spec__", None) is not None:
        try:
            return os.path.realpath(os.curdir)
        except OSError:  # the folder was deleted
            return None
    return os.path.realpath(file).rpartition(os.sep)[0]
