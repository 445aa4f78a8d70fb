"""A plugin project written from templates: what it is called, and the files that it has."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath

import jinja2

import fusionbench
from fusionbench.atomic import make_folder
from fusionbench.plugins import current_plugins
from fusionbench.printable import printable
from fusionbench.reports.writing import write_text
from fusionbench.types import Task, UsageError

KINDS = ("method", "dataset", "metric", "exporter", "text-encoder")
"""What a project may bring; the templates of a kind lie in the folder of its name."""

_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")
_LONGEST = 40
_RULE = (
    "a name is of letters and digits, begins with a letter, and may have single hyphens inside; "
    f"lower case but for metrics; at most {_LONGEST} characters"
)
_REGISTRIES = {"method": "methods", "dataset": "datasets", "metric": "metrics", "exporter": "exporters"}
_NOUNS = {"dataset": "data set", "exporter": "table format", "text-encoder": "text encoder"}


@dataclass(frozen=True, slots=True)
class Project:
    """What a project is called.

    Attributes:
        kind: One of :data:`KINDS`.
        name: Under which the method, data set, metric, table format or text encoder is registered.
        task: Of a method or data set.
        isolated: Whether the method is executed in an environment of its own.
    """

    kind: str
    name: str
    task: Task = Task.IVF
    isolated: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"{printable(self.kind)} is none of {', '.join(KINDS)}.")
        if self.isolated and self.kind != "method":
            raise UsageError(f"only methods are isolated, not a {self.noun}.")
        proper = _WORDS.fullmatch(self.name) and len(self.name) <= _LONGEST
        if not proper or (self.kind != "metric" and self.name != self.name.lower()):
            raise UsageError(f"{printable(self.name)!r} cannot be the name of a {self.noun}: {_RULE}.")
        if importlib.util.find_spec(self.package) is not None:
            raise UsageError(f"there is a package {self.package} already.", hint="Choose another name.")

    @property
    def noun(self) -> str:
        """The kind in words."""
        return _NOUNS.get(self.kind, self.kind)

    @property
    def templates(self) -> tuple[str, ...]:
        """The folders of templates that it is made from; a file of a later one takes the place of an earlier one's."""
        return ("common", self.kind, *(["isolated-method"] if self.isolated else []))

    @property
    def distribution(self) -> str:
        """What pip calls it, and its folder."""
        return f"fusionbench-{self.name.lower()}"

    @property
    def package(self) -> str:
        """What Python calls it."""
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """Its module that does the work."""
        return {"text-encoder": "encoder"}.get(self.kind, self.kind)

    @property
    def title(self) -> str:
        """As papers would print it."""
        return "".join(word[:1].upper() + word[1:] for word in self.name.split("-"))

    @property
    def class_name(self) -> str:
        """Its class; the ending keeps it apart from what the module imports."""
        return self.title + {"text-encoder": "Encoder"}.get(self.kind, self.kind.capitalize())


def write_project(project: Project, parent: Path) -> Path:
    """Write the files of a project into a new folder of ``parent``.

    Returns:
        The folder.

    Raises:
        UsageError: Something is registered under the name, the folder exists, or cannot be written.
    """
    registry = _REGISTRIES.get(project.kind)
    known = current_plugins().registry(registry) if registry else {}
    if project.name in known:
        raise UsageError(f"there is a {project.noun} {project.name} already.", hint="Choose another name.")
    folder = parent / project.distribution
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{printable(folder)} exists.", hint="Choose another name or another --dir.")
    for place, text in files(project).items():
        make_folder((folder / place).parent)
        write_text(folder / place, text)
    return folder


def files(project: Project) -> dict[str, str]:
    """The text of every file by its path in the project."""
    environment = _environment()
    facts = {"project": project, "version": fusionbench.__version__, "year": datetime.now(UTC).year}
    found = {}
    for folder in project.templates:
        for template in environment.list_templates():
            group, _, place = template.partition("/")
            if group == folder and place.endswith(".j2"):
                target = str(PurePosixPath(place.removesuffix(".j2").replace("PACKAGE", project.package)))
                found[target.replace("DOT", ".")] = environment.get_template(template).render(facts)
    return found


@cache
def _environment() -> jinja2.Environment:
    """Names are checked before they come here, so nothing is escaped: the texts are of many languages."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("fusionbench.scaffold"),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
