"""What a run is asked to do: the same settings from the command line, YAML and Python."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from fusionbench.plugins.registry import nearest
from fusionbench.printable import encodable, is_text, printable
from fusionbench.types import UsageError

# Settings that change how a run is carried out but not what it finds.
_INCIDENTAL = ("device", "batch_size", "workers", "timeout", "fail_fast", "out")
# Seconds, about a year: more than that is a mistake, and clocks have limits of their own.
_LONGEST = 30_000_000

Precision = Literal["float32", "bfloat16", "float16"]
Colour = Literal["restore", "gray"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRequest:
    """A method of a run.

    Attributes:
        name: Registered name.
        label: Its row's name in tables; the name if empty. Two requests need two labels.
        options: Options by name.
        weights: File to load instead of searching the weights folder.
    """

    name: str
    label: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None

    @property
    def key(self) -> str:
        """How results name it."""
        return self.label or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRequest:
    """A data set of a run: registered name, split, root folder, options, and a label for tables."""

    name: str
    label: str = ""
    split: str | None = None
    root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """How results name it; a split other than the default is part of the name."""
        return self.label or (f"{self.name}@{self.split}" if self.split else self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A run's settings; each is a key of the YAML file of the same name.

    Attributes:
        methods: Methods to run.
        all_methods: Also every registered method that serves a task of the data sets and has its weights.
        datasets: Data sets to run them over.
        data_root: Folder in which data sets without a root of their own are looked for.
        plugins: Plugin modules and files, ``no:NAME`` to block one.
        profiles: Metric conventions.
        metrics: Metric names; empty for each profile's default ones, ``("all",)`` for all.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        batch_size: Samples of equal size fused at once; None: 1 on a CPU, 8 on a GPU.
        workers: Decoding threads.
        limit: Only the first N samples of each data set.
        precision: ``float32``, or ``bfloat16``/``float16`` for autocast.
        compile: ``torch.compile`` the networks.
        colour: ``restore`` gives results of luma methods their colour back, ``gray`` writes them gray.
        images: Whether fused images are kept; without them, later metrics need new fusing.
        text_features: Folder of text features by data set and sample id.
        allow_other_tasks: Run methods on tasks that their authors did not use them for.
        timeout: Seconds that fusing one batch may take before it is given up (a minute more for getting the
            method ready); 0 for no limit.
        seed: Seed of every random choice.
        fail_fast: Stop at the first failed sample.
        out: The run folder; empty for one under ``runs/`` named after the data sets and a digest of the
            settings, so that the same command finds its own earlier results.
    """

    methods: tuple[MethodRequest, ...] = ()
    all_methods: bool = False
    datasets: tuple[DatasetRequest, ...] = ()
    data_root: str | None = None
    plugins: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ("zhao",)
    metrics: tuple[str, ...] = ()
    device: str = "auto"
    batch_size: int | None = None
    workers: int = 4
    limit: int | None = None
    precision: Precision = "float32"
    compile: bool = False
    colour: Colour = "restore"
    images: bool = True
    text_features: str | None = None
    allow_other_tasks: bool = False
    timeout: float = 600.0
    seed: int = 0
    fail_fast: bool = False
    out: str = ""

    def __post_init__(self) -> None:
        _check_texts(self.to_dict(), "")
        for name, smallest in (("workers", 1), ("batch_size", 1), ("limit", 1)):
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise UsageError(f"{name} must be at least {smallest}, got {value}.")
        if not 0 <= self.timeout <= _LONGEST:
            raise UsageError(f"timeout must be from 0 (no limit) to {_LONGEST} seconds, got {self.timeout}.")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}.")
        for name, choices in (("precision", get_args(Precision)), ("colour", get_args(Colour))):
            if getattr(self, name) not in choices:
                raise UsageError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}.")
        for kind, requests in (("method", self.methods), ("data set", self.datasets)):
            if not all(request.name for request in requests):
                raise UsageError(f"a {kind} is asked for without a name.")
            keys = [request.key for request in requests]
            twice = sorted({key for key in keys if keys.count(key) > 1})
            if twice:
                raise UsageError(
                    f"{kind} {twice[0]!r} is asked for twice.",
                    hint="Give each a label of its own: -m LABEL=NAME for methods, `label:` in a YAML file for both.",
                )

    @property
    def folder(self) -> Path:
        """The run folder."""
        if self.out:
            return Path(self.out)
        facts = {k: v for k, v in self.to_dict().items() if k not in _INCIDENTAL}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:8]
        names = "-".join(dict.fromkeys(request.name for request in self.datasets))[:60]
        return Path("runs") / f"{names}-{digest}"

    def located(self) -> RunConfig:
        """The same settings with absolute paths, so that they mean the same in every working directory."""

        def absolute(path: str | None) -> str | None:
            return None if path is None else str(Path(path).expanduser().absolute())

        return dataclasses.replace(
            self,
            methods=tuple(
                dataclasses.replace(
                    request,
                    weights=absolute(request.weights),
                    options={k: absolute(str(v)) if isinstance(v, Path) else v for k, v in request.options.items()},
                )
                for request in self.methods
            ),
            datasets=tuple(dataclasses.replace(request, root=absolute(request.root)) for request in self.datasets),
            data_root=absolute(self.data_root),
            text_features=absolute(self.text_features),
            plugins=tuple(str(Path(p).absolute()) if p.endswith(".py") else p for p in self.plugins),
            out=str(self.folder.absolute()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what YAML holds; settings at their default are left out."""
        result: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if value == item.default or item.name in ("methods", "datasets"):
                continue
            result[item.name] = list(value) if isinstance(value, tuple) else value
        for name in ("methods", "datasets"):
            result[name] = [_compact(request) for request in getattr(self, name)]
        return result

    def to_yaml(self) -> str:
        """The YAML text that :meth:`from_yaml` reads back to an equal configuration."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str = "configuration") -> RunConfig:
        """Check plain data key by key.

        Raises:
            UsageError: A key is unknown (the nearest is offered) or a value has the wrong type.
        """
        checked = _checked(cls, data, source)
        for name, kind in (("methods", MethodRequest), ("datasets", DatasetRequest)):
            if name in checked:
                entries = checked[name]
                if not isinstance(entries, list | tuple):
                    raise UsageError(f"{source}: {name} must be a list, got {entries!r}.")
                checked[name] = tuple(_request(kind, e, f"{source}: {name}[{i}]") for i, e in enumerate(entries))
        return cls(**checked)

    @classmethod
    def from_yaml(cls, path: Path) -> RunConfig:
        """Read a YAML file.

        Raises:
            UsageError: The file cannot be read, is no YAML mapping, or has unusable keys or values.
        """
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"configuration {path} cannot be read: {error.strerror}.") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"configuration {path} is no valid YAML: {' '.join(str(error).split())}") from error
        if not isinstance(data, Mapping):
            raise UsageError(f"configuration {path} must be a mapping of settings.")
        return cls.from_dict(data, source=str(path))


def _check_texts(value: Any, place: str) -> None:
    """Every text of the settings can be written into records, and none holds a NUL.

    Raises:
        UsageError: One cannot; it is named.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_texts(key, place)
            _check_texts(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            _check_texts(item, place)
    elif isinstance(value, str | Path) and (not is_text(str(value)) or "\0" in str(value)):
        wrong = "a NUL character" if "\0" in str(value) else "characters that are not valid UTF-8"
        raise UsageError(
            f"{encodable(place)}: '{printable(value)}' holds {wrong}.",
            hint="Rename it, or link to it; where the locale is not UTF-8, set LC_ALL=C.UTF-8.",
        )


def _compact(request: MethodRequest | DatasetRequest) -> str | dict[str, Any]:
    facts = {k: v for k, v in dataclasses.asdict(request).items() if v not in (None, "", {})}
    return (
        request.name
        if set(facts) == {"name"}
        else {k: dict(v) if isinstance(v, Mapping) else v for k, v in facts.items()}
    )


def _request(kind: type, entry: Any, source: str) -> Any:
    if isinstance(entry, kind):
        return entry
    if isinstance(entry, str):
        return kind(name=entry)
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise UsageError(f"{source}: expected a name or a mapping with a name, got {entry!r}.")
    return kind(**_checked(kind, entry, source))


# How values may look, by the annotation of the field they are for.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "str | None": ((str, type(None)), "text"),
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "int | None": ((int, type(None)), "a whole number"),
    "float": ((int, float), "a number"),
    "tuple[str, ...]": ((list, tuple, str), "a list of texts"),
    "Mapping[str, Any]": ((Mapping,), "a mapping"),
}


def _checked(kind: type, data: Mapping[str, Any], source: str) -> dict[str, Any]:
    fields = {item.name: item for item in dataclasses.fields(kind)}
    checked: dict[str, Any] = {}
    for key, value in data.items():
        if key not in fields:
            raise UsageError(f"{source}: unknown setting {key!r}.", hint=nearest(str(key), fields))
        allowed, words = _TYPES.get(str(fields[key].type), ((object,), "anything"))
        if not isinstance(value, allowed) or (
            isinstance(value, bool) and bool not in allowed and object not in allowed
        ):
            raise UsageError(f"{source}: {key} must be {words}, got {value!r}.")
        if allowed == (list, tuple, str):
            value = (value,) if isinstance(value, str) else tuple(_text(item, key, source) for item in value)
        checked[str(key)] = value
    return checked


def _text(item: Any, key: str, source: str) -> str:
    if not isinstance(item, str):
        raise UsageError(f"{source}: {key} must be a list of texts, one item is {item!r}.")
    return item


def split_assignments(assignments: Sequence[str], what: str) -> dict[str, dict[str, str]]:
    """``["film.rescale=clip"]`` as ``{"film": {"rescale": "clip"}}``.

    Raises:
        UsageError: An entry is not of the form NAME.KEY=VALUE.
    """
    result: dict[str, dict[str, str]] = {}
    for entry in assignments:
        left, equals, value = entry.partition("=")
        owner, dot, key = left.rpartition(".")
        if not (equals and dot and owner and key):
            raise UsageError(f"{what} {entry!r} is not of the form NAME.KEY=VALUE.")
        result.setdefault(owner, {})[key] = value
    return result
