"""What the results of a run rest on, so that a worker can tell whether it has the same."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fusionbench
from fusionbench.images.hashing import file_sha256
from fusionbench.plugins import Plugins
from fusionbench.plugins.neighbours import code_files
from fusionbench.runs import provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What a worker is told of a run.

    Attributes:
        run: Names this execution of the run.
        config: Its settings as YAML, all paths absolute.
        folder: Its folder.
        pictures: ``auto``, ``shared`` or ``returned``.
        versions: Of fusionbench and the libraries that results depend on.
        code: Digest of the source of fusionbench and of each plugin, by name.
        identities: Of each method on each data set: version, options, weights and code.
    """

    run: str
    config: str
    folder: str
    pictures: str
    versions: Mapping[str, str]
    code: Mapping[str, str]
    identities: Mapping[str, Mapping[str, str]]

    def to_json(self) -> str:
        """As text, which is all that goes to a worker."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Premises:
        """As :meth:`to_json` wrote them."""
        return cls(**json.loads(text))

    @property
    def marker(self) -> Path:
        """A file in the run folder by which a worker knows that it sees the same folder."""
        return Path(self.folder) / f"{MARKER}{self.run}"


MARKER = ".dask-"
"""Begins the names of such files."""


def versions() -> dict[str, str]:
    """Versions of fusionbench and of the libraries that results depend on."""
    facts = provenance.environment(())
    return {"fusionbench": str(facts["version"])} | {str(k): str(v) for k, v in facts["libraries"].items()}


def code_of(plugins: Plugins) -> dict[str, str]:
    """Digest of the source of fusionbench and of each plugin."""
    core = Path(fusionbench.__file__).resolve().parent
    found = {"fusionbench": _package_digest(core)}
    for name, origin in plugins.origins.items():
        file = Path(origin.file).resolve() if origin.file else None
        if file is None or file.is_relative_to(core):
            continue
        found[name] = _package_digest(file.parent) if file.name == "__init__.py" else _file_digest(file)
    return found


def _package_digest(folder: Path) -> str:
    return _digest((path.relative_to(folder), path) for path in sorted(folder.rglob("*.py")))


def _file_digest(file: Path) -> str:
    """Of a file and the neighbours that it imports, wherever they lie."""
    return _digest((os.path.relpath(path, file.parent), path) for path in code_files(file))


def _digest(files: Iterable[tuple[Any, Path]]) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{name}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def differences(premises: Premises, versions: Mapping[str, str], code: Mapping[str, str]) -> Iterator[str]:
    """What is not the same here, in words.

    Args:
        premises: Of the run.
        versions: Found here.
        code: Found here.
    """
    for name in sorted({*premises.versions, *versions}):
        there, here = (premises.versions.get(name, "absent"), versions.get(name, "absent"))
        if there != here:
            yield f"{name} is {here} there and {there} where the run was planned"
    if premises.versions.get("fusionbench") != versions.get("fusionbench"):
        return  # all of the code is other code then
    for name, digest in premises.code.items():
        if name not in code:
            yield f"plugin {name} is not there"
        elif code[name] != digest:
            what = name if name == "fusionbench" else f"plugin {name}"
            yield f"{what} has other code there"


def host() -> str:
    """The name of this machine."""
    return platform.node()
