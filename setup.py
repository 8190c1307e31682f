"""What is compiled, where there is a C compiler. All else about the package is in setup.cfg."""

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    ext_modules=cythonize(
        [
            Extension(
                "streams.canonical",
                ["streams/canonical.pyx"],
                # Without what a debugger wants, so that the same sources give the same bytes.
                extra_compile_args=["-O3", "-g0"],
                # Where it cannot be compiled, the worker does the same in Python.
                optional=True,
            )
        ],
        build_dir="build",
        quiet=True,
    )
)
