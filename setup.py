"""The one thing that setup.cfg cannot say: optional native parts, for machines that have a C++ compiler."""

from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# None of these changes what NaN, infinity or the order of additions mean. Products that are added are rounded once.
FLAGS = ["-O3", "-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fvisibility=hidden"]


class BuildLibrary(build_ext):
    """Builds a plain C library, to be loaded with ctypes: it has no Python module to initialise."""

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """Nothing beyond what the source itself exports."""
        return []

    def build_extension(self, ext: Extension) -> None:
        """Choose the flags of the compiler at hand."""
        own = ext.extra_compile_args
        ext.extra_compile_args = ["/O2", "/std:c++17"] if self.compiler.compiler_type == "msvc" else [*FLAGS, *own]
        super().build_extension(ext)


# Folders with packages of their own, as in setup.cfg: no part of a module's name.
ROOTS = ("plugins/", "baselines/")


def library(folder: str, *flags: str) -> Extension:
    """The native part of a package, beside its source; ``flags`` go behind the common ones."""
    package = folder
    for root in ROOTS:
        package = package.removeprefix(root)
    return Extension(
        f"{package.replace('/', '.')}._kernel",
        sources=[f"{folder}/kernel.cpp"],
        depends=[*sorted(map(str, Path(folder).glob("*.inc"))), "fusionbench/instruction_sets.inc"],
        include_dirs=[folder, "fusionbench"],
        extra_compile_args=list(flags),
        language="c++",
        optional=True,
    )


setup(
    ext_modules=[
        library("fusionbench/metrics/native"),
        library("fusionbench/nn/native"),
        # Rounds like torch: where two sources are as salient as each other, the last bit decides.
        library("baselines/fusionbench_classic/native", "-ffp-contract=off"),
    ],
    cmdclass={"build_ext": BuildLibrary},
)
