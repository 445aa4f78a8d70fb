"""Modules beside a plugin: found last, never mixed up, and part of what identifies results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fusionbench.plugins import load_plugins
from fusionbench.plugins.neighbours import code_files
from fusionbench.runs.identity import code_digest
from fusionbench.types import PluginError

METHOD = """
import fusionbench as fb

@fb.method({name!r}, tasks=["IVF"])
def fuse(a, b):
    from {module} import VALUE
    return VALUE
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def value(plugins, name: str) -> object:
    return plugins.methods[name].factory().function(None, None)


def test_a_neighbour_is_found_and_its_folder_is_not_in_the_path(tmp_path: Path) -> None:
    before = list(sys.path)
    plugin = write(tmp_path / "mine.py", METHOD.format(name="mine", module="neighbour_one"))
    write(tmp_path / "neighbour_one.py", "VALUE = 1")
    assert value(load_plugins([str(plugin)]), "mine") == 1
    assert str(tmp_path) not in sys.path
    assert sys.path == before


@pytest.mark.parametrize("name", ["queue", "statistics", "numpy", "torch", "yaml", "fusionbench"])
def test_a_neighbour_takes_the_place_of_nothing(tmp_path: Path, name: str) -> None:
    write(tmp_path / f"{name}.py", "raise RuntimeError('executed')")
    plugin = write(tmp_path / "mine.py", f"import {name}\nassert {name}.__file__ != {str(tmp_path / name)!r} + '.py'\n")
    known = sys.modules.pop(name, None) if name in ("queue", "statistics") else None
    try:
        assert "mine" in load_plugins([str(plugin)]).origins
    finally:
        if known is not None:
            sys.modules[name] = known


def test_a_folder_without_code_is_no_module(tmp_path: Path) -> None:
    write(tmp_path / "neighbour_logs" / "run-1" / "notes.txt", "")
    plugin = write(tmp_path / "mine.py", "import neighbour_logs\n")
    with pytest.raises(PluginError, match="No module named 'neighbour_logs'"):
        load_plugins([str(plugin)])


def test_different_neighbours_of_one_name_are_refused_and_equal_ones_are_not(tmp_path: Path) -> None:
    plugins = [
        str(write(tmp_path / side / f"{side}.py", METHOD.format(name=side, module="neighbour_net") + more))
        for side, more in (("left", "from neighbour_net import VALUE\n"), ("right", ""))
    ]
    write(tmp_path / "left" / "neighbour_net.py", "VALUE = 1")
    write(tmp_path / "right" / "neighbour_net.py", "VALUE = 1")
    both = load_plugins(plugins)
    assert (value(both, "left"), value(both, "right")) == (1, 1)
    write(tmp_path / "right" / "neighbour_net.py", "VALUE = 2")
    with pytest.raises(PluginError, match="two plugins have a module 'neighbour_net' beside them") as caught:
        load_plugins(plugins)
    assert "Rename one" in str(caught.value)
    # Each alone gets its own.
    assert value(load_plugins(plugins[:1]), "left") == 1
    assert value(load_plugins(plugins[1:]), "right") == 2


def test_different_neighbours_that_are_imported_late_are_refused_then(tmp_path: Path) -> None:
    plugins = [
        str(write(tmp_path / side / f"{side}.py", METHOD.format(name=side, module="neighbour_late")))
        for side in ("left", "right")
    ]
    write(tmp_path / "left" / "neighbour_late.py", "VALUE = 1")
    write(tmp_path / "right" / "neighbour_late.py", "VALUE = 2")
    both = load_plugins(plugins)
    with pytest.raises(ImportError, match="two plugins have a module 'neighbour_late'"):
        value(both, "left")


def test_a_neighbour_that_was_edited_is_imported_anew_with_its_plugin(tmp_path: Path) -> None:
    plugin = write(tmp_path / "mine.py", METHOD.format(name="mine", module="neighbour_new"))
    write(tmp_path / "neighbour_new.py", "VALUE = 1")
    assert value(load_plugins([str(plugin)]), "mine") == 1
    write(tmp_path / "neighbour_new.py", "VALUE = 'two'")
    assert value(load_plugins([str(plugin)]), "mine") == "two"


def test_neighbours_belong_to_the_code_that_identifies_results(tmp_path: Path) -> None:
    plugin = write(
        tmp_path / "mine.py", METHOD.format(name="mine", module="neighbour_a") + 'FACTORY = "pack.net:Net"\n'
    )
    used = [
        write(tmp_path / "neighbour_a.py", "import neighbour_b, json\nVALUE = 1"),
        write(tmp_path / "neighbour_b.py", "import neighbour_a"),
        write(tmp_path / "pack" / "net.py", "from . import parts"),
        write(tmp_path / "pack" / "parts.py", ""),
    ]
    others = [write(tmp_path / "unrelated.py", ""), write(tmp_path / "json.py", "")]
    assert code_files(plugin) == (plugin, *sorted(used))
    spec = load_plugins([str(plugin)]).methods["mine"]
    before = code_digest(spec, str(plugin), installed=False)
    for path in others:
        write(path, "changed = 1")
    assert code_digest(spec, str(plugin), installed=False) == before
    for path in used:
        text = path.read_text()
        write(path, text + "\nchanged = 1")
        assert code_digest(spec, str(plugin), installed=False) != before
        write(path, text)
    assert code_digest(spec, str(plugin), installed=False) == before


def test_a_plugin_in_a_package_consists_of_the_package(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "pack_of_mine" / name, "")
        for name in ("__init__.py", "net.py", "parts/__init__.py", "parts/block.py")
    ]
    assert set(code_files(files[0])) == set(files)
    installed = write(tmp_path / "site-packages" / "alone.py", "import other_one")
    write(tmp_path / "site-packages" / "other_one.py", "")
    assert code_files(installed) == (installed,)


def test_a_named_module_of_the_current_folder_never_comes_before_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "colorsys.py", "raise RuntimeError('executed')")
    write(tmp_path / "neighbour_plugin.py", METHOD.format(name="mine", module="neighbour_beside"))
    write(tmp_path / "neighbour_beside.py", "VALUE = 3")
    plugins = load_plugins(["colorsys", "neighbour_plugin"])
    assert value(plugins, "mine") == 3
    assert plugins.methods.origin("mine").file == str(tmp_path / "neighbour_plugin.py")


def test_a_folder_of_data_with_the_name_of_a_plugin_is_no_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "no_plugin_at_all" / "image.txt", "")
    with pytest.raises(PluginError, match="plugin no_plugin_at_all: ModuleNotFoundError"):
        load_plugins(["no_plugin_at_all"])
