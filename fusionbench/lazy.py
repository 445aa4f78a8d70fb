"""Names of a package that are loaded at first use, each stated once: ``__getattr__, __dir__, __all__ = names(...)``.

Type checkers and editors read them in the package's stub, ``__init__.pyi``; see :mod:`fusionbench.stubs`.
"""

from __future__ import annotations

import importlib
import sys

# Not from ``typing``: with ``python -m`` this is imported while the current folder comes before the standard library.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any


class _Names:
    """The ``__getattr__`` of a package.

    Attributes:
        package: The package.
        homes: Name -> module that has it; the package itself for its submodules.
        eager: Public names that it has from the start.
        find: What any other name stands for, or None.
    """

    def __init__(
        self, package: str, homes: Mapping[str, str], eager: tuple[str, ...], find: Callable[[str], Any]
    ) -> None:
        self.package, self.homes, self.eager, self.find = package, homes, eager, find

    def __call__(self, name: str) -> Any:
        module = sys.modules[self.package]
        if name in self.homes:
            home = self.homes[name]
            inside = home == self.package
            value = (
                importlib.import_module(f"{home}.{name}") if inside else getattr(importlib.import_module(home), name)
            )
        else:
            value = None if name.startswith("_") else self.find(name)
            if value is None:
                # With name and object Python offers the nearest of what ``dir`` lists.
                message = f"module {self.package!r} has no attribute {name!r}"
                raise AttributeError(message, name=name, obj=module)
        setattr(module, name, value)
        return value


def names(
    package: str,
    homes: Mapping[str, Iterable[str]],
    *,
    modules: Iterable[str] = (),
    eager: tuple[str, ...] = (),
    more: Callable[[], Iterable[str]] = tuple,
    find: Callable[[str], Any] = lambda name: None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """A package's ``__getattr__``, ``__dir__`` and ``__all__``.

    Args:
        package: Its ``__name__``.
        homes: Module inside the package -> public names that it has.
        modules: Modules inside the package that are public names themselves.
        eager: Further public names, which the package has from the start.
        more: Lists names that are known only when it is asked for them.
        find: What one of those stands for, or None.
    """
    found = {name: f"{package}.{module}" for module, listed in homes.items() for name in listed}
    found.update(dict.fromkeys(modules, package))
    public = sorted({*found, *eager})
    return _Names(package, found, eager, find), lambda: sorted({*public, *more()}), public
