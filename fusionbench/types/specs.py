"""What plugins register: plain data, cheap to list; code is named and loaded on first use.

Wherever a spec holds code, it may be given as the object itself or as ``"package.module:attribute"``,
which is imported at first use. Use the string form in installed plugins, so that listing them
imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from fusionbench.types.errors import PluginError
from fusionbench.types.isolation import PYTHON, Isolated
from fusionbench.types.option import Option
from fusionbench.types.protocols import Dataset, Method, RunView
from fusionbench.types.references import Loadable, resolve
from fusionbench.types.task import Task

__all__ = [
    "DEFAULT_PROFILE",
    "Citation",
    "CommandSpec",
    "Dataset",
    "DatasetSpec",
    "ExecutorSpec",
    "ExporterSpec",
    "HooksSpec",
    "Isolated",
    "Loadable",
    "Method",
    "MethodSpec",
    "MetricSpec",
    "Option",
    "Origin",
    "PublishedSpec",
    "RegistrySpec",
    "RunView",
    "WeightSpec",
    "resolve",
]

DEFAULT_PROFILE = "zhao"
"""The convention where none is named: the evaluator published with FILM and CDDFuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where something was published."""

    title: str
    authors: str = ""
    venue: str = ""
    year: int | None = None
    doi: str = ""
    arxiv: str = ""

    def __str__(self) -> str:
        where = ", ".join(str(part) for part in (self.venue, self.year) if part)
        identifier = f"doi:{self.doi}" if self.doi else f"arXiv:{self.arxiv}" if self.arxiv else ""
        return ". ".join(part for part in (self.authors, self.title, where, identifier) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSpec:
    """Published weights of a method: where they come from and how to recognise them.

    Attributes:
        name: Label within the method, e.g. ``IR_VIS``; the file in the user's weights folder is
            ``<weights>/<method>/<filename>``.
        filename: Name under which ``fusionbench weights add`` stores it.
        tasks: Tasks it was trained for; empty for all of the method's.
        page: Official page a person can open.
        official: File name(s) as published.
        sha256: Known digests of ``official`` (any one matches); empty where unknown.
        content_sha256: Known digest of the numbers in its conversion to safetensors, as
            :func:`fusionbench.weights.recognition.numbers_sha256` has it.
        size: Bytes, 0 where unknown.
        licence: As stated at the source, or ``not stated``.
        hub: ``(repo_id, filename, revision)`` where the authors publish on the Hugging Face hub.
        package_file: A file inside the plugin's own package, for weights that ship with it.
        elsewhere: Further places where it may lie, such as the cache of the library that it belongs to.
        how: What a person does to get them, in place of the sentence about downloading; ``{target}``
            stands for the path under which they are looked for.
        beside: Official names of further files that are read with it from the same folder.
        when: Option name -> values of that option for which these weights are the right ones; for
            methods with several networks, such as one per fusion rule.
        training_list: Where the list of the images lies that it was trained on, ``package:splits/name.csv``, of the
            form of :attr:`DatasetSpec.lists`; tables mark results on them. Empty where that is not known.
    """

    name: str
    filename: str
    tasks: tuple[Task, ...] = ()
    page: str = ""
    official: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    content_sha256: str = ""
    size: int = 0
    licence: str = "not stated"
    hub: tuple[str, str, str] | None = None
    package_file: Path | None = None
    elsewhere: tuple[Path, ...] = ()
    how: str = ""
    beside: tuple[str, ...] = ()
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    training_list: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """A fusion method.

    Attributes:
        name: Lower-case identifier, used on the command line and in file names.
        tasks: Tasks its authors used it for; elsewhere only with ``--allow-other-tasks``.
        factory: Class or function called with the options, returning a :class:`Method`.
        title: As papers print it; the name if empty.
        takes: ``luma``: one channel, the harness restores colour; ``rgb``: three channels.
        sources: Fewest and most sources; None for any number.
        multiple: Height and width are padded (reflected) to a multiple of this, and cropped back.
        min_size: Smallest height and width it accepts.
        batched: Whether ``fuse`` takes N > 1.
        overlap: Pixels by which tiles overlap when an image is too large; None: never tile. Four times the distance
            from which a pixel is influenced makes tiles agree with the whole.
        text: Whether it reads text features.
        options: Settings by name.
        weights: Published weights, empty for classical methods. With several, the one whose
            ``tasks`` hold the sample's task is used.
        version: Change it when results change.
        paper, page, licence: Where it comes from.
        training_data: Names of data sets it was trained on, to warn of leakage.
        fingerprint: For methods whose results depend on files other than sources and weights:
            ``fingerprint(options, dataset) -> {sample id: digest}``, which enters the results' identity.
        requirements: Asked before a run computes anything: ``requirements(options, weights, dataset)`` raises a
            :class:`fusionbench.FusionBenchError` where every sample of the data set would fail, such as for want of
            a package, a second file or text features.
        trainer: Optional ``trainer`` for ``fusionbench train``.
        training_configs: Name -> YAML file of configurations that it brings for ``fusionbench train``.
        shares_process: Whether a run may execute it in one process with other methods that say so, sample by sample,
            which saves decoding each sample and scoring its sources again for each of them: it changes nothing of its
            process that others could notice, as ``fusionbench check`` tests.
        autocast: Whether ``--precision`` applies to it. None: if it has weights; the arithmetic of other methods
            is not made for half precision. Isolated methods compute as they do.
        isolated: The environment of its own in which ``factory``, then a text, is executed. Such a method has the
            option ``python`` as well.
        meta: Further facts for ``fusionbench info``, for people to read.
    """

    name: str
    tasks: tuple[Task, ...]
    factory: Loadable
    title: str = ""
    takes: Literal["luma", "rgb"] = "luma"
    sources: tuple[int, int | None] = (2, 2)
    multiple: int = 1
    min_size: int = 1
    batched: bool = True
    overlap: int | None = None
    text: Literal["none", "optional", "required"] = "none"
    options: Mapping[str, Option] = field(default_factory=dict)
    weights: tuple[WeightSpec, ...] = ()
    version: str = "1"
    paper: Citation | None = None
    page: str = ""
    licence: str = ""
    training_data: tuple[str, ...] = ()
    fingerprint: Loadable | None = None
    requirements: Loadable | None = None
    trainer: Loadable | None = None
    training_configs: Mapping[str, Path] = field(default_factory=dict)
    shares_process: bool = False
    autocast: bool | None = None
    isolated: Isolated | None = None
    summary: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.isolated is None:
            return
        if not isinstance(self.factory, str):
            raise PluginError(
                f"method {self.name}: an isolated method names its code, factory='package.module:attribute', so that "
                "it is not imported here."
            )
        if self.options.get("python", PYTHON) is not PYTHON:
            raise PluginError(f"method {self.name}: the option python of an isolated method names its interpreter.")
        object.__setattr__(self, "options", {**self.options, "python": PYTHON})

    @property
    def lowers_precision(self) -> bool:
        """Whether ``--precision`` applies; other methods compute in float32 whatever is asked for."""
        if self.isolated is not None:
            return False
        return bool(self.weights) if self.autocast is None else self.autocast


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """A data set of one task.

    Attributes:
        name: Lower-case identifier.
        task: Its task; for ``folder`` data sets the task is an option.
        opener: ``opener(root: Path | None, split: str, **options) -> Dataset``.
        title: As papers print it.
        splits: Split names it knows; the first is the default.
        lists: Names of further splits that are lists -> where they lie, ``package:splits/name.csv``; see
            :func:`fusionbench.data.splits.parse_split`. They need the split ``all``.
        needs_root: Whether a folder must be given (False: generated or shipped).
        folders: Names under which ``--data-root DIR`` looks for it (``DIR/<folder>``), first wins.
        file_suffixes: Suffixes of single files (``.h5``) that may be given in place of a folder.
        layout: What the folder must look like, for error messages and ``fusionbench info``.
        page: Where a person gets it.
        options: Settings by name.
        version: Change it when the list of samples changes.
    """

    name: str
    task: Task
    opener: Loadable
    title: str = ""
    splits: tuple[str, ...] = ("test",)
    lists: Mapping[str, str] = field(default_factory=dict)
    needs_root: bool = True
    folders: tuple[str, ...] = ()
    file_suffixes: tuple[str, ...] = ()
    layout: str = ""
    page: str = ""
    licence: str = ""
    paper: Citation | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    version: str = "1"
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFeaturesSpec:
    """A layout in which text features lie beside the images of a data set.

    Attributes:
        name: Lower-case identifier.
        finder: ``finder(root: Path, ids: Sequence[str]) -> Mapping[str, Mapping[str, Readable]]``: for the folder of a
            data set and the ids of its samples, the features that are there by id and variant, as
            :attr:`fusionbench.Sample.text_features` has them; empty where the folder is not of this layout.
        summary: One line.
    """

    name: str
    finder: Loadable
    summary: str = ""


def metric_key(name: str, profile: str) -> str:
    """What a metric is called where conventions meet: ``name@profile``; the bare name for one of all profiles."""
    return f"{name}@{profile}" if profile else name


def arrow(higher_is_better: bool | None) -> str:
    """A metric's direction as tables and figures mark it; empty where it has none."""
    return {True: "↑", False: "↓", None: ""}[higher_is_better]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """One metric in one profile: exactly one definition.

    Attributes:
        name: As papers write it (``Qabf``), the same in every profile.
        profile: The convention it belongs to (``zhao``); the empty string for all profiles.
        operands: ``F``, ``F|A,B`` (fused given sources) or ``F|GT`` (fused given ground truth).
        higher_is_better: Direction; None where a metric has none.
        function: ``function(planes) -> Tensor`` of one value per plane; see
            :class:`fusionbench.metrics.planes.Planes`. With ``weights`` it is ``load(device, weights)``, which
            returns that function; ``weights`` are the files by the names of their specs.
        colour: Which planes it reads; a rule of :mod:`fusionbench.metrics.colour`. The default is one
            gray plane per image (0.299 R + 0.587 G + 0.114 B, rounded); ``rgb`` is whole images of three channels.
        weights: Files that it needs, all of them; found in the user's weights folder as ``<name>/<filename>``, or
            in the plugin's package. Their digests enter the result's key.
        packages: Import names of the libraries that compute it, where they are not the suite's own. Without them it
            is not computed; their versions enter the result's key.
        extra: The extra of the plugin's package that installs them; empty where their own names do.
        differentiable: Whether gradients with respect to the fused image are useful.
        original_name: What the original code calls it, where that differs.
        max_sources: Most sources it is defined for; None for any number.
        sources_reversed: Whether the original program takes the sources in the opposite of the canonical
            order (visible before infrared); the scorer then passes them so.
        default: Whether the profile computes it when no metrics are named.
        range, unit, paper, version: Facts; ``version`` enters the result's key.
    """

    name: str
    profile: str
    operands: Literal["F", "F|A,B", "F|GT"]
    higher_is_better: bool | None
    function: Loadable
    colour: str = "gray"
    range: str = ""
    unit: str = ""
    paper: Citation | None = None
    differentiable: bool = False
    max_sources: int | None = None
    sources_reversed: bool = False
    original_name: str = ""
    version: str = "1"
    summary: str = ""
    default: bool = False
    weights: tuple[WeightSpec, ...] = ()
    packages: tuple[str, ...] = ()
    extra: str = ""

    @property
    def key(self) -> str:
        """``name@profile``, unique; the bare name for a metric of all profiles."""
        return metric_key(self.name, self.profile)

    @property
    def reads_backwards(self) -> bool:
        """Whether its value may depend on sources passed in the opposite of the canonical order."""
        return self.sources_reversed and self.operands == "F|A,B"

    def takes(self, sources: int) -> bool:
        """Whether it is defined for so many sources; those that read none take any number."""
        return self.operands != "F|A,B" or self.max_sources is None or sources <= self.max_sources

    @property
    def arrow(self) -> str:
        """Direction as tables mark it."""
        return arrow(self.higher_is_better)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSpec:
    """A format of ``fusionbench table``: ``render(table)`` gives its text, or the bytes of a file that is none."""

    name: str
    render: Loadable
    suffix: str
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSpec:
    """A way to carry out the work of a run: ``fusionbench run --executor NAME``.

    Attributes:
        name: Lower-case identifier.
        factory: ``factory(context, **options)`` gives a :class:`fusionbench.runs.executors.Executor`; ``context`` is a
            :class:`fusionbench.runs.executors.RunContext`.
        options: Settings by name.
        summary: One line for ``fusionbench list executors``.
    """

    name: str
    factory: Loadable
    options: Mapping[str, Option] = field(default_factory=dict)
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSpec:
    """A published table: a CSV with at least task, dataset, method and metric columns.

    Attributes:
        profile: Convention the numbers were computed with.
        datasets, methods: Printed name -> our name.
        metrics: Printed name -> the metrics that it is, ``name`` or ``name@profile``; without an entry
            the one of that name in ``profile``. Several where profiles share a definition.
        pairs: Printed data set -> number of samples its means are over, where that is known.
        rows: Number of a table of which the file has no values, as it is printed -> our names of the methods in its
            rows, in its order: the shape of a table whose numbers are not at hand.
    """

    name: str
    path: Path
    profile: str = DEFAULT_PROFILE
    paper: Citation | None = None
    datasets: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pairs: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySpec:
    """What the functions of one registration hook fill.

    Attributes:
        hook: The hook's name; its functions return lists of ``spec``.
        name: How the registry is asked for: ``current_plugins().registry(name)``.
        kind: What is registered, in words (``table format``), for error messages.
        spec: The class of what is registered.
        key: How one of them is named.
    """

    hook: str
    name: str
    kind: str
    spec: type
    key: Callable[[Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksSpec:
    """Hooks that a plugin adds for other plugins.

    Attributes:
        module: Holds pluggy's specifications of them, as :mod:`fusionbench.hookspecs` holds the harness's own.
        registries: What those that return specs fill; the others are events.
    """

    module: ModuleType
    registries: tuple[RegistrySpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A command that a plugin adds: ``fusionbench [parent] name``; ``command`` is a click command."""

    name: str
    command: Loadable
    summary: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which plugin brought something: its name, version and file."""

    plugin: str
    version: str = ""
    file: str = ""

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.plugin}{version} ({self.file})" if self.file else f"{self.plugin}{version}"
