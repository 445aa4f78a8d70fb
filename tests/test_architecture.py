"""The rules of the house, held against the source: who may import whom, what stays cheap, what is forbidden."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from fusionbench.plugins import load_plugins
from fusionbench.plugins.current import BUILTIN

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "fusionbench"
PLUGINS = sorted(path for folder in ("plugins", "baselines") for path in (ROOT / folder).glob("fusionbench_*"))

# From the ground up: a room imports only from rooms before it, type annotations included.
ROOMS = (
    "printable",
    "redaction",
    "importing",
    "lazy",
    "stubs",
    "types",
    "terminal",
    "extras",
    "allocator",
    "native",
    "cores",
    "endings",
    "devices",
    "files",
    "csv_tables",
    "atomic",
    "stamps",
    "databases",
    "salvage",
    "locking",
    "configuration",
    "hookspecs",
    "plugins",
    "executors",
    "images",
    "isolation",
    "weights",
    "nn",
    "methods",
    "data",
    "metrics",
    "fusing",
    "results",
    "reports",
    "tracking",
    "reconcile",
    "runs",
    "publishing",
    "training",
    "catalogue",
    "details",
    "api",
    "demonstration",
    "installation",
    "testing",
    "scaffold",
    "cli",
)
BUILT_IN = {source.name for source in BUILTIN}
# The front door: `import fusionbench` reaches every room, lazily, and its version is for all of them.
FRONT = ("__init__", "__main__")

HEAVY = {
    "torch",
    "torchvision",
    "pandas",
    "numpy",
    "scipy",
    "skimage",
    "matplotlib",
    "transformers",
    "h5py",
    "accelerate",
}
UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
# What a safe reader raises has to be named; nothing else of the module is used.
HARMLESS = {"pickle.UnpicklingError"}


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


SHIPPED = [path for folder in (CORE, *PLUGINS) for path in modules(folder)]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def imported(node: ast.AST) -> list[str]:
    """Dotted names that an import statement reaches; ``from package import name`` counts as ``package.name``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that importing a module executes: neither bodies of functions nor ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from at_import_time(child)


def room(path: Path) -> str:
    first = path.relative_to(CORE).parts[0]
    return first.removesuffix(".py")


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in modules(CORE)} <= {*ROOMS, *FRONT}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(name: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(name) + 1], "__version__"}
    wrong = [
        f"{place(path, node)} imports {target}"
        for path in modules(CORE)
        if room(path) == name
        for node in ast.walk(tree(path))
        for target in imported(node)
        if target.startswith("fusionbench.") and target.split(".")[1] not in allowed
    ]
    assert wrong == []


def test_the_core_imports_no_plugin() -> None:
    wrong = [
        f"{place(path, node)} imports {target}"
        for path in modules(CORE)
        for node in ast.walk(tree(path))
        for target in imported(node)
        if target.startswith("fusionbench_")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_neither_another_nor_the_core_s_private_names(package: Path) -> None:
    wrong = []
    for path in modules(package):
        for node in ast.walk(tree(path)):
            for target in imported(node):
                parts = target.split(".")
                # The hooks that a plugin adds for others are there to be imported, with the specs that they return.
                other = parts[0].startswith("fusionbench_") and parts[0] != package.name and "hookspecs" not in parts
                private = parts[0] == "fusionbench" and any(
                    part.startswith("_") and part != "__version__" for part in parts
                )
                if other or private:
                    wrong.append(f"{place(path, node)} imports {target}")
    assert wrong == []


def cheap_modules() -> list[Path]:
    """What ``fusionbench --help`` and listing plugins import."""
    core = [path for name in ("types", "plugins", "cli") for path in modules(CORE / name)]
    rest = [
        CORE / f"{name}.py" for name in ("__init__", "extras", "hookspecs", "methods/__init__", "methods/decorator")
    ]
    hooks = [CORE / name / "plugin.py" for name in ("data", "metrics", "reports")]
    entries = [package / "__init__.py" for package in PLUGINS]
    defining = [path for package in PLUGINS for path in modules(package) if defines_hooks(path)]
    return sorted({*core, *rest, *hooks, *entries, *defining})


def defines_hooks(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("fusionbench_") for node in tree(path).body)


@pytest.mark.parametrize("path", cheap_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_listing_costs_nothing(path: Path) -> None:
    wrong = [
        f"{place(path, node)} imports {target}"
        for node in at_import_time(tree(path))
        for target in imported(node)
        if target.split(".")[0] in HEAVY
    ]
    assert wrong == []


def public_definitions(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Public classes and functions of a module, and the public methods of its public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body)


def documented(node: ast.AST) -> bool:
    """Setters and overloads are documented where they begin, ``forward`` of a network by its class."""
    decorators = {ast.unparse(item).rpartition(".")[2] for item in node.decorator_list}
    return bool(ast.get_docstring(node)) or node.name == "forward" or not decorators.isdisjoint({"overload", "setter"})


def test_every_module_says_what_it_is() -> None:
    assert [str(path.relative_to(ROOT)) for path in SHIPPED if not ast.get_docstring(tree(path))] == []


def test_everything_public_in_the_core_has_a_docstring() -> None:
    wrong = [
        f"{place(path, node)} {node.name}"
        for path in modules(CORE)
        for node in public_definitions(tree(path).body)
        if not documented(node)
    ]
    assert wrong == []


def attribute(node: ast.AST) -> list[str]:
    """``module.name`` where it is read from a name."""
    return [ast.unparse(node)] if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else []


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def test_nothing_from_outside_is_unpickled_or_evaluated() -> None:
    wrong = []
    for path in SHIPPED:
        for node in ast.walk(tree(path)):
            for target in (*imported(node), *attribute(node)):
                if target.split(".")[0] in UNSAFE_MODULES and target not in HARMLESS and "." in target:
                    wrong.append(f"{place(path, node)} uses {target}")
        for call, name in calls(path):
            arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            unsafe_load = name == "torch.load" and arguments.get("weights_only") != "True"
            unsafe_array = name in {"np.load", "numpy.load"} and arguments.get("allow_pickle") not in {None, "False"}
            if name in UNSAFE_CALLS or unsafe_load or unsafe_array or arguments.get("shell") == "True":
                wrong.append(f"{place(path, call)} calls {name}")
    assert wrong == []


def test_assertions_only_tell_what_is_known_not_to_be_none() -> None:
    """What users get wrong is no assertion: ``python -O`` drops those, and they name no file and no remedy."""
    wrong = [
        place(path, node)
        for path in SHIPPED
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assert) and not ast.unparse(node.test).endswith(" is not None")
    ]
    assert wrong == []


def test_groups_are_those_that_have_rows_whatever_the_version_of_pandas() -> None:
    """Texts are categories here, and before pandas 3 grouping by those makes a group of each that exists anywhere."""
    wrong = [
        place(path, call)
        for path in SHIPPED
        for call, name in calls(path)
        if name.endswith(".groupby") and "observed" not in {keyword.arg for keyword in call.keywords}
    ]
    assert wrong == []


def test_no_bare_except_and_no_mutable_default() -> None:
    wrong = []
    for path in SHIPPED:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                wrong.append(f"{place(path, node)} bare except")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                defaults = [*node.args.defaults, *(item for item in node.args.kw_defaults if item is not None)]
                if any(isinstance(item, ast.List | ast.Dict | ast.Set) for item in defaults):
                    wrong.append(f"{place(path, node)} mutable default")
    assert wrong == []


def test_the_core_names_no_method_or_data_set() -> None:
    """No string of the core is a name that a plugin registered, but for the part that ``score`` is made of."""
    registered = load_plugins()
    names = {name for name in registered.methods if registered.methods.origin(name).plugin not in BUILT_IN}
    names |= {name for name in registered.datasets if registered.datasets.origin(name).plugin not in BUILT_IN}
    # Conventions of metrics are called like the benchmarks and methods that they come from.
    names -= {spec.profile for spec in registered.metrics.values()}
    found = [
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in modules(CORE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert found == ["fusionbench/runs/precomputed.py: precomputed"]


def test_what_the_type_checker_is_told_to_ignore_has_a_code_and_a_reason() -> None:
    mark, whole = re.compile(r"# type: ?ignore"), re.compile(r"# type: ignore\[[a-z-]+\]  # \S")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (*SHIPPED, *modules(ROOT / "tests"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if mark.search(line) and not whole.search(line) and path != Path(__file__)
    ]
    assert wrong == []


def test_no_module_switches_codes_of_the_type_checker_off() -> None:
    """But for declarations of hooks, which have no bodies."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert "disable_error_code" not in settings
    disabled = {code for override in settings["overrides"] for code in override.get("disable_error_code", ())}
    assert disabled == {"empty-body"}
    assert not any(override.get("ignore_errors") for override in settings["overrides"])


# A result shows itself in a notebook, and gives its frame, by what is written for it: imported where it is asked.
SHOW_THEMSELVES = {
    ("fusionbench.reports.model", "fusionbench.reports.exporters.html"),
    ("fusionbench.reports.comparison.model", "fusionbench.reports.comparison.formats"),
    ("fusionbench.reports.comparison.model", "fusionbench.reports.comparison.tidy"),
}


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not even inside functions or for types alone, but for results that show themselves."""
    names = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for package in (CORE, *PLUGINS)
        for path in modules(package)
    }
    graph = {
        name: {
            module
            for node in ast.walk(tree(path))
            for target in imported(node)
            if (module := target if target in names else target.rpartition(".")[0]) in names and module != name
        }
        for name, path in names.items()
    }
    graph = {name: {other for other in found if (name, other) not in SHOW_THEMSELVES} for name, found in graph.items()}
    list(TopologicalSorter(graph).static_order())
