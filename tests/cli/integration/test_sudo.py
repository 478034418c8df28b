"""The shipped sudo rules, and what sudo tells of who calls."""

import os
import shutil
import subprocess

import pytest

from gateway.acts.who import behind
from tests.house import tree

SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def program(name: str) -> str:
    """Where it is; it is installed with the other programs of the tests."""
    found = shutil.which(name, path=SBIN)
    if found is None:
        pytest.skip(f"{name} is not installed (deploy/sudo.sh)")
    return found


def test_the_shipped_rules_are_sound() -> None:
    """visudo finds nothing to complain of, and operators are let run one program, with nothing of their environment."""
    rules = tree.ROOT / "deploy" / "gateway.sudoers"
    done = subprocess.run([program("visudo"), "-c", "-s", "-f", rules], capture_output=True, text=True, timeout=30)
    assert 0 == done.returncode, done.stdout + done.stderr
    lines = [line for line in rules.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert ["%gateway-operators ALL = (gateway:gateway) NOSETENV: GATEWAY"] == [li for li in lines if "ALL" in li]
    assert ["Cmnd_Alias GATEWAY = /usr/local/bin/gateway"] == [li for li in lines if "Alias" in li]
    page = (tree.ROOT / "docs" / "install.md").read_text("utf-8")
    assert "\n".join(lines) in page
    assert any("env_reset" in line and "!setenv" in line for line in lines)


def test_sudo_tells_who_called_whatever_they_claim() -> None:
    """What sudo hands to the program names the caller, whatever stood in the caller's own environment."""
    if os.getuid() != 0:
        pytest.skip("needs root, who may use sudo without a password")
    claimed = {"SUDO_UID": "1", "SUDO_USER": "li", "USER": "li", "LOGNAME": "li", "PATH": SBIN}
    command = [program("sudo"), "-n", "-u", "nobody", "env"]
    done = subprocess.run(command, env=claimed, capture_output=True, text=True, timeout=30)
    assert 0 == done.returncode, done.stderr
    told = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert os.getuid() == behind("", told, 65534)
    assert 1 == behind("", claimed, 65534)
