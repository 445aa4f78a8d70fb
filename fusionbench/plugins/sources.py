"""Where plugins are looked for: entry points, modules, files, and the source checkout itself."""

from __future__ import annotations

import configparser
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from fusionbench.plugins.neighbours import FINDER, lies_in
from fusionbench.types import PluginError

GROUP = "fusionbench"
ENVIRONMENT = "FUSIONBENCH_PLUGINS"
"""Environment variable with plugins beside those that a command names."""


@dataclass(frozen=True, slots=True)
class PluginSource:
    """A plugin that can be loaded: its name, the module it is, and the version it has."""

    name: str
    target: str
    version: str = ""

    def load(self) -> ModuleType:
        """Import the plugin's module. Whatever its code raises passes through."""
        return importlib.import_module(self.target)


@dataclass(frozen=True, slots=True)
class ModuleSource(PluginSource):
    """A module that a user named: where Python finds none, it may lie in the current folder or beside the script."""

    def load(self) -> ModuleType:
        """Import it. Whatever its code raises passes through.

        Raises:
            ModuleNotFoundError: It is nowhere.
        """
        top = self.target.partition(".")[0]
        if top not in sys.modules and find_spec(top) is None:
            for folder in (Path.cwd(), *_beside):
                if lies_in(folder, top):
                    FINDER.add(folder)
                    break
        return importlib.import_module(self.target)


# Where else modules that are named may lie: a worker process is told the folder of the script that started it.
_beside: list[Path] = []


def look_beside(folders: Sequence[str]) -> None:
    """Let plugins that are named as modules be found in these folders, too, last of all."""
    _beside[:] = [Path(folder) for folder in folders]


@dataclass(frozen=True, slots=True)
class FileSource:
    """A plugin that is a single Python file."""

    name: str
    path: Path
    version: str = ""

    def load(self) -> ModuleType:
        """Execute the file as a module of its own, registered in ``sys.modules`` for pickling and spawn."""
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
        module_name = f"fusionbench_file_{self.path.stem}_{digest}"
        spec = importlib.util.spec_from_file_location(module_name, self.path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{self.path} is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        FINDER.add(self.path.parent)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module


def installed() -> Iterator[PluginSource]:
    """Plugins announced by entry points.

    In a source checkout the suite's own ones are read from ``setup.cfg``, so that the code also
    runs where it was never installed, and a new entry point needs no reinstallation.
    """
    own = list(_checkout())
    yield from own
    seen = {source.name for source in own}
    for entry in metadata.entry_points(group=GROUP):
        if entry.name not in seen:
            seen.add(entry.name)
            yield PluginSource(entry.name, entry.value, entry.dist.version if entry.dist else "")


@cache
def _checkout() -> tuple[PluginSource, ...]:
    root = Path(__file__).resolve().parents[2]
    config = root / "setup.cfg"
    if not config.is_file() or not any((root / folder).is_dir() for folder in ("baselines", "plugins")):
        return ()
    parser = configparser.ConfigParser()
    parser.read(config, encoding="utf-8")
    if parser.get("metadata", "name", fallback="") != "fusionbench":
        return ()
    for folder in ("baselines", "plugins"):
        if str(root / folder) not in sys.path:
            sys.path.append(str(root / folder))
    from fusionbench import __version__

    lines = parser.get("options.entry_points", GROUP, fallback="").strip().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return tuple(PluginSource(name.strip(), target.strip(), __version__) for name, _, target in pairs)


def named(text: str) -> PluginSource | FileSource:
    """The plugin that ``-p TEXT`` means: a path if it ends in ``.py``, else a module.

    Raises:
        PluginError: The file does not exist.
    """
    if text.endswith(".py"):
        path = Path(text).expanduser().resolve()
        if not path.is_file():
            raise PluginError(
                f"plugin file {text} does not exist.", hint="-p takes a module name or a path to a .py file."
            )
        return FileSource(path.stem, path)
    for source in installed():
        if text in (source.name, source.target):
            return source
    return ModuleSource(text, text)
