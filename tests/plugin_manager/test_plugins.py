"""Finding, checking and blocking plugins."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fusionbench.plugins import load_plugins
from fusionbench.plugins.current import BUILTIN
from fusionbench.plugins.registry import nearest
from fusionbench.types import Origin, PluginError, UnknownNameError

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, name: str, code: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return str(path)


FIVE_LINES = """
    import torch
    import fusionbench as fb

    @fb.method("mine", tasks=["IVF"])
    def fuse(infrared, visible):
        return torch.maximum(infrared, visible)
"""


def test_the_five_line_plugin_of_the_documentation_registers_its_method(tmp_path: Path) -> None:
    plugins = load_plugins([write(tmp_path, "my_method", FIVE_LINES)])
    assert plugins.methods["mine"].sources == (2, 2)
    assert plugins.methods.origin("mine").plugin == "my_method"
    assert plugins.methods.origin("mine").file.endswith("my_method.py")


def test_everything_the_suite_brings_loads_without_failure() -> None:
    plugins = load_plugins()
    assert plugins.failures == []
    assert {source.name for source in BUILTIN} <= set(plugins.origins)


def test_keyword_arguments_of_a_function_become_options(tmp_path: Path) -> None:
    code = """
        import fusionbench as fb

        @fb.method("mine", tasks=["IVF"])
        def fuse(a, b, *, share=0.25, mode="soft"):
            "Weighted mean."
            return share * a + (1 - share) * b
    """
    spec = load_plugins([write(tmp_path, "p", code)]).methods["mine"]
    assert {name: option.default for name, option in spec.options.items()} == {"share": 0.25, "mode": "soft"}
    assert spec.summary == "Weighted mean."


def test_hooks_need_no_decorator_and_may_take_any_subset_of_arguments(tmp_path: Path) -> None:
    code = """
        seen = []

        def fusionbench_sample_scored(rows):
            seen.append(rows)
    """
    path = write(tmp_path, "listener", code)
    plugins = load_plugins([path])
    plugins.notify("fusionbench_sample_scored", run=None, rows=[{"value": 1.0}])
    module = next(m for name, m in sys.modules.items() if name.startswith("fusionbench_file_listener"))
    assert module.seen == [[{"value": 1.0}]]


def test_an_event_hook_that_raises_is_warned_of_and_does_not_stop_the_others(tmp_path: Path) -> None:
    plugins = load_plugins(
        [write(tmp_path, "bad", "def fusionbench_run_started(run):\n    raise ValueError('oops')\n")]
    )
    with pytest.warns(UserWarning, match="plugin bad: fusionbench_run_started raised ValueError: oops"):
        plugins.notify("fusionbench_run_started", run=None)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def fusionbench_method():\n    return []\n", "fusionbench_method"),
        ("def fusionbench_methods(nonsense):\n    return []\n", "nonsense"),
        ("def fusionbench_methods():\n    return 3\n", "must return a list of MethodSpec"),
        ("def fusionbench_methods():\n    return ['film']\n", "one item is 'film'"),
        ("def fusionbench_methods():\n    raise RuntimeError('broken')\n", "raised RuntimeError: broken"),
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("def f(:\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("fusionbench_methods = []\n", "fusionbench_methods must be a function"),
        (FIVE_LINES.replace("tasks=", "takes='RGB', tasks="), "takes must be one of luma, rgb, got 'RGB'"),
    ],
    ids=[
        *("misspelt", "signature", "not-a-list", "wrong-item", "raises", "import", "syntax", "exit"),
        *("not-a-function", "wrong-fact"),
    ],
)
def test_a_broken_plugin_asked_for_is_an_error_that_names_it(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        load_plugins([write(tmp_path, "broken", textwrap.dedent(code))])
    assert "plugin broken" in str(caught.value)


def test_a_broken_plugin_found_by_itself_leaves_the_others_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench.plugins import sources

    broken = sources.FileSource("broken", Path(write(tmp_path, "broken", "import nothing_like_this\n")))
    good = sources.FileSource("good", Path(write(tmp_path, "good", FIVE_LINES)))
    monkeypatch.delenv(sources.ENVIRONMENT)
    monkeypatch.setattr(sources, "installed", lambda: iter([broken, good]))
    plugins = load_plugins()
    assert [failure.plugin for failure in plugins.failures] == ["broken"]
    assert "mine" in plugins.methods


def test_a_plugin_with_one_duplicate_registers_nothing_and_both_are_named(tmp_path: Path) -> None:
    first = write(tmp_path, "first", FIVE_LINES)
    second = write(tmp_path, "second", FIVE_LINES.replace('"mine"', '"other"') + FIVE_LINES.replace("fuse", "again"))
    with pytest.raises(PluginError, match=r"'mine' is registered twice: by first .* and by second"):
        load_plugins([first, second])


def test_blocking_by_name(tmp_path: Path) -> None:
    everything = load_plugins()
    some = next(name for name in everything.methods if everything.methods.origin(name).plugin == "classic")
    assert some not in load_plugins(["no:classic"]).methods


def test_blocking_what_does_not_exist_is_warned_of() -> None:
    assert [str(failure) for failure in load_plugins(["no:clasic"]).failures] == [
        "plugin no:clasic: there is no plugin 'clasic' to block. Did you mean classic?"
    ]
    assert not load_plugins(["no:classic"]).failures


def test_a_second_file_of_the_same_name_is_refused_and_the_same_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = write(tmp_path, "mine", FIVE_LINES)
    second = write(tmp_path / "other", "mine", FIVE_LINES.replace('"mine"', '"other"'))
    assert "mine" in load_plugins([first, first]).methods
    with pytest.raises(PluginError, match=r"other/mine\.py has the name of .*mine\.py"):
        load_plugins([first, second])


def test_environment_lists_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "from_environment", FIVE_LINES)
    monkeypatch.setenv("FUSIONBENCH_PLUGINS", f"{path},no:classic")
    plugins = load_plugins()
    assert plugins.methods.origin("mine").plugin == "from_environment"
    assert "classic" not in plugins.origins


def test_missing_file_and_missing_module_are_explained() -> None:
    with pytest.raises(PluginError, match=r"plugin file nowhere\.py does not exist"):
        load_plugins(["nowhere.py"])
    with pytest.raises(PluginError, match="plugin no_such_package"):
        load_plugins(["no_such_package"])


def test_where_no_name_is_near_a_few_are_told_and_many_are_not() -> None:
    assert nearest("xyzzy", ["b", "a"]) == "Known: a, b."
    assert nearest("xyzzy", []) == "Known: none."
    many = [f"name-{number}" for number in range(100)]
    assert nearest("xyzzy", many) == "None of 100 names is near; `fusionbench list` has them."
    assert nearest("nam-7", many).startswith("Did you mean name-7")


def test_unknown_names_answer_with_the_nearest(tmp_path: Path) -> None:
    plugins = load_plugins([write(tmp_path, "p", FIVE_LINES.replace("mine", "gradient-magic"))])
    with pytest.raises(UnknownNameError, match=r"unknown method 'gradient-magik'\.\n  Did you mean gradient-magic"):
        plugins.methods["gradient-magik"]


def test_functions_with_one_source_are_refused_where_they_are_defined(tmp_path: Path) -> None:
    code = FIVE_LINES.replace("infrared, visible", "image").replace("torch.maximum(image)", "image")
    with pytest.raises(PluginError, match="takes two or more sources, this one takes 1"):
        load_plugins([write(tmp_path, "p", code)])


def test_replacing_is_only_allowed_within_one_origin(tmp_path: Path) -> None:
    plugins = load_plugins([write(tmp_path, "p", FIVE_LINES)])
    spec = plugins.methods["mine"]
    with pytest.raises(PluginError, match="registered twice"):
        plugins.with_methods([spec], Origin("python"))
    assert "mine" in plugins.methods


def test_listing_plugins_imports_no_torch() -> None:
    code = (
        "import sys, fusionbench; from fusionbench.plugins import load_plugins; p = load_plugins();"
        "assert p.methods and not p.failures, p.failures;"
        "heavy = {'torch', 'pandas', 'numpy', 'skimage', 'transformers'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_broken_plugin_of_the_environment_is_a_warning_and_nothing_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_PLUGINS", "nowhere.py,no_such_package")
    plugins = load_plugins()
    assert plugins.methods
    reasons = [str(failure) for failure in plugins.failures]
    assert len(reasons) == 2
    assert "nowhere.py of FUSIONBENCH_PLUGINS" in reasons[0]
    assert "no_such_package" in reasons[1]


def test_choices_of_an_option_ignore_case_where_that_is_clear() -> None:
    from fusionbench.types import Option, UsageError

    assert Option(default="plain", choices=("plain", "Official", 3)).parse("x.output", "OFFICIAL ") == "Official"
    assert Option(default="a", choices=("a", "A")).parse("x.output", "A") == "A"
    with pytest.raises(UsageError, match="'b' is not one of a, A"):
        Option(default="a", choices=("a", "A")).parse("x.output", "b")
