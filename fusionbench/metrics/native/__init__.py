"""The native kernel: VIF, edges, Qabf and activity on the CPU in few passes over memory.

It is optional: where it was not built, or ``FUSIONBENCH_NATIVE=0`` is set, the torch formulas do the same
work, slower. Both are held to the same reference values and to each other. It knows no gradients.
"""

from fusionbench.metrics.native.library import NATIVE, Kernel, kernel_for

__all__ = ["NATIVE", "Kernel", "kernel_for"]
