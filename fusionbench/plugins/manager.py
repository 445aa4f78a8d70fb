"""What plugins have registered: loads them one by one, so that a broken one never takes the others down."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from fusionbench import hookspecs, terminal
from fusionbench.plugins import sources
from fusionbench.plugins.failures import PluginFailure
from fusionbench.plugins.hook_manager import HookManager
from fusionbench.plugins.listening import isolate
from fusionbench.plugins.registration import REGISTRATION, SPEC_ATTRIBUTE, collected
from fusionbench.plugins.registry import Registry, nearest, unknown_name
from fusionbench.plugins.sources import ENVIRONMENT, FileSource, PluginSource
from fusionbench.types import (
    CommandSpec,
    DatasetSpec,
    ExecutorSpec,
    ExporterSpec,
    FusionBenchError,
    HooksSpec,
    MethodSpec,
    MetricSpec,
    Origin,
    PluginError,
    PublishedSpec,
    TextFeaturesSpec,
    described,
    on_one_line,
)


class _UnknownHook(Exception):
    """A plugin has a hook that none of those loaded so far specifies."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module)
        self.module = module


# A plugin that is loaded but not registered: where from, whether it was asked for by name, and its module.
_Waiting = tuple[PluginSource | FileSource, bool, ModuleType]


@dataclass
class Plugins:
    """Everything that is registered, and by whom."""

    methods: Registry[MethodSpec] = field(default_factory=lambda: Registry("method", lambda spec: spec.name))
    datasets: Registry[DatasetSpec] = field(default_factory=lambda: Registry("data set", lambda spec: spec.name))
    text_features: Registry[TextFeaturesSpec] = field(
        default_factory=lambda: Registry("layout of text features", lambda spec: spec.name)
    )
    metrics: Registry[MetricSpec] = field(default_factory=lambda: Registry("metric", lambda spec: spec.key))
    exporters: Registry[ExporterSpec] = field(default_factory=lambda: Registry("table format", lambda spec: spec.name))
    executors: Registry[ExecutorSpec] = field(default_factory=lambda: Registry("executor", lambda spec: spec.name))
    published: Registry[PublishedSpec] = field(
        default_factory=lambda: Registry("published table", lambda spec: spec.name)
    )
    commands: Registry[CommandSpec] = field(
        default_factory=lambda: Registry("command", lambda spec: f"{spec.parent} {spec.name}".strip())
    )
    added: dict[str, Registry[Any]] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    hooks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: list[PluginFailure] = field(default_factory=list)
    blocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._manager = HookManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._registration = dict(REGISTRATION)
        self._declared: set[str] = set()
        self._waiting: list[_Waiting] = []

    def registry(self, name: str) -> Registry[Any]:
        """What a hook fills, be it one of the harness or of a plugin.

        Raises:
            UnknownNameError: No plugin that is loaded has added such a registry.
        """
        if name in self.added:
            return self.added[name]
        names = [attribute for attribute, _ in self._registration.values() if attribute]
        if name not in names:
            raise unknown_name("registry", name, names)
        return getattr(self, name)

    def modules(self) -> dict[str, ModuleType]:
        """The module that each plugin is."""
        return {name: module for name, module in self._manager.list_name_plugin() if isinstance(module, ModuleType)}

    def load(self, source: PluginSource | FileSource, *, requested: bool = False) -> None:
        """Import one plugin and register what it brings. Failures are recorded, never raised."""
        if source.name in self.blocked:
            return
        self._attempt(source, requested)

    def _attempt(
        self,
        source: PluginSource | FileSource,
        requested: bool,
        module: ModuleType | None = None,
        *,
        wait: bool = True,
    ) -> None:
        try:
            if source.name in self.origins:
                self._check_same(source)
                return
            module = module or source.load()
            self.register(module, source.name, source.version, wait=wait)
        except _UnknownHook as unknown:
            self._waiting.append((source, requested, unknown.module))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = str(error) if isinstance(error, FusionBenchError) else described(error)
            self.failures.append(PluginFailure(source.name, reason, requested))

    def settle(self, *, last: bool = True) -> None:
        """Register the plugins that waited for hooks of others; failures are recorded, never raised.

        Args:
            last: No further plugins are coming, so that a hook that is unknown now is a mistake.
        """
        tried: list[_Waiting] = []
        while len(tried) != len(self._waiting):
            tried, self._waiting = self._waiting, []
            for waiting in tried:
                self._attempt(*waiting)
        if last:
            tried, self._waiting = self._waiting, []
            for waiting in tried:
                self._attempt(*waiting, wait=False)

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

    def register(self, module: ModuleType, name: str, version: str = "", *, wait: bool = False) -> Origin:
        """Register a module under a plugin name.

        Raises:
            _UnknownHook: With ``wait``, a hook is none that is known so far; nothing is registered.
            PluginError: A hook is misspelt, has a wrong signature or a mark that it cannot have, a
                hook returned something other than a list of its specs, or a name is taken.
        """
        origin = Origin(name, version or str(getattr(module, "__version__", "")), module_file(module))
        for hook in self._registration:
            if not callable(getattr(module, hook, list)):
                raise PluginError(f"{hook} must be a function that returns a list, not the list itself.")
        try:
            self._manager.register(module, name)
            for spec in self._specs(module, "fusionbench_addhooks"):
                self._add_hooks(spec)
            if wait and any(not caller.has_spec() for caller in self._manager.get_hookcallers(module) or []):
                raise _UnknownHook(module)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            what = on_one_line(error).removesuffix(".")
            raise PluginError(
                f"{what}. Valid hooks are listed in fusionbench.hookspecs; plugins that are loaded may add others."
            ) from error
        except BaseException:
            self._manager.unregister(name=name)
            raise
        implementations = self._implementations(module)
        try:
            found = list(self._collect(module, {hook for hook, _ in implementations}))
            for registry, spec in found:
                registry.add(spec, origin)
        except BaseException:
            self._withdraw(origin)
            self._manager.unregister(name=name)
            raise
        for hook, implementation in implementations:
            if hook not in self._registration:
                isolate(implementation, hook)
        self.origins[name] = origin
        self.hooks[name] = tuple(sorted({hook for hook, _ in implementations}))
        return origin

    def _implementations(self, module: ModuleType) -> list[tuple[str, pluggy.HookImpl]]:
        """A plugin's functions by the hook they serve; a hook that nobody specifies is one marked as optional."""
        return [
            (caller.name, implementation)
            for caller in self._manager.get_hookcallers(module) or []
            if caller.has_spec()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is module
        ]

    def _specs(self, module: ModuleType, hook: str) -> list[Any]:
        """What a plugin returns from a registration hook, which it may serve by several functions."""
        kind = self._registration[hook][1]
        found = [implementation for name, implementation in self._implementations(module) if name == hook]
        return [spec for implementation in found for spec in collected(hook, implementation, kind)]

    def _add_hooks(self, spec: HooksSpec) -> None:
        if spec.module.__name__ in self._declared:
            return
        taken = [new.name for new in spec.registries if new.name in self.added or hasattr(self, new.name)]
        if taken:
            raise PluginError(f"{spec.module.__name__} adds a registry {taken[0]!r}, and there is one of that name.")
        self._manager.add_hookspecs(spec.module)
        self._declared.add(spec.module.__name__)
        for new in spec.registries:
            self.added[new.name] = Registry(new.kind, new.key)
            self._registration[new.hook] = (new.name, new.spec)

    def _collect(self, module: ModuleType, hooks: Collection[str]) -> Iterator[tuple[Registry[Any], Any]]:
        for hook, (attribute, _) in self._registration.items():
            if hook in hooks and hook != "fusionbench_addhooks":
                for spec in self._specs(module, hook):
                    yield self.registry(attribute), spec
        for value in vars(module).values():
            spec = getattr(value, SPEC_ATTRIBUTE, None)
            if spec is not None and getattr(value, "__module__", None) == module.__name__:
                yield self._registry_of(spec), spec

    def _registry_of(self, spec: object) -> Registry[Any]:
        for attribute, kind in self._registration.values():
            if isinstance(spec, kind) and attribute:
                return self.registry(attribute)
        raise PluginError(f"{spec!r} is no spec that can be registered.")

    def _withdraw(self, origin: Origin) -> None:
        for attribute, _ in self._registration.values():
            if attribute:
                self.registry(attribute).withdraw(origin)

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


def _to_stderr(line: str) -> None:
    terminal.say(line)


def module_file(module: ModuleType) -> str:
    """Path of a module's source, or an empty string."""
    return str(getattr(module, "__file__", "") or "")
