"""The prompts: text files of the package, one per task, that a user can copy and change.

A prompt file is UTF-8 text with ``${role}``, ``${width}``, ``${height}``, ``${caption}``, ``${dense}`` and
``${masks}`` where the findings go; what stands before a line ``---`` is the writer's standing instruction.
"""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass
from pathlib import Path

from fusionbench.files import read_regular_text
from fusionbench.types import Task, UsageError
from fusionbench_film.text.contracts import Findings, Region

FOLDER = Path(__file__).parent / "prompts"
FIELDS = frozenset({"role", "width", "height", "caption", "dense", "masks"})
_NOTHING = "(nothing given)"
_MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt template; ``version`` changes with every change of its text."""

    name: str
    system: str
    user: str
    version: str

    def render(self, findings: Findings, role: str) -> str:
        """The user's part with the findings of one picture put in."""
        height, width = findings.size
        return string.Template(self.user).substitute(
            role=role,
            width=width,
            height=height,
            caption=findings.caption or _NOTHING,
            dense="\n".join(dense_line(region) for region in findings.dense) or _NOTHING,
            masks="\n".join(mask_line(region, findings.size) for region in findings.masks) or _NOTHING,
        )


def prompt_names() -> list[str]:
    """The prompts that the package has."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read_prompt(task: Task, name: str | None = None, path: Path | None = None) -> Prompt:
    """The prompt of a task.

    Args:
        task: The fusion task.
        name: Another one of the package's own (``direct``) than the task's.
        path: In its place a text file, or a folder with a file per task (``ivf.txt`` ...).

    Raises:
        UsageError: There is no such prompt, both are given, or the file is missing, too large, no text, or has an
            unknown field.
    """
    if name is not None and path is not None:
        raise UsageError("the name of a prompt and a file or folder with one exclude each other.")
    if name is not None and name not in prompt_names():
        hint = f"A file, or a folder with one for each task, is given with --prompt-path {name}."
        raise UsageError(f"prompt {name!r}: there are {', '.join(prompt_names())}.", hint=hint)
    path = path or FOLDER / f"{name or task.lower()}.txt"
    if path.is_dir():
        path = path / f"{task.lower()}.txt"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"prompt {path}: larger than {_MAX_BYTES} bytes.")
        text = read_regular_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"prompt {path}: cannot be read: {error}.",
            hint="Give a text file, or a folder with ivf.txt, mif.txt, mef.txt, mff.txt.",
        ) from error
    system, divider, user = text.partition("\n---\n")
    if not divider:
        system, user = "", text
    template = string.Template(user)
    if not template.is_valid() or (unknown := set(template.get_identifiers()) - FIELDS):
        what = f"unknown field ${{{sorted(unknown)[0]}}}" if template.is_valid() else "a $ that begins no field"
        raise UsageError(
            f"prompt {path}: {what}.", hint=f"Fields: {', '.join(sorted(FIELDS))}; write $$ for a dollar sign."
        )
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Prompt(path.stem, system.strip(), user.strip(), digest)


def dense_line(region: Region) -> str:
    """One region of a dense captioner as a line of the prompt."""
    box = ", ".join(f"{value:.0f}" for value in region.box)
    return f"- {region.label or 'region'} [{box}]"


def mask_line(region: Region, size: tuple[int, int]) -> str:
    """One segmented region as a line of the prompt."""
    height, width = size
    parts = [region.label or "region"]
    if region.area is not None:
        parts.append(f"area {100 * region.area / max(1, height * width):.1f} %")
    if region.centre is not None:
        parts.append(f"centre {region.centre[0]:.0f}, {region.centre[1]:.0f}")
    parts.append("box " + ", ".join(f"{value:.0f}" for value in region.box))
    if region.intensity is not None:
        parts.append(f"intensity {region.intensity:.0f}")
    return "- " + "; ".join(parts)
