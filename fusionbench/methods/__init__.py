"""What the author of a method imports: the decorator, the base of learned methods, finishing as official scripts do.

* :func:`fusionbench.method` turns a function or a class into a registered method (``decorator``, loads no torch);
* :class:`~fusionbench.methods.learned.LearnedMethod` is the base of methods that are one network;
* :mod:`~fusionbench.methods.finishing` has the stretches and roundings of official scripts, for ``finish``.
"""

from fusionbench.methods.decorator import method

__all__ = ["method"]
