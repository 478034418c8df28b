"""A run as the unit file lets it: memory that was written is never executed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Records

HERE = Path(__file__).parents[2]
#: linux/prctl.h: as systemd's MemoryDenyWriteExecute; kept by whatever the process becomes.
DENIED = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
os.execv(sys.executable, [sys.executable, "-m", "tests.pipeline.child", *sys.argv[1:]])
"""
_UNKNOWN = 77
ALL = ("civil_affairs", "rural_revitalization", "disabled_federation", "tax")


def test_a_run_executes_no_memory_that_was_written(new_rig: NewRig, quiet: Callable[..., Records]) -> None:
    """AES archives, workbooks, signed pages, the platform's envelopes, seals, a settlement: without it."""
    rig = new_rig(*ALL)
    rig.peers.stage(1)
    command = [sys.executable, "-c", DENIED, str(rig.site.settings.root), "1"]
    # As the unit file has it: polars would look at the processor by code of its own making.
    environment = {**os.environ, "POLARS_SKIP_CPU_CHECK": "1"}
    done = subprocess.run(command, cwd=HERE, env=environment, check=False, capture_output=True, text=True)
    if done.returncode == _UNKNOWN:
        pytest.skip("the kernel is older than Linux 6.3")
    assert 0 == done.returncode, done.stderr
    assert quiet(*ALL) == rig.records()
