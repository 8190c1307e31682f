"""Generate the Python modules of the contract: ``python -m protos.generate``.

Needs ``grpcio-tools`` (part of the development dependencies). The generated modules are kept in
the repository, so that nobody needs it to run Medallero.
"""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SERVICES: Final = (
    "protos/medallero/v1/intake.proto",
    "protos/medallero/weather/v1/report.proto",
)
MESSAGES: Final = (*SERVICES, "protos/medallero/v1/status.proto")


def generate(out: Path) -> None:
    """Write the modules of all sources below the directory *out*.

    :raises RuntimeError: protoc refused a source; it has said why on standard error.
    """
    _protoc(f"--python_out={out}", f"--pyi_out={out}", *MESSAGES)
    _protoc(f"--grpc_python_out={out}", *SERVICES)


def main() -> None:
    """Generate into the source tree."""
    generate(ROOT)
    sys.stdout.write("Generated the modules of " + ", ".join(MESSAGES) + "\n")


def _protoc(*arguments: str) -> None:
    from grpc_tools import protoc

    includes = (ROOT, files("grpc_tools") / "_proto")
    command = ["protoc", *(f"--proto_path={path}" for path in includes), *arguments]
    if protoc.main(command) != 0:
        raise RuntimeError("protoc failed")


if __name__ == "__main__":
    main()
