"""Each hook at work, the marks that pluggy knows, and proof that no hook is without test and documentation."""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fusionbench import hookspecs
from fusionbench.plugins import Plugins, load_plugins
from fusionbench.plugins.sources import FileSource
from fusionbench.types import PluginError, PublishedSpec, UnknownNameError
from fusionbench_film.text import hookspecs as film_hookspecs

ROOT = Path(__file__).resolve().parents[2]
HOOKS = {
    name: function
    for module in (hookspecs, film_hookspecs)
    for name, function in vars(module).items()
    if name.startswith(hookspecs.PREFIX)
}


def load(folder: Path, *installed: str, **plugins: str) -> Plugins:
    """Load plugins, given as name and code, in this order, and then these of the installed ones and no others."""
    paths = []
    for name, code in plugins.items():
        path = folder / f"{name}.py"
        header = "import fusionbench.types as t\nfrom fusionbench.hookspecs import hookimpl\nseen = []\n"
        path.write_text(header + textwrap.dedent(code), encoding="utf-8")
        paths.append(str(path))
    return load_plugins([*paths, *installed], autoload=False)


def loaded(path: Path) -> ModuleType:
    return next(found for found in sys.modules.values() if getattr(found, "__file__", "") == str(path))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the listeners of several plugins note down, in order."""
    record = ModuleType("hook_log")
    record.lines = []
    monkeypatch.setitem(sys.modules, "hook_log", record)
    return record.lines


def test_every_hook_has_a_test_and_stands_with_its_signature_in_the_documentation() -> None:
    text = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("plugins.md", "text.md"))
    for name, hook in HOOKS.items():
        assert f"test_hook_{name.removeprefix(hookspecs.PREFIX)}" in globals(), f"{name} is shown in no test"
        signature = f"`{name}({', '.join(inspect.signature(hook).parameters)})`"
        assert signature in text, f"{signature} is documented nowhere"
        assert hook.__doc__, name


def test_hook_methods(tmp_path: Path) -> None:
    code = """
        def fusionbench_methods():
            return [t.MethodSpec(name="mine", tasks=("IVF",), factory="nowhere:Mine")]
    """
    assert load(tmp_path, p=code).methods.origin("mine").plugin == "p"


def test_hook_datasets(tmp_path: Path) -> None:
    code = """
        def fusionbench_datasets():
            return [t.DatasetSpec(name="own", task=t.Task.IVF, opener="nowhere:open")]
    """
    assert load(tmp_path, p=code).datasets.origin("own").plugin == "p"


def test_hook_text_features(tmp_path: Path) -> None:
    code = """
        def fusionbench_text_features():
            return [t.TextFeaturesSpec(name="own", finder="nowhere:find")]
    """
    assert load(tmp_path, p=code).text_features.origin("own").plugin == "p"


def test_hook_metrics(tmp_path: Path) -> None:
    code = """
        import dataclasses
        from fusionbench.metrics.plugin import fusionbench_metrics as builtin

        def fusionbench_metrics():
            return [dataclasses.replace(builtin()[0], name="OWN")]
    """
    plugins = load(tmp_path, p=code)
    assert [plugins.metrics.origin(key).plugin for key, spec in plugins.metrics.items() if spec.name == "OWN"] == ["p"]


def test_hook_exporters(tmp_path: Path) -> None:
    code = """
        import dataclasses
        from fusionbench.reports.plugin import fusionbench_exporters as builtin

        def fusionbench_exporters():
            return [dataclasses.replace(builtin()[0], name="own")]
    """
    assert load(tmp_path, p=code).exporters.origin("own").plugin == "p"


def test_hook_executors(tmp_path: Path) -> None:
    code = """
        def fusionbench_executors():
            return [t.ExecutorSpec(name="own", factory="nowhere:Own")]
    """
    assert load(tmp_path, p=code).executors.origin("own").plugin == "p"


def test_hook_published(tmp_path: Path) -> None:
    fields = [name for name, p in inspect.signature(PublishedSpec).parameters.items() if p.default is p.empty]
    values = ", ".join(f"{name}={'own' if name == 'name' else ''!r}" for name in fields)
    code = f"""
        def fusionbench_published():
            return [t.PublishedSpec({values})]
    """
    assert load(tmp_path, p=code).published.origin("own").plugin == "p"


def test_hook_addhooks(tmp_path: Path) -> None:
    """The plugin that uses added hooks, one of them for events, is loaded before the one that adds them."""
    user = """
        def fusionbench_cameras():
            return [t.Citation(title="Mine", authors="", venue="", year=2025)]

        def fusionbench_shutter(time):
            seen.append(time)
    """
    adder = """
        import types
        from fusionbench.hookspecs import hookspec

        @hookspec
        def fusionbench_cameras():
            "Cameras."

        @hookspec
        def fusionbench_shutter(time):
            "It opens."

        own = types.ModuleType("camera_hookspecs")
        own.fusionbench_cameras, own.fusionbench_shutter = fusionbench_cameras, fusionbench_shutter
        del fusionbench_cameras, fusionbench_shutter

        def fusionbench_addhooks():
            cameras = t.RegistrySpec(
                hook="fusionbench_cameras", name="cameras", kind="camera", spec=t.Citation, key=lambda spec: spec.title
            )
            return [t.HooksSpec(module=own, registries=(cameras,))]
    """
    plugins = load(tmp_path, p=user, q=adder)
    assert plugins.registry("cameras").origin("Mine").plugin == "p"
    with pytest.raises(UnknownNameError, match="unknown camera 'Mime'"):
        plugins.registry("cameras")["Mime"]
    plugins.notify("fusionbench_shutter", time=5)
    assert loaded(tmp_path / "p.py").seen == [5]


def test_a_plugin_may_wait_for_hooks_that_are_never_added(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="plugin p: unknown hook 'fusionbench_cameras'"):
        load(tmp_path, p="def fusionbench_cameras():\n    return []\n")
    with pytest.raises(UnknownNameError, match="unknown registry 'cameras'"):
        load(tmp_path, q="").registry("cameras")


def test_a_plugin_that_exits_while_it_registers_is_left_out_whole(tmp_path: Path, log: list[str]) -> None:
    code = listener("heard") + "def fusionbench_methods():\n    raise SystemExit(3)\n"
    with pytest.raises(PluginError, match="plugin p: SystemExit"):
        load(tmp_path, p=code)
    plugins = Plugins()
    plugins.load(FileSource("p", tmp_path / "p.py"))
    plugins.notify("fusionbench_run_started", run=None)
    assert log == []


def test_registries_that_are_there_cannot_be_added(tmp_path: Path) -> None:
    code = """
        import types

        def fusionbench_addhooks():
            spec = t.RegistrySpec(hook="fusionbench_x", name="methods", kind="x", spec=str, key=str)
            return [t.HooksSpec(module=types.ModuleType("x_hookspecs"), registries=(spec,))]
    """
    with pytest.raises(PluginError, match="x_hookspecs adds a registry 'methods', and there is one of that name"):
        load(tmp_path, p=code)


def test_hook_captioners(tmp_path: Path) -> None:
    code = """
        from fusionbench_film.text.hookspecs import ProviderSpec

        def fusionbench_captioners():
            return [ProviderSpec(name="own", kind="describer", factory="nowhere:Own")]
    """
    # Order does not matter: FILM's plugin, which adds the hook, is the last.
    assert load(tmp_path, "film", p=code).registry("captioners").origin("describer:own").plugin == "p"


def test_hook_text_encoders(tmp_path: Path) -> None:
    code = """
        from fusionbench_film.text.hookspecs import ProviderSpec

        def fusionbench_text_encoders():
            return [ProviderSpec(name="own", kind="text_encoder", factory="nowhere:Own")]
    """
    assert load(tmp_path, "film", p=code).registry("text_encoders").origin("own").plugin == "p"


def test_without_film_what_uses_its_hooks_and_more_keeps_the_rest() -> None:
    plugins = load_plugins(["no:film"])
    assert plugins.failures == []
    assert "TextFusion" in {spec.title for spec in plugins.methods.values()} | set(plugins.methods)


def test_hook_commands(tmp_path: Path) -> None:
    code = """
        def fusionbench_commands():
            return [t.CommandSpec(name="own", command="nowhere:command", summary="Does it.")]
    """
    assert load(tmp_path, p=code).commands.origin("own").plugin == "p"


def notified(folder: Path, event: str, parameters: str, **arguments: Any) -> list[Any]:
    """What a listener of this event was told."""
    plugins = load(folder, p=f"def {event}({parameters}):\n    seen.append(({parameters},))\n")
    plugins.notify(event, **arguments)
    return loaded(folder / "p.py").seen


def test_hook_run_started(tmp_path: Path) -> None:
    assert notified(tmp_path, "fusionbench_run_started", "run", run="the run") == [("the run",)]


def test_hook_sample_scored(tmp_path: Path) -> None:
    rows = [{"metric": "EN", "value": 7.0}]
    told = notified(tmp_path, "fusionbench_sample_scored", "run, rows", run="the run", rows=rows)
    assert told == [("the run", rows)]


def test_hook_run_finished(tmp_path: Path) -> None:
    assert notified(tmp_path, "fusionbench_run_finished", "run", run="the run") == [("the run",)]


def listener(word: str, mark: str = "@hookimpl", name: str = "fusionbench_run_started") -> str:
    return f"import hook_log\n{mark}\ndef {name}(run):\n    hook_log.lines.append({word!r})\n"


def wrapper(mark: str, before: str = "'before'", after: str = "'after'") -> str:
    return (
        f"import hook_log\n@hookimpl({mark}=True)\ndef fusionbench_run_started(run):\n"
        f"    hook_log.lines.append({before})\n    outcome = yield\n    hook_log.lines.append({after})\n"
        "    return outcome\n"
    )


def test_listeners_are_called_in_the_order_that_their_marks_ask_for(tmp_path: Path, log: list[str]) -> None:
    plugins = load(
        tmp_path,
        a=listener("first", "@hookimpl(tryfirst=True)"),
        b=listener("middle"),
        c=listener("last", "@hookimpl(trylast=True)"),
    )
    plugins.notify("fusionbench_run_started", run=None)
    assert log == ["first", "middle", "last"]


@pytest.mark.parametrize("mark", ["wrapper", "hookwrapper"])
def test_a_wrapper_runs_around_the_other_listeners(tmp_path: Path, log: list[str], mark: str) -> None:
    plugins = load(tmp_path, a=wrapper(mark), b=listener("listener"))
    plugins.notify("fusionbench_run_started", run=None)
    assert log == ["before", "listener", "after"]


@pytest.mark.parametrize("mark", ["wrapper", "hookwrapper"])
@pytest.mark.parametrize(
    ("parts", "heard"), [({"before": "1 / 0"}, ["listener"]), ({"after": "1 / 0"}, ["before", "listener"])]
)
def test_a_wrapper_that_raises_is_named_and_stops_nobody(
    tmp_path: Path, log: list[str], mark: str, parts: dict[str, str], heard: list[str]
) -> None:
    plugins = load(tmp_path, a=wrapper(mark, **parts), b=listener("listener"))
    with pytest.warns(UserWarning, match="plugin a: fusionbench_run_started raised ZeroDivisionError"):
        plugins.notify("fusionbench_run_started", run=None)
    assert log == heard


def test_listeners_before_and_after_one_that_exits_hear_the_event(tmp_path: Path, log: list[str]) -> None:
    bad = "def fusionbench_run_started(run):\n    raise SystemExit(3)\n"
    plugins = load(tmp_path, a=listener("a"), b=bad, c=listener("c"))
    with pytest.warns(UserWarning, match="plugin b: fusionbench_run_started raised"):
        plugins.notify("fusionbench_run_started", run=None)
    assert sorted(log) == ["a", "c"]


def test_an_interrupt_is_not_swallowed_by_listeners_or_wrappers(tmp_path: Path, log: list[str]) -> None:
    greedy = """
        @hookimpl(wrapper=True)
        def fusionbench_run_started(run):
            try:
                yield
            except KeyboardInterrupt:
                pass
    """
    plugins = load(tmp_path, a=greedy, b="def fusionbench_run_started(run):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        plugins.notify("fusionbench_run_started", run=None)


def test_a_method_of_an_object_is_a_hook_and_an_imported_function_is_none(tmp_path: Path, log: list[str]) -> None:
    code = """
        import hook_log

        class Listener:
            def started(self, run):
                hook_log.lines.append("heard")

        fusionbench_run_started = Listener().started
    """
    other = tmp_path / "elsewhere_for_hooks.py"
    other.write_text("def fusionbench_run_started(run):\n    1 / 0\n", encoding="utf-8")
    imports = f"""
        import importlib.util

        spec = importlib.util.spec_from_file_location("elsewhere_for_hooks", {str(other)!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        fusionbench_run_started = module.fusionbench_run_started
    """
    plugins = load(tmp_path, p=code, q=imports)
    assert (plugins.hooks["p"], plugins.hooks["q"]) == (("fusionbench_run_started",), ())
    plugins.notify("fusionbench_run_started", run=None)
    assert log == ["heard"]


def test_specname_lets_a_function_have_its_own_name(tmp_path: Path, log: list[str]) -> None:
    code = """
        @hookimpl(specname="fusionbench_methods")
        def my_methods():
            return [t.MethodSpec(name="mine", tasks=("IVF",), factory="nowhere:Mine")]

        @hookimpl(specname="fusionbench_methods")
        def more_methods():
            return [t.MethodSpec(name="more", tasks=("IVF",), factory="nowhere:More")]
    """
    mark = '@hookimpl(specname="fusionbench_run_started")'
    plugins = load(tmp_path, p=code, q=listener("told", mark, name="on_start"))
    assert {"mine", "more"} <= set(plugins.methods)
    assert plugins.hooks["p"] == ("fusionbench_methods",)
    plugins.notify("fusionbench_run_started", run=None)
    assert log == ["told"]


def test_an_optional_hook_may_be_unknown_and_another_may_not(tmp_path: Path) -> None:
    code = "def fusionbench_of_tomorrow():\n    return []\n"
    plugins = load(tmp_path, p="@hookimpl(optionalhook=True)\n" + code)
    assert plugins.failures == []
    assert plugins.hooks["p"] == ()
    with pytest.raises(PluginError, match="fusionbench_of_tomorrow"):
        load(tmp_path, q=code)


@pytest.mark.parametrize("mark", ["tryfirst", "trylast", "wrapper", "hookwrapper"])
def test_a_mark_that_a_registration_hook_cannot_honour_is_refused_with_the_reason(tmp_path: Path, mark: str) -> None:
    body = "yield" if "wrapper" in mark else "return []"
    code = f"@hookimpl({mark}=True)\ndef fusionbench_methods():\n    {body}\n"
    with pytest.raises(PluginError, match=f"fusionbench_methods cannot be marked {mark}: each plugin is asked alone"):
        load(tmp_path, p=code)
