"""The bench's own environment, for peers that the gateway does not lean on: Splink, DuckDB, rapidfuzz.

Gives the Python in it, making it from `requirements/bench.txt` the first time; or the reason why it cannot be made.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_LOCK = _ROOT / "requirements" / "bench.txt"
_VENV = _ROOT / ".venv" / "bench"
#: A registry that does not answer must not hold the bench.
_PATIENCE = 600


def python_of_peers() -> tuple[str | None, str]:
    """(the interpreter, ""), or (None, why there is none)."""
    stamp, wanted = _VENV / "installed", hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    python = _VENV / "bin" / "python"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return str(python), ""
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(_LOCK)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(_VENV)], [str(python), *install]):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.CalledProcessError as fault:
            return None, f"{' '.join(command[1:4])} failed: {(fault.stderr or '').strip().splitlines()[-1:]}"
        except (OSError, subprocess.TimeoutExpired) as fault:
            return None, f"{' '.join(command[1:4])} failed: {type(fault).__name__}"
    stamp.write_text(wanted, "utf-8")
    return str(python), ""
