"""The environments of isolated methods: made once from a requirements file, kept in the cache folder.

The folder is ``$FUSIONBENCH_ENVIRONMENTS``, else ``~/.cache/fusionbench/environments``. An environment lies in it under
the digest of its requirements and its interpreter, so that methods that need the same share one. Half-made ones are
never used, and two processes do not make the same one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fusionbench.atomic import replacing
from fusionbench.files import read_regular_text
from fusionbench.isolation import runner
from fusionbench.printable import printable
from fusionbench.terminal import say
from fusionbench.types import MethodSpec, UsageError

ENVIRONMENT = "FUSIONBENCH_ENVIRONMENTS"
MARK = "fusionbench.json"
"""In a complete environment: from what it was made, and when."""

# Part of the digest: raised when environments are made otherwise.
_FORMAT = 1
_PROBE_LIMIT = 120.0
_SHOWN, _LONGEST = 6, 240
# What installs packages is not what results depend on.
_INSTALLERS = ("pip", "setuptools", "wheel")
_UNREACHABLE = "connection broken by"
# What would lead an interpreter to the modules of another environment, or pip to another place.
_MISLEADING = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__"),
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON"),
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter and what it has.

    Attributes:
        path: As it was asked for.
        python: Its version.
        implementation: ``CPython``.
        machine: For which it was built.
        executable: The file itself, whichever links lead to it.
        packages: Name -> version of what is installed.
    """

    path: Path
    python: str
    implementation: str
    machine: str
    executable: str
    packages: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of versions: what results may depend on, wherever the interpreter lies."""
        packages = sorted(item for item in self.packages.items() if item[0] not in _INSTALLERS)
        return _digest([self.implementation, self.python, packages])


def environments_folder() -> Path:
    """Where environments are kept; it need not exist."""
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "fusionbench" / "environments"


def interpreter_of(spec: MethodSpec, options: Mapping[str, Any]) -> Path:
    """The interpreter that executes an isolated method; its environment is made if it is not there.

    Args:
        spec: The method, with its :class:`fusionbench.Isolated`.
        options: Its options, parsed; ``python`` takes precedence over an environment.

    Raises:
        UsageError: There is no such interpreter, or the environment cannot be made, with what pip says.
    """
    found, wanted = _looked_up(spec, options)
    if found is None and wanted is not None:
        _make_once(*wanted, spec)
        found = _python_in(wanted[0])
    assert found is not None
    return found


def present(spec: MethodSpec, options: Mapping[str, Any]) -> Path | None:
    """As :func:`interpreter_of`, but nothing is made: None where the environment is not there yet.

    Raises:
        UsageError: There is no such interpreter, or the requirements cannot be read.
    """
    return _looked_up(spec, options)[0]


def kept() -> list[Path]:
    """The folders of all environments that were made."""
    return sorted(mark.parent for mark in environments_folder().glob(f"*/{MARK}"))


# Where an environment belongs, the interpreter that makes it, and the requirements.
_Wanted = tuple[Path, Path, Path]


def _looked_up(spec: MethodSpec, options: Mapping[str, Any]) -> tuple[Path | None, _Wanted | None]:
    """The interpreter, or the environment that has to be made."""
    if spec.isolated is None:
        raise UsageError(f"method {spec.name} has no environment of its own.")
    chosen = options.get("python")
    if chosen is not None:
        return _found(str(chosen), spec), None
    base = _found(str(spec.isolated.python) or sys.executable, spec)
    if spec.isolated.requirements is None:
        return base, None
    requirements = Path(spec.isolated.requirements)
    folder = _folder(base, requirements, spec)
    return (_python_in(folder), None) if _complete(folder) else (None, (folder, base, requirements))


def described(spec: MethodSpec, options: Mapping[str, Any]) -> Interpreter:
    """The interpreter that executes an isolated method, with all that is installed there.

    Raises:
        UsageError: As of :func:`interpreter_of`.
    """
    return probed(interpreter_of(spec, options))


@functools.cache
def probed(path: Path) -> Interpreter:
    """Ask an interpreter what it is and has.

    Raises:
        UsageError: It cannot be executed, or is older than Python 3.8.
    """
    command = [str(path), "-I", str(Path(runner.__file__).resolve()), runner.FACTS]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_LIMIT,
            env=clean_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"the interpreter {printable(path)} cannot be executed: {error}.") from error
    try:
        found = json.loads(done.stdout)
        found["packages"] = dict(found["packages"])
        return Interpreter(path=path, **found)
    except (ValueError, TypeError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UsageError(
            f"{printable(path)} is no Python that isolated methods can have: {printable(last[:300])}.",
            hint="Python 3.8 or later is needed.",
        ) from None


def clean_environment() -> dict[str, str]:
    """The environment variables of this process, but for those that lead to the modules of another environment."""
    return {name: value for name, value in os.environ.items() if name not in _MISLEADING}


def _found(name: str, spec: MethodSpec) -> Path:
    """An interpreter by name or path. A link is kept as it is: that of a virtual environment says which one it is."""
    path = shutil.which(os.path.expanduser(name))  # noqa: PTH111 - a name is no path
    if path is None:
        raise UsageError(
            f"method {spec.name}: there is no interpreter {printable(name)}.",
            hint=f"Install it, or name another: --option {spec.name}.python=/path/to/python.",
        )
    return Path(path).absolute()


def _folder(base: Path, requirements: Path, spec: MethodSpec) -> Path:
    maker = probed(base)
    facts = [maker.implementation, maker.python, maker.machine, maker.executable]
    return environments_folder() / _digest([_FORMAT, facts, _texts(requirements, spec)])[:16]


def _texts(requirements: Path, spec: MethodSpec) -> list[str]:
    """The requirements, and the files that they refer to."""
    waiting, seen, texts = [requirements], set[Path](), []
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            text = read_regular_text(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise UsageError(f"method {spec.name}: its requirements {printable(path)}: {reason}.") from error
        texts.append(text)
        for line in text.splitlines():
            for flag in ("--requirement", "--constraint", "-r", "-c"):
                if line.strip().startswith(flag):
                    other = line.strip().removeprefix(flag).lstrip(" =").partition(" #")[0].strip()
                    waiting += [] if "://" in other else [path.parent / other]
                    break
    return texts


def _complete(folder: Path) -> bool:
    return (folder / MARK).is_file() and _python_in(folder).exists()


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _make_once(folder: Path, base: Path, requirements: Path, spec: MethodSpec) -> None:
    """Make an environment, or wait for the process that is making it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"{spec.name}: waiting for another process that makes its environment, {folder}")
            lock.acquire()
    except OSError as error:
        raise UsageError(
            f"the folder {folder.parent} for environments of isolated methods cannot be written: {error.strerror}.",
            hint=f"Set {ENVIRONMENT} to another folder.",
        ) from error
    try:
        if not _complete(folder):
            say(f"{spec.name}: making its environment from {requirements}, once, in {folder}")
            _make(folder, base, requirements, spec)
    finally:
        lock.release()


def _make(folder: Path, base: Path, requirements: Path, spec: MethodSpec) -> None:
    log = folder.with_suffix(".log")
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-r", str(requirements))
    steps = (
        (str(base), "-I", "-m", "venv", str(folder)),
        (str(_python_in(folder)), "-I", *pip),
    )
    try:
        shutil.rmtree(folder, ignore_errors=True)
        with log.open("wb") as output:
            for step in steps:
                done = subprocess.run(
                    step,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=clean_environment(),
                    check=False,
                )
                if done.returncode:
                    raise UsageError(
                        f"method {spec.name}: its environment cannot be made. {step[3]} says: {_complaint(log)}",
                        hint=f"All that was said is in {log}. An interpreter that has what {requirements} names will "
                        f"do as well: --option {spec.name}.python=/path/to/python.",
                    )
        with replacing(folder / MARK) as temporary:
            made = datetime.now(UTC).isoformat(timespec="seconds")
            facts = {"format": _FORMAT, "made": made, "interpreter": str(base), "requirements": str(requirements)}
            temporary.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"method {spec.name}: its environment {folder} cannot be made: {error.strerror}.") from error
    finally:
        if not _complete(folder):
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)


def _complaint(log: Path) -> str:
    """What a failed step said: its errors, else its last lines."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.upper().startswith("ERROR") and "Ignored the following" not in line]
    if _UNREACHABLE in text:
        errors.append("No index of packages could be reached.")
    # Lines may list every version that there is.
    shown = (line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …" for line in (errors or lines)[-_SHOWN:])
    return printable(" ".join(shown)) or "nothing."


def _digest(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
