"""Modules that lie beside a plugin: found where Python finds none of that name, never in place of one.

A plugin file is not a script: its folder is not put in front of ``sys.path``, where a ``queue.py`` or ``torch.py`` that
happens to lie there would take the place of the real one. Its folder is asked last, after everything that Python finds
by itself: the standard library, installed packages (editable ones too) and ``PYTHONPATH``.
"""

from __future__ import annotations

import ast
import importlib.abc
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from fusionbench.types import PluginError


class NeighbourFinder(importlib.abc.MetaPathFinder):
    """Finds top-level modules in the folders of plugins; stands last in ``sys.meta_path``."""

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._served: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As of :class:`importlib.abc.MetaPathFinder`.

        Raises:
            ImportError: Different modules of this name lie beside several plugins.
        """
        if path is not None:
            return None
        found = [(folder, place) for folder in self._folders if (place := _place(folder, fullname)) is not None]
        if not found:
            return None
        folder, place = found[0]
        for _, other in found[1:]:
            if not _same(place, other):
                raise ImportError(_ambiguous(fullname, place, other), name=fullname)
        self._served[fullname] = folder
        return PathFinder.find_spec(fullname, [str(folder)])

    def add(self, folder: Path) -> None:
        """Let the modules of a folder be found, last of all.

        Raises:
            PluginError: One of them has the name of another that was already imported from beside another plugin.
        """
        folder = folder.resolve()
        if folder not in self._folders:
            for name, where in self._served.items():
                place, taken = _place(folder, name), _place(where, name)
                if name in sys.modules and place is not None and taken is not None and not _same(place, taken):
                    raise PluginError(_ambiguous(name, taken, place))
            self._folders.append(folder)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        sys.meta_path.append(self)

    def forget(self) -> None:
        """Find nothing any more; what was found is imported anew, as it then is, when it is found again."""
        for loaded in [name for name in sys.modules if name.partition(".")[0] in self._served]:
            del sys.modules[loaded]
        self._folders.clear()
        self._served.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)


FINDER = NeighbourFinder()
"""The one of this process."""


def lies_in(folder: Path, name: str) -> bool:
    """Whether a folder holds a top-level module or package of this name."""
    return _place(folder, name) is not None


def _place(folder: Path, name: str) -> Path | None:
    """File or package of a top-level module in a folder; a folder without any Python file is none."""
    module, package = folder / f"{name}.py", folder / name
    if package.is_dir() and next((path for pattern in ("*.py", "*/*.py") for path in package.glob(pattern)), None):
        return package
    if module.is_file():
        return module
    # Extension modules and whatever else Python can import.
    spec = PathFinder.find_spec(name, [str(folder)])
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _same(one: Path, other: Path) -> bool:
    if one.resolve() == other.resolve():
        return True
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _ambiguous(name: str, one: Path, other: Path) -> str:
    return (
        f"two plugins have a module {name!r} beside them, {one} and {other}, and only one of a name can be loaded. "
        "Rename one, or run the methods one after the other into the same --out folder."
    )


def code_files(file: Path) -> tuple[Path, ...]:
    """The files whose code a plugin file consists of: itself, its package, and the neighbours that they import.

    What is imported is taken from the text of the files, so that modules imported only when a method runs count, too.
    Installed packages do not count.
    """
    file = file.resolve()
    root, packaged = file.parent, (file.parent / "__init__.py").is_file()
    while (root / "__init__.py").is_file():
        root = root.parent
    first = sorted((root / file.relative_to(root).parts[0]).rglob("*.py")) if packaged else [file]
    found = dict.fromkeys(path.resolve() for path in first)
    if not {"site-packages", "dist-packages"} & set(root.parts):
        waiting = list(found)
        while waiting:
            for name in _imported(waiting.pop()):
                for path in _files(root, name):
                    if path not in found:
                        found[path] = None
                        waiting.append(path)
    return (file, *sorted(path for path in found if path != file))


def _files(root: Path, name: str) -> list[Path]:
    if name in sys.stdlib_module_names:
        return []
    place = _place(root, name)
    if place is None:
        return []
    return [path.resolve() for path in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]


def _imported(path: Path) -> Iterator[str]:
    """Top-level names of the modules that a file imports, anywhere in it, or names as ``"module:attribute"``."""
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            module, colon, attribute = node.value.partition(":")
            if colon and attribute.isidentifier() and all(part.isidentifier() for part in module.split(".")):
                yield module.partition(".")[0]
