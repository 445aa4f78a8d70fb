"""The native kernel: window means, guided and separable filters, diffusion and conjugate gradients on the CPU.

It is optional: where it was not built, or ``FUSIONBENCH_NATIVE=0`` is set, torch does the same work, slower. Both are
held to the same known answers and to each other. It knows no gradients.
"""

from fusionbench_classic.native.library import NATIVE, Kernel, kernel_for

__all__ = ["NATIVE", "Kernel", "kernel_for"]
