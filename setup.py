"""What is compiled, where there is a C compiler. All else about the package is in setup.cfg."""

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class BuildWhatIsPossible(build_ext):
    """Where it cannot be compiled, the worker does the same in Python.

    ``optional`` alone forgives errors of a compiler, but not that there is none.
    """

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            self.warn(f"{ext.name} is left out: {error}")


extensions = cythonize(
    [
        Extension(
            name,
            [name.replace(".", "/") + ".pyx"],
            depends=["olympics/packed.pxd"],
            # Without what a debugger wants, so that the same sources give the same bytes.
            extra_compile_args=["-O3", "-g0"],
        )
        for name in ("olympics.whole", "streams.canonical")
    ],
    build_dir="build",
    quiet=True,
)
for extension in extensions:
    extension.optional = True  # cythonize forgets it

setup(cmdclass={"build_ext": BuildWhatIsPossible}, ext_modules=extensions)
