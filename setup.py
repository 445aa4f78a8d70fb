"""The one thing that setup.cfg cannot say: optional native parts, for machines that have a C++ compiler."""

from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# None of these changes what NaN, infinity, rounding or the order of additions mean.
FLAGS = ["-O3", "-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fvisibility=hidden"]


class BuildLibrary(build_ext):
    """Builds a plain C library, to be loaded with ctypes: it has no Python module to initialise."""

    def get_export_symbols(self, ext: Extension) -> list[str]:
        """Nothing beyond what the source itself exports."""
        return []

    def build_extension(self, ext: Extension) -> None:
        """Choose the flags of the compiler at hand."""
        ext.extra_compile_args = ["/O2", "/std:c++17"] if self.compiler.compiler_type == "msvc" else FLAGS
        super().build_extension(ext)


def library(folder: str) -> Extension:
    """The native part of a package, beside its source."""
    return Extension(
        f"{folder.replace('/', '.')}._kernel",
        sources=[f"{folder}/kernel.cpp"],
        depends=sorted(map(str, Path(folder).glob("*.inc"))),
        language="c++",
        optional=True,
    )


setup(
    ext_modules=[library("fusionbench/metrics/native"), library("fusionbench/nn/native")],
    cmdclass={"build_ext": BuildLibrary},
)
