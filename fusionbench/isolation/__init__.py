"""Methods that are executed in an environment of their own: its making, its process, and the method that talks with it.

* :mod:`~fusionbench.isolation.environments`: from a requirements file to an interpreter that has what it names;
* :mod:`~fusionbench.isolation.runner`: what that interpreter executes, and the frames in which both sides talk;
* :mod:`~fusionbench.isolation.process`: the process, seen from here: time limits, its end, what it printed;
* :mod:`~fusionbench.isolation.method`: the :class:`fusionbench.Method` that the harness calls. It needs torch, the
  others do not.
"""
