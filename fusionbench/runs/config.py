"""What a run is asked to do: the same settings from the command line, YAML and Python."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from fusionbench.configuration.assignments import split_assignment, split_names
from fusionbench.configuration.documents import MAX_DIGITS, read_yaml, yaml_text
from fusionbench.data import DatasetRequest
from fusionbench.plugins import current_plugins
from fusionbench.plugins.registry import nearest
from fusionbench.printable import encodable, is_text, printable
from fusionbench.runs.sharding import parse_shard
from fusionbench.types import DEFAULT_PROFILE, UsageError
from fusionbench.types.complaints import Complaints
from fusionbench.types.values import Misfit, convert, expanded, one_of

# Settings that change how a run is carried out but not what it finds.
INCIDENTAL = ("device", "executor", "executor_options", "batch_size", "workers", "timeout", "fail_fast", "out")
# Seconds, about a year: more than that is a mistake, and clocks have limits of their own.
_LONGEST = 30_000_000

DEFAULT_EXECUTOR = "local"

Precision = Literal["float32", "bfloat16", "float16"]
Colour = Literal["restore", "gray"]
Scoring = Literal["float64", "float32"]


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

    @classmethod
    def parse(cls, text: str) -> MethodRequest:
        """Read ``[LABEL=]NAME``.

        Raises:
            UsageError: A part is empty.
        """
        form = "NAME or LABEL=NAME"
        label, name = split_assignment(text, "method", form=form) if "=" in text else ("", text)
        if not name:
            raise UsageError(f"method {text!r} is not of the form {form}.")
        return cls(name=name, label=label)

    def __post_init__(self) -> None:
        _expand(self, "weights")

    @property
    def key(self) -> str:
        """How results name it."""
        return self.label or self.name


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
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; ``cpu:N`` for N processes, ``cuda:all``, or
            several with commas for a process on each.
        executor: Who carries out the work: ``local`` or one that a plugin brings.
        executor_options: Its options by name.
        batch_size: Samples of equal size fused at once; None: 1 on a CPU, 8 on a GPU.
        workers: Decoding threads.
        limit: Only the first N samples of each data set.
        shard: ``I/N``: of each data set only every N-th sample, from the I-th of those that ``limit`` leaves, for
            runs on N machines that :func:`fusionbench.runs.merging.merge_runs` joins.
        precision: ``float32``, or ``bfloat16``/``float16`` for autocast.
        scoring: Precision of the scores. ``float32`` takes half the time; its values differ from the originals' in
            the digits that the documentation tells, and count as another version of each metric.
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
    profiles: tuple[str, ...] = (DEFAULT_PROFILE,)
    metrics: tuple[str, ...] = ()
    device: str = "auto"
    executor: str = DEFAULT_EXECUTOR
    executor_options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    workers: int = 4
    limit: int | None = None
    shard: str | None = None
    precision: Precision = "float32"
    scoring: Scoring = "float64"
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
        _expand(self, "data_root", "text_features", "out")
        if [name.casefold() for name in self.metrics] == ["all"]:
            object.__setattr__(self, "metrics", ("all",))
        complaints = Complaints()
        _check_texts(self.to_dict(), "", complaints)
        for name, smallest in (("workers", 1), ("batch_size", 1), ("limit", 1)):
            value = getattr(self, name)
            if value is not None and not smallest <= value < float("inf"):
                complaints.add(UsageError(f"{name} must be at least {smallest}, got {value}."))
        if not 0 <= self.timeout <= _LONGEST:
            complaints.add(UsageError(f"timeout must be from 0 (no limit) to {_LONGEST} seconds, got {self.timeout}."))
        if not 0 <= self.seed < 2**32:
            complaints.add(UsageError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}."))
        if self.shard is not None:
            with complaints.gathered():
                parse_shard(self.shard)
        choices_of = {"precision": Precision, "scoring": Scoring, "colour": Colour}
        for name, choices in ((name, get_args(kind)) for name, kind in choices_of.items()):
            try:
                object.__setattr__(self, name, one_of(getattr(self, name), choices))
            except Misfit as error:
                complaints.add(UsageError(f"{name} must be {error.expected}, got {getattr(self, name)!r}."))
        for kind, requests in (("method", self.methods), ("data set", self.datasets)):
            if not all(request.name for request in requests):
                raise UsageError(f"a {kind} is asked for without a name.")
            keys = [request.key for request in requests]
            for key in sorted({key for key in keys if keys.count(key) > 1}):
                form = "-m LABEL=NAME" if kind == "method" else "-d LABEL=NAME[@SPLIT][=ROOT]"
                hint = f"Give each a label of its own: {form}, `label:` in a YAML file."
                complaints.add(UsageError(f"{kind} {key!r} is asked for twice.", hint=hint))
        complaints.raise_all()

    @property
    def folder(self) -> Path:
        """The run folder."""
        if self.out:
            return Path(self.out)
        facts = {k: v for k, v in self.to_dict().items() if k not in INCIDENTAL}
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
                    options=_located(request.name, request.options, current_plugins().methods),
                )
                for request in self.methods
            ),
            datasets=tuple(
                dataclasses.replace(
                    request,
                    root=absolute(request.root),
                    options=_located(request.name, request.options, current_plugins().datasets),
                )
                for request in self.datasets
            ),
            data_root=absolute(self.data_root),
            executor_options=_located(self.executor, self.executor_options, current_plugins().executors),
            text_features=absolute(self.text_features),
            plugins=tuple(str(absolute(p)) if p.endswith(".py") else p for p in self.plugins),
            out=str(self.folder.absolute()),
        )

    def to_dict(self, *, defaults: bool = False) -> dict[str, Any]:
        """Plain data: what YAML holds; settings at their default are left out, unless ``defaults`` are asked for."""
        result: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name in ("methods", "datasets") or (not defaults and (value == item.default or value == {})):
                continue
            result[item.name] = (
                list(value) if isinstance(value, tuple) else _plain(value) if isinstance(value, Mapping) else value
            )
        for name in ("methods", "datasets"):
            result[name] = [_compact(request) for request in getattr(self, name)]
        return result

    def to_yaml(self) -> str:
        """The YAML text that :meth:`from_yaml` reads back to an equal configuration."""
        return yaml_text(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, source: str = "configuration") -> RunConfig:
        """Check plain data key by key.

        Raises:
            UsageError: Keys are unknown (the nearest are offered) or values have the wrong type; all of them are named.
        """
        complaints = Complaints()
        checked = _checked(cls, data, source, complaints)
        for name, kind in (("methods", MethodRequest), ("datasets", DatasetRequest)):
            if name in checked:
                entries = checked[name]
                if not isinstance(entries, list | tuple):
                    complaints.add(UsageError(f"{source}: {name} must be a list, got {entries!r}."))
                    del checked[name]
                    continue
                requests = [_request(kind, e, f"{source}: {name}[{i}]", complaints) for i, e in enumerate(entries)]
                checked[name] = tuple(request for request in requests if request is not None)
        with complaints.gathered():
            config = cls(**checked)
        complaints.raise_all()
        return config

    @classmethod
    def from_yaml(cls, path: Path) -> RunConfig:
        """Read a YAML file.

        Raises:
            UsageError: The file cannot be read, is no YAML mapping, gives a key twice, or has unusable keys or values.
        """
        data = read_yaml(path)
        if not isinstance(data, Mapping):
            raise UsageError(f"configuration {path} must be a mapping of settings.")
        return cls.from_dict(data, source=str(path))


def _expand(settings: Any, *names: str) -> None:
    """Replace ``~`` in paths, from wherever they come."""
    for name in names:
        value = getattr(settings, name)
        if value:
            object.__setattr__(settings, name, expanded(value))


def _located(name: str, given: Mapping[str, Any], registered: Mapping[str, Any]) -> dict[str, Any]:
    """The options, those that are paths absolute."""
    spec = registered.get(name)
    paths = {key for key, option in spec.options.items() if option.type is Path} if spec is not None else set()
    return {
        key: str(Path(expanded(str(value))).absolute())
        if value and (key in paths or isinstance(value, Path))
        else value
        for key, value in given.items()
    }


def _check_texts(value: Any, place: str, complaints: Complaints) -> None:
    """Every text and number of the settings can be written into records and read again; what cannot is named."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_texts(key, place, complaints)
            _check_texts(item, f"{place}.{key}" if place else str(key), complaints)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_texts(item, place, complaints)
    elif isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        complaints.add(UsageError(f"{encodable(place)}: a number of more than {MAX_DIGITS} digits."))
    elif isinstance(value, str | Path) and (not is_text(str(value)) or "\0" in str(value)):
        wrong = "a NUL character" if "\0" in str(value) else "characters that are not valid UTF-8"
        complaints.add(
            UsageError(
                f"{encodable(place)}: '{printable(value)}' holds {wrong}.",
                hint="Rename it, or link to it; where the locale is not UTF-8, set LC_ALL=C.UTF-8.",
            )
        )


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as YAML and JSON can say them."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}


def _compact(request: MethodRequest | DatasetRequest) -> str | dict[str, Any]:
    facts = {item.name: getattr(request, item.name) for item in dataclasses.fields(request)}
    facts = {k: _plain(v) if isinstance(v, Mapping) else v for k, v in facts.items() if v not in (None, "", {})}
    # A bare name would be read with the syntax of the command line.
    return request.name if set(facts) == {"name"} and not {"=", "@"} & {*request.name} else facts


def _request(kind: type[MethodRequest] | type[DatasetRequest], entry: Any, source: str, complaints: Complaints) -> Any:
    if isinstance(entry, kind):
        return entry
    if isinstance(entry, str):
        with complaints.gathered():
            return kind.parse(entry)
        return None
    if not isinstance(entry, Mapping) or "name" not in entry:
        complaints.add(UsageError(f"{source}: expected a name or a mapping with a name, got {entry!r}."))
        return None
    checked = _checked(kind, entry, source, complaints)
    return kind(**checked) if "name" in checked else None


def _checked(kind: type, data: Mapping[str, Any], source: str, complaints: Complaints) -> dict[str, Any]:
    """The settings of a class of this module; what is wrong with others goes to the complaints."""
    hints = typing.get_type_hints(kind)
    checked: dict[str, Any] = {}
    for key, value in data.items():
        if key not in hints:
            complaints.add(UsageError(f"{source}: unknown setting {key!r}.", hint=nearest(str(key), hints)))
            continue
        if key in ("methods", "datasets"):
            checked[key] = value
            continue
        given = value
        if isinstance(value, str) and hints[key] == tuple[str, ...]:
            # Names may be written with commas, as on the command line.
            given = split_names(value) if key in ("metrics", "profiles") else (value,)
        try:
            checked[key] = convert(given, hints[key])
        except Misfit as error:
            complaints.add(UsageError(f"{source}: {key} must be {error.expected}, got {value!r}.", hint=error.hint))
    return checked
