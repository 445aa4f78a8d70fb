"""The four tasks of image fusion and the canonical order of their sources."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """A fusion task. ``str(Task.IVF) == "IVF"``.

    The canonical order of sources is part of the task: infrared, visible; MRI, other;
    over-exposed, under-exposed, further exposures; near, far, further focal planes.
    """

    IVF = "IVF"
    MIF = "MIF"
    MEF = "MEF"
    MFF = "MFF"

    @property
    def title(self) -> str:  # type: ignore[override]  # of a task, not the method of str
        """The task's name in words, as papers write it."""
        return _TITLES[self]

    @property
    def source_names(self) -> tuple[str, str]:
        """Names of the first two sources, in canonical order."""
        return _SOURCES[self]


_TITLES = {
    Task.IVF: "infrared-visible image fusion",
    Task.MIF: "medical image fusion",
    Task.MEF: "multi-exposure image fusion",
    Task.MFF: "multi-focus image fusion",
}
_SOURCES = {
    Task.IVF: ("infrared", "visible"),
    Task.MIF: ("MRI", "other"),
    Task.MEF: ("over", "under"),
    Task.MFF: ("near", "far"),
}
