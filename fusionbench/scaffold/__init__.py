"""The beginning of a plugin: a package that installs, is found and passes its tests at once."""

from fusionbench.scaffold.project import KINDS, Project, write_project

__all__ = ["KINDS", "Project", "write_project"]
