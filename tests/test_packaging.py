"""The lists in setup.cfg are complete: packages, their folders, entry points and package data."""

from __future__ import annotations

import configparser
import importlib
from pathlib import Path

import pytest

from fusionbench.plugins import sources
from tests.helpers.foreign import FOREIGN

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def folders() -> dict[str, Path]:
    """Every package in the tree, by its import name."""
    found = {}
    for base in (ROOT, ROOT / "plugins", ROOT / "baselines"):
        tops = [ROOT / "fusionbench"] if base == ROOT else sorted(base.glob("fusionbench_*"))
        for top in tops:
            for init in top.rglob("__init__.py"):
                found[".".join(init.parent.relative_to(base).parts)] = init.parent
    return found


def lines(parser: configparser.ConfigParser, section: str, option: str) -> list[str]:
    return [line.strip() for line in parser.get(section, option).splitlines() if line.strip()]


def test_every_package_is_listed_once(setup_cfg: configparser.ConfigParser) -> None:
    listed = lines(setup_cfg, "options", "packages")
    assert sorted(listed) == sorted(folders())


def test_every_top_level_package_outside_the_root_has_its_folder(setup_cfg: configparser.ConfigParser) -> None:
    mapping = dict(line.split(" = ") for line in lines(setup_cfg, "options", "package_dir") if not line.startswith("="))
    expected = {
        name: str(path.relative_to(ROOT)) for name, path in folders().items() if "." not in name and path.parent != ROOT
    }
    assert mapping == expected


# Those that send runs elsewhere wait until a user asks for them with -p.
ASKED_FOR = {"fusionbench_mlflow", "fusionbench_tensorboard", "fusionbench_wandb"}


def test_every_plugin_package_is_announced() -> None:
    announced = {source.target.partition(".")[0] for source in sources.installed() if source.name not in FOREIGN}
    tops = {name for name, path in folders().items() if "." not in name and path.parent != ROOT}
    assert tops - ASKED_FOR == announced


def test_entry_points_exist() -> None:
    for source in sources.installed():
        importlib.import_module(source.target)


def test_every_file_that_is_no_module_is_package_data(setup_cfg: configparser.ConfigParser) -> None:
    for name, folder in folders().items():
        others = [p for p in folder.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc", ".so", ".pyd")]
        patterns = lines(setup_cfg, "options.package_data", name) if others else []
        for path in others:
            assert any(path.match(pattern) for pattern in patterns), f"{path} is in no package_data pattern of {name}"


def test_every_dependency_has_a_lower_bound(setup_cfg: configparser.ConfigParser) -> None:
    needed = lines(setup_cfg, "options", "install_requires")
    for extra in setup_cfg.options("options.extras_require"):
        needed += lines(setup_cfg, "options.extras_require", extra)
    for entry in needed:
        assert ">=" in entry or entry.startswith(("fusionbench[", "#")), entry


def test_every_native_library_is_built_and_built_again_when_its_source_changes() -> None:
    setup, makefile = ((ROOT / name).read_text(encoding="utf-8") for name in ("setup.py", "Makefile"))
    kernels = [path for folder in folders().values() for path in folder.glob("kernel.cpp")]
    assert kernels
    for kernel in kernels:
        folder = kernel.parent.relative_to(ROOT)
        assert f'library("{folder.as_posix()}"' in setup, f"setup.py does not build {kernel}"
        assert f"{folder.parts[0]}/*/native/kernel.*" in makefile
        assert folder.match("*/*/native")
    for path in (ROOT / "fusionbench").glob("*.inc"):  # what several share
        assert f'"fusionbench/{path.name}"' in setup, f"setup.py builds nothing anew when {path.name} changes"
    assert "fusionbench/*.inc" in makefile
