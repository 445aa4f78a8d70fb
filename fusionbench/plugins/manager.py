"""The pluggy manager: loads plugins one by one, so that a broken one never takes the others down."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from fusionbench import hookspecs, terminal
from fusionbench.plugins import sources
from fusionbench.plugins.listening import isolate
from fusionbench.plugins.neighbours import FINDER
from fusionbench.plugins.registry import Registry, nearest
from fusionbench.plugins.sources import FileSource, PluginSource
from fusionbench.types import (
    CommandSpec,
    DatasetSpec,
    ExporterSpec,
    MethodSpec,
    MetricSpec,
    Origin,
    PluginError,
    ProviderSpec,
    PublishedSpec,
    described,
    on_one_line,
    raised_at,
)

ENVIRONMENT = "FUSIONBENCH_PLUGINS"
SPEC_ATTRIBUTE = "__fusionbench_spec__"

# What the harness itself registers goes through the same hooks as everything else.
BUILTIN = (
    PluginSource("metrics", "fusionbench.metrics.plugin"),
    PluginSource("reports", "fusionbench.reports.plugin"),
    PluginSource("data", "fusionbench.data.plugin"),
)

# hook -> (attribute of Plugins, spec class)
_REGISTRATION: Mapping[str, tuple[str, type]] = {
    "fusionbench_methods": ("methods", MethodSpec),
    "fusionbench_datasets": ("datasets", DatasetSpec),
    "fusionbench_metrics": ("metrics", MetricSpec),
    "fusionbench_exporters": ("exporters", ExporterSpec),
    "fusionbench_published": ("published", PublishedSpec),
    "fusionbench_captioners": ("captioners", ProviderSpec),
    "fusionbench_text_encoders": ("text_encoders", ProviderSpec),
    "fusionbench_commands": ("commands", CommandSpec),
}


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin, or a part of one, that could not be used, and why."""

    plugin: str
    reason: str
    requested: bool = False

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.reason}"


class _Manager(pluggy.PluginManager):
    """Accepts functions called ``fusionbench_*`` without a marker, as pytest does with ``pytest_*``."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and name.startswith(hookspecs.PREFIX):
            function = getattr(plugin, name, None)
            defined_here = getattr(function, "__module__", None) == getattr(plugin, "__name__", None)
            if inspect.isfunction(function) and defined_here:
                return pluggy.HookimplOpts(
                    wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
                )
        return options


@dataclass
class Plugins:
    """Everything that is registered, and by whom."""

    methods: Registry[MethodSpec] = field(default_factory=lambda: Registry("method", lambda spec: spec.name))
    datasets: Registry[DatasetSpec] = field(default_factory=lambda: Registry("data set", lambda spec: spec.name))
    metrics: Registry[MetricSpec] = field(default_factory=lambda: Registry("metric", lambda spec: spec.key))
    exporters: Registry[ExporterSpec] = field(default_factory=lambda: Registry("table format", lambda spec: spec.name))
    published: Registry[PublishedSpec] = field(
        default_factory=lambda: Registry("published table", lambda spec: spec.name)
    )
    captioners: Registry[ProviderSpec] = field(
        default_factory=lambda: Registry("text provider", lambda spec: f"{spec.kind}:{spec.name}")
    )
    text_encoders: Registry[ProviderSpec] = field(
        default_factory=lambda: Registry("text encoder", lambda spec: spec.name)
    )
    commands: Registry[CommandSpec] = field(
        default_factory=lambda: Registry("command", lambda spec: f"{spec.parent} {spec.name}".strip())
    )
    origins: dict[str, Origin] = field(default_factory=dict)
    hooks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: list[PluginFailure] = field(default_factory=list)
    blocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._manager = _Manager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def load(self, source: PluginSource | FileSource, *, requested: bool = False) -> None:
        """Import one plugin and register what it brings. Failures are recorded, never raised."""
        if source.name in self.blocked:
            return
        try:
            if source.name in self.origins:
                self._check_same(source)
                return
            module = source.load()
            self.register(module, source.name, source.version)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = str(error) if isinstance(error, PluginError) else described(error)
            self.failures.append(PluginFailure(source.name, reason, requested))

    def _check_same(self, source: PluginSource | FileSource) -> None:
        """Asking twice for one plugin is fine; another one of the same name would silently be left out."""
        taken = self.origins[source.name]
        if isinstance(source, FileSource) and Path(taken.file).resolve() != source.path:
            raise PluginError(f"{source.path} has the name of {taken.file}, which is loaded already. Rename one.")

    def load_named(self, text: str, *, requested: bool) -> None:
        """Load the plugin that a user means by a module's name or a file's path; failures are recorded."""
        try:
            source = sources.named(text)
        except PluginError as error:
            self.failures.append(
                PluginFailure(text if requested else f"{text} of {ENVIRONMENT}", str(error), requested)
            )
        else:
            self.load(source, requested=requested)

    def register(self, module: ModuleType, name: str, version: str = "") -> Origin:
        """Register a module under a plugin name.

        Raises:
            PluginError: A hook is misspelt, has a wrong signature or a mark that it cannot have, a
                hook returned something other than a list of its specs, or a name is taken.
        """
        origin = Origin(name, version or str(getattr(module, "__version__", "")), module_file(module))
        for hook in _REGISTRATION:
            if not callable(getattr(module, hook, list)):
                raise PluginError(f"{hook} must be a function that returns a list, not the list itself.")
        try:
            self._manager.register(module, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            what = on_one_line(error).removesuffix(".")
            raise PluginError(f"{what}. Valid hooks are listed in fusionbench.hookspecs.") from error
        # A hook that nobody specifies is one that the plugin marked as optional.
        implementations = [
            (caller.name, implementation)
            for caller in self._manager.get_hookcallers(module) or []
            if caller.has_spec()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is module
        ]
        try:
            found = list(self._collect(module, implementations))
            for registry, spec in found:
                registry.add(spec, origin)
        except Exception:
            self._withdraw(origin)
            self._manager.unregister(name=name)
            raise
        for hook, implementation in implementations:
            if hook not in _REGISTRATION:
                isolate(implementation, hook)
        self.origins[name] = origin
        self.hooks[name] = tuple(sorted({hook for hook, _ in implementations}))
        return origin

    def _collect(
        self, module: ModuleType, implementations: Sequence[tuple[str, pluggy.HookImpl]]
    ) -> Iterator[tuple[Registry[Any], Any]]:
        for hook, implementation in implementations:
            if hook not in _REGISTRATION:
                continue
            attribute, kind = _REGISTRATION[hook]
            _check_marks(hook, implementation)
            try:
                specs = implementation.function()
            except Exception as error:
                raise PluginError(f"{hook}() raised {described(error)}{raised_at(error)}") from error
            if not isinstance(specs, Iterable) or isinstance(specs, str):
                raise PluginError(f"{hook}() must return a list of {kind.__name__}, it returned {specs!r}.")
            for spec in specs:
                if not isinstance(spec, kind):
                    raise PluginError(f"{hook}() must return a list of {kind.__name__}, one item is {spec!r}.")
                yield getattr(self, attribute), spec
        for value in vars(module).values():
            spec = getattr(value, SPEC_ATTRIBUTE, None)
            if spec is not None and getattr(value, "__module__", None) == module.__name__:
                yield self._registry_of(spec), spec

    def _registry_of(self, spec: object) -> Registry[Any]:
        for attribute, kind in _REGISTRATION.values():
            if isinstance(spec, kind):
                return getattr(self, attribute)
        raise PluginError(f"{spec!r} is no spec that can be registered.")

    def _withdraw(self, origin: Origin) -> None:
        for attribute, _ in _REGISTRATION.values():
            getattr(self, attribute).withdraw(origin)

    def with_methods(self, specs: Iterable[MethodSpec], origin: Origin) -> Plugins:
        """The same plugins and further methods, which may replace earlier ones of the same origin.

        Raises:
            PluginError: A plugin has taken one of the names.
        """
        methods = self.methods.copy()
        for spec in specs:
            methods.replace(spec, origin)
        other = copy.copy(self)
        other.methods = methods
        return other

    def notify(self, event: str, **arguments: Any) -> None:
        """Call an event hook of every plugin, in pluggy's order; one that raises is warned of and stops nothing."""
        getattr(self._manager.hook, event)(**arguments)

    def note_blocks_without_effect(self, known: Sequence[str]) -> None:
        """Record each ``no:NAME`` that names no plugin: most likely a typing error."""
        for name in self.blocked:
            if name not in known:
                self.failures.append(
                    PluginFailure(f"no:{name}", f"there is no plugin {name!r} to block. {nearest(name, known)}")
                )

    def raise_for_requested(self) -> None:
        """Raise the failures of plugins that were asked for by name.

        Raises:
            PluginError: At least one of them failed.
        """
        asked = [str(failure) for failure in self.failures if failure.requested]
        if asked:
            raise PluginError("\n".join(asked))

    def warn_of_failures(self, write: Callable[[str], None] | None = None) -> None:
        """One line per plugin that could not be loaded, to standard error unless told otherwise."""
        for failure in self.failures:
            (write or _to_stderr)(f"warning: {failure}")


def _check_marks(hook: str, implementation: pluggy.HookImpl) -> None:
    """Registration hooks are asked one plugin at a time, so that marks about other plugins would do nothing.

    Raises:
        PluginError: The function has one of these marks.
    """
    marks = ("wrapper", "hookwrapper", "tryfirst", "trylast")
    if given := [mark for mark in marks if getattr(implementation, mark)]:
        raise PluginError(
            f"{hook} cannot be marked {' and '.join(given)}: each plugin is asked alone for what it registers, and a "
            "name can be registered only once, so there is nothing to wrap and no order. Remove the mark; "
            "event hooks (fusionbench_run_started and its like) honour it."
        )


def _to_stderr(line: str) -> None:
    terminal.say(line)


def module_file(module: ModuleType) -> str:
    """Path of a module's source, or an empty string."""
    return str(getattr(module, "__file__", "") or "")


_current: Plugins | None = None


def load_plugins(requested: Sequence[str] = (), *, autoload: bool = True) -> Plugins:
    """Load all plugins and make them the current ones.

    Args:
        requested: Module names, paths of ``.py`` files, and ``no:NAME`` to block a plugin.
        autoload: Whether to load entry points; the built-in parts are always there.

    Raises:
        PluginError: A requested plugin does not exist or does not load.
    """
    global _current
    environment = [entry for entry in os.environ.get(ENVIRONMENT, "").split(",") if entry]
    wanted = [*environment, *requested]
    FINDER.forget()
    plugins = Plugins(blocked=tuple(entry[3:] for entry in wanted if entry.startswith("no:")))
    for source in BUILTIN:
        plugins.load(source)
    if autoload:
        for source in sources.installed():
            plugins.load(source)
    for entry in wanted:
        if not entry.startswith("no:"):
            plugins.load_named(entry, requested=entry in requested)
    plugins.note_blocks_without_effect([source.name for source in (*BUILTIN, *sources.installed())])
    plugins.raise_for_requested()
    _current = plugins
    return plugins


def current_plugins() -> Plugins:
    """The plugins in force; loaded at first use."""
    return _current if _current is not None else load_plugins()
