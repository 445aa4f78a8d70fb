"""Pages of the site that are made from the code when it is built: command line, settings, hooks, front page."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by mkdocs: adds the generated pages."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Path within the site -> Markdown of every generated page."""
    return {
        "index.md": front(),
        "reference/cli.md": command_line(),
        "reference/settings.md": settings(),
        "reference/hooks.md": hooks(),
    }


def front() -> str:
    """The README, with its links turned to the pages of the site."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    # What is no page of the site is named without a link.
    return re.sub(r"\[([^\]]+)\]\((?:[A-Z]+(?:\.md|\.cff)?)\)", r"\1", text)


def command_line() -> str:
    """Every command with its arguments and options, as ``--help`` tells them."""
    from fusionbench.cli import main

    parts = ["# Command line\n", "What `fusionbench COMMAND --help` says, for every command.\n"]
    for context, command in walk(main, click.Context(main, info_name="fusionbench", max_content_width=100)):
        depth = len(context.command_path.split())
        parts += [f"{'#' * min(depth + 1, 4)} {context.command_path}\n", f"```text\n{command.get_help(context)}\n```\n"]
    return "\n".join(parts)


def walk(command: click.Command, context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """A command and all below it, each with its context."""
    yield context, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                inner = click.Context(child, info_name=name, parent=context, max_content_width=100)
                yield from walk(child, inner)


def settings() -> str:
    """The keys of a run's YAML file, with type, default and meaning."""
    from fusionbench.runs.config import DatasetRequest, MethodRequest, RunConfig

    parts = [
        "# Settings of a run\n",
        "The same names are keys of a YAML file (`fusionbench run --config FILE`), arguments of `fusionbench.run`,\n"
        "and, with `-` for `_`, options of `fusionbench run`. Every run folder holds the `config.yaml` that\n"
        "reproduces it.\n",
        "```yaml\nmethods:\n  - gff\n  - {name: laplacian, label: LP4, options: {levels: 4}}\ndatasets:\n"
        "  - roadscene=/data/RoadScene\nprofiles: [zhao, vifb]\nlimit: 10\n```\n",
    ]
    for heading, kind in (("Run", RunConfig), ("A method", MethodRequest), ("A data set", DatasetRequest)):
        parts += [f"## {heading}\n", attributes(kind)]
    return "\n".join(parts)


def attributes(kind: Any) -> str:
    """The attributes of a settings class as a table: name, type, default, meaning."""
    told = dict(described(inspect.getdoc(kind) or ""))
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for field in dataclasses.fields(kind):
        default = (
            "" if field.default is inspect.Parameter.empty or "MISSING" in repr(field.default) else repr(field.default)
        )
        kind_text = str(field.type).replace("|", "\\|")
        rows.append(f"| `{field.name}` | `{kind_text}` | `{default}` | {told.get(field.name, '')} |")
    return "\n".join(rows) + "\n"


def described(docstring: str) -> Iterator[tuple[str, str]]:
    """Name and meaning of each entry of a docstring's ``Attributes:``."""
    _, _, section = docstring.partition("Attributes:\n")
    for match in re.finditer(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
        yield match[1], " ".join(match[2].split()).replace("|", "\\|").replace("``", "`")


def hooks() -> str:
    """Every hook with its signature and contract."""
    from fusionbench import hookspecs

    parts = ["# Hooks\n", f"{inspect.getdoc(hookspecs)}\n"]
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith(hookspecs.PREFIX):
            parts += [
                f"## {name}\n",
                f"```python\n{name}{inspect.signature(function)}\n```\n",
                f"{inspect.getdoc(function)}\n",
            ]
    return "\n".join(parts)
