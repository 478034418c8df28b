"""A site that is put together is ready to work."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
_OPENED = """
import gc, sys
from pathlib import Path
from bench.site import made
from gateway.bootstrap import open_site
made(Path(sys.argv[1])).ledger.close()
stays = gc.get_freeze_count()
open_site(Path(sys.argv[1]) / "site").ledger.close()
print(stays, gc.get_freeze_count())
"""


def test_what_a_process_has_loaded_is_not_looked_through_for_garbage(tmp_path: Path) -> None:
    """From the first open site on, a hundred thousand objects of its modules are left alone, and no others later."""
    command = [sys.executable, "-c", _OPENED, str(tmp_path)]
    done = subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)
    stays, later = map(int, done.stdout.split())
    assert (True, True) == (stays > 100_000, later <= stays)
