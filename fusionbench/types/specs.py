"""What plugins register: plain data, cheap to list; code is named and loaded on first use.

Wherever a spec holds code, it may be given as the object itself or as ``"package.module:attribute"``,
which is imported at first use. Use the string form in installed plugins, so that listing them
imports no torch.
"""

from __future__ import annotations

import builtins
import importlib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from fusionbench.types.errors import PluginError, UsageError, described, raised_at
from fusionbench.types.sample import Batch, Problem, Sample
from fusionbench.types.task import Task
from fusionbench.types.values import Misfit, convert, one_of

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor

DEFAULT_PROFILE = "zhao"
"""The convention where none is named: the evaluator published with FILM and CDDFuse."""

Loadable = str | Callable[..., Any]


def resolve(reference: Loadable, *, owner: str = "a plugin") -> Any:
    """Import what ``"package.module:attribute"`` names; anything else is returned as it is.

    Raises:
        PluginError: The string is malformed, or the module or attribute does not exist.
    """
    if not isinstance(reference, str):
        return reference
    module_name, _, attribute = reference.partition(":")
    if not attribute:
        raise PluginError(f"{owner}: {reference!r} is not of the form 'package.module:attribute'.")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{owner}: cannot load {reference!r}: {error}") from error
    except Exception as error:  # what a module's own code raises when it is imported
        raise PluginError(f"{owner}: cannot load {reference!r}: {described(error)}{raised_at(error)}") from error


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
class Option:
    """A setting of a method, data set or provider that a user can change by name.

    Attributes:
        default: Value when nothing is said; its type is the option's type unless ``type`` is set.
        help: One line for ``fusionbench info``.
        choices: The only values allowed, if any.
        type: ``int``, ``float``, ``bool``, ``str``, ``Path`` or ``tuple`` (items of the default's type, else text;
            commas between them on a command line); needed where the default is None.
        required: Whether it has to be given; such an option has no default.
    """

    default: Any = None
    help: str = ""
    choices: tuple[Any, ...] = ()
    type: type | None = None
    required: bool = False

    def parse(self, name: str, value: Any) -> Any:
        """Convert a command-line or YAML value to the option's type.

        Raises:
            UsageError: The value cannot be converted, is not among the choices, or is needed and absent.
        """
        if self.required and value is None:
            raise UsageError(f"option {name} is needed: {self.help}")
        if value is None and self.default is None:
            return None
        if value is self.default:
            return value
        kind = self.type or (type(self.default) if self.default is not None else None)
        try:
            if self.choices:
                return value if value is None and None in self.choices else one_of(value, self.choices)
            return value if kind is None else self._converted(value, kind)
        except Misfit as error:
            if self.choices:
                raise UsageError(f"option {name}: {value!r} is not {error.expected}.", hint=error.hint) from None
            expected = f"{kind.__name__}, {error.expected}" if kind in (int, float, bool) else error.expected
            raise UsageError(f"option {name}: expected {expected}, got {value!r}.", hint=error.hint) from None

    def _converted(self, value: Any, kind: builtins.type[Any]) -> Any:
        if kind in (tuple, list):
            return kind(self._items(value))
        if kind in (int, float, bool, str, Path):
            return convert(value, kind | None if self.default is None else kind, from_text=True)
        if isinstance(value, kind):
            return value
        try:
            return kind(value)
        except (ValueError, TypeError, KeyError):
            raise Misfit(kind.__name__) from None

    def _items(self, value: Any) -> tuple[Any, ...]:
        """A list; on a command line its items are separated by commas."""
        items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value
        kind = type(self.default[0]) if self.default else str
        return convert(items, types.GenericAlias(tuple, (kind, ...)), from_text=True)


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
            :func:`fusionbench.weights.recognition.content_sha256` has it.
        size: Bytes, 0 where unknown.
        licence: As stated at the source, or ``not stated``.
        hub: ``(repo_id, filename, revision)`` where the authors publish on the Hugging Face hub.
        package_file: A file inside the plugin's own package, for weights that ship with it.
        how: What a person does to get them, in place of the sentence about downloading; ``{target}``
            stands for the path under which they are looked for.
        beside: Official names of further files that are read with it from the same folder.
        when: Option name -> values of that option for which these weights are the right ones; for
            methods with several networks, such as one per fusion rule.
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
    how: str = ""
    beside: tuple[str, ...] = ()
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@runtime_checkable
class Method(Protocol):
    """What a method's factory returns. ``factory(**options)`` must be cheap: weights are read in ``load``.

    A learned method also has ``network``, an ``nn.Module`` whose state dict has the official names.
    A method may define three more:

    * ``finish(fused, batch) -> Tensor``, called on whole, unpadded results before they are clipped
      to [0, 1] and rounded to 8 bits: the place for per-image stretches that padding or tiles would
      falsify. A method that truncates returns exact multiples of 1/255.
    * ``prepare(dataset) -> None``, called once with each data set before its samples are fused.
    * ``lacking(sample) -> str``, asked by ``--dry-run`` of the loaded method: what keeps a sample that can be read from
      being fused, such as absent text features; empty if nothing does.

    A method that is made of several weights files also has ``check_weights(name, path)``, which raises
    :class:`fusionbench.WeightsError` where the file is not good as the weights of that name.

    A luma method whose authors' script treats colour otherwise than the harness may define:

    * ``read_gray(sources, suffixes, task) -> sequence of Tensor``, in place of the harness's luma: of 8-bit
      sources as stored, N x C x H x W, and the suffixes of their files (``.png``; empty where there is none),
      N x 1 x H x W each.
    * ``save(fused, sources, task) -> Tensor``, in place of the harness's rule for colour: of what ``finish``
      returned, not clipped, and the stored sources, none where the result is to be gray, N x 1 or 3 x H x W.

    Either may be None where an option turns it off.

    Where options or weights make results depend on the whole image, a method that is tiled otherwise has an
    attribute ``whole_image`` that is true then.
    """

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read weights and move to the device. ``weights`` is None for methods without any."""

    def fuse(self, batch: Batch) -> Tensor:
        """N x 1 x H x W (luma methods) or N x 3 x H x W (rgb methods), nominally in [0, 1].

        An rgb method may return one channel; the result is then gray.
        """


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
        autocast: Whether ``--precision`` applies to it. None: if it has weights; the arithmetic of other methods
            is not made for half precision.
        meta: Further facts for ``fusionbench info``.
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
    autocast: bool | None = None
    summary: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lowers_precision(self) -> bool:
        """Whether ``--precision`` applies; other methods compute in float32 whatever is asked for."""
        return bool(self.weights) if self.autocast is None else self.autocast


@runtime_checkable
class Dataset(Protocol):
    """What a data set's opener returns: everything listed, nothing decoded. Attributes that cannot be set will do."""

    @property
    def name(self) -> str:
        """As results and tables call it."""

    @property
    def task(self) -> Task:
        """Its task."""

    @property
    def samples(self) -> Sequence[Sample]:
        """All that can be fused."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the rest."""


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
class MetricSpec:
    """One metric in one profile: exactly one definition.

    Attributes:
        name: As papers write it (``Qabf``), the same in every profile.
        profile: The convention it belongs to (``zhao``); the empty string for all profiles.
        operands: ``F``, ``F|A,B`` (fused given sources) or ``F|GT`` (fused given ground truth).
        higher_is_better: Direction; None where a metric has none.
        function: ``function(planes) -> Tensor`` of one value per plane; see
            :class:`fusionbench.metrics.planes.Planes`.
        colour: Which planes it reads; a rule of :mod:`fusionbench.metrics.colour`. The default is one
            gray plane per image (0.299 R + 0.587 G + 0.114 B, rounded).
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

    @property
    def key(self) -> str:
        """``name@profile``, unique; the bare name for a metric of all profiles."""
        return f"{self.name}@{self.profile}" if self.profile else self.name

    @property
    def arrow(self) -> str:
        """Direction as tables mark it."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSpec:
    """A format of ``fusionbench table``: ``render(table) -> str``."""

    name: str
    render: Loadable
    suffix: str
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
    """

    name: str
    path: Path
    profile: str = DEFAULT_PROFILE
    paper: Citation | None = None
    datasets: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pairs: Mapping[str, int] = field(default_factory=dict)


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


class RunView(Protocol):
    """What event hooks see of a run: its folder, its facts, and its rows so far."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def info(self) -> Mapping[str, Any]:
        """Its facts."""

    def frame(self) -> pd.DataFrame:
        """One row for each sample and metric; see :meth:`fusionbench.results.RunResults.frame`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which plugin brought something: its name, version and file."""

    plugin: str
    version: str = ""
    file: str = ""

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.plugin}{version} ({self.file})" if self.file else f"{self.plugin}{version}"
