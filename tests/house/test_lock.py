"""The lock files say everything that is installed, and nothing about where from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import tree

LOCKS = tree.ROOT / "requirements"
PROJECT = tomllib.loads((tree.ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
PIN = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; [^\\]+)? \\\n"
    r"(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+",
    re.MULTILINE,
)
#: Anything that would send pip to one place: an address, an option, a path.
PLACE = re.compile(r"://|--|\s@\s|^[-./]", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Version by distribution."""
    return {canonicalize_name(name): version for name, version in PIN.findall(_read(lock))}


def _read(lock: str) -> str:
    return (LOCKS / f"{lock}.txt").read_text("utf-8")


@pytest.mark.parametrize("lock", ["dev", "demo", "runtime", "bench"])
def test_a_lock_names_no_place(lock: str) -> None:
    """Where packages come from is the installing machine's business."""
    lines = [
        line for line in _read(lock).splitlines() if not line.lstrip().startswith(("#", "--hash=sha256:"))
    ]
    assert None is PLACE.search("\n".join(lines))


@pytest.mark.parametrize("lock", ["dev", "demo", "runtime", "bench"])
def test_every_line_of_a_lock_is_a_pin_with_hashes(lock: str) -> None:
    """No requirement in a lock is without an exact version and at least one digest."""
    rest = PIN.sub("", _read(lock))
    assert [] == [line for line in rest.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize(
    ("lock", "extras"), [("dev", ["testing", "dev"]), ("demo", ["testing"]), ("runtime", [])]
)
def test_a_lock_holds_what_the_project_asks_for(lock: str, extras: list[str]) -> None:
    """Each dependency of pyproject.toml, the build's included, is locked at a version that it allows."""
    lines = [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(line for extra in extras for line in EXTRAS[extra]),
    ]
    locked = pins(lock)
    asked = [Requirement(line) for line in lines]
    assert [] == [
        f"{want}: {locked.get(canonicalize_name(want.name))}"
        for want in asked
        if not want.specifier.contains(locked.get(canonicalize_name(want.name), "0"), prereleases=True)
        or canonicalize_name(want.name) not in locked
    ]


def test_all_locks_name_the_same_versions() -> None:
    """What the tests ran with is what a site runs with, and a site has no server of the demonstration's."""
    dev, demo, runtime = pins("dev"), pins("demo"), pins("runtime")
    assert runtime.items() < demo.items() < dev.items()
    assert {"asyncssh"} == demo.keys() - runtime.keys()


def test_ci_runs_what_a_person_runs() -> None:
    """CI calls `make test` and nothing else."""
    script = Path(tree.ROOT / ".ci" / "run")
    assert "exec make test" == script.read_text("utf-8").splitlines()[-1]
    assert script.stat().st_mode & 0o100
