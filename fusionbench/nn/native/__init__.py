"""The native kernel: Restormer's blocks, convolutions of channels-last maps and unrolled shrinkage on the CPU.

It knows no gradients, and is optional: where it was not built, or ``FUSIONBENCH_NATIVE=0`` is set, torch does the same
work, slower. Both give the same values within the rounding of float32.
"""

from fusionbench.nn.native.library import NATIVE, Kernel, kernel_for
from fusionbench.nn.native.packing import Convolution, Coupling, Output, Projection, Shrinkage

__all__ = ["NATIVE", "Convolution", "Coupling", "Kernel", "Output", "Projection", "Shrinkage", "kernel_for"]
