"""Data to stdout: tables for people, JSON for scripts. Talk goes to stderr.

Colours and the terminal's width only where there is a terminal; wide Chinese text aligns.
"""

import json
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from gateway.acts.files import STDOUT
from gateway.plugin.forms import CHINA
from gateway.redact import redact, redacted
from gateway.words import _

#: What people look somebody up by, on the platform and here (a keyed digest), and whom they call: shown as they are.
_SHOWN = frozenset({"psn_no", "person_key", "person", "contact"})
#: Around what is shown as it is: characters that Unicode keeps out of every text, and what no text can know.
_OURS = secrets.token_hex(8)
_OPEN, _CLOSE = f"\ufdd0{_OURS}", f"{_OURS}\ufdd1"
_MARKED = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)
_whole: ContextVar[bool] = ContextVar("whole", default=False)
#: Columns of a table that goes into a file or a pipe, where nothing needs to be folded.
_FILE_WIDTH = 240


def print_json(value: Any, *, whole: bool = False) -> None:  # dataclasses, mappings, lists
    """The value as JSON on stdout, redacted but for `_SHOWN`. `whole` is for what somebody asked for with a reason,
    which was recorded."""
    plain = json.loads(json.dumps(value, ensure_ascii=False, default=_plain))
    print(json.dumps(plain if whole else redacted(plain, _SHOWN), ensure_ascii=False, indent=1))


def shown(value: object) -> str:
    """A text that `table`, `line` and `talk` show as it is: a number by which people look somebody up, or whom they
    call. Everything else goes through the redactor."""
    return f"{_OPEN}{value}{_CLOSE}"


@contextmanager
def in_full(whole: bool) -> Iterator[None]:
    """With `whole`, everything is shown as it is while this lasts: for what somebody asked for with a reason, which was
    recorded."""
    token = _whole.set(whole)
    try:
        yield
    finally:
        _whole.reset(token)


def _safe(text: str) -> str:
    pieces = _MARKED.split(text)  # every second one was marked
    said = (piece if at % 2 or _whole.get() else redact(piece) for at, piece in enumerate(pieces))
    return "".join(said)


def _plain(value: Any) -> Any:  # what JSON has no form for
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Enum | Path | Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; numbers stand right, and a table of nothing says so."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for at, name in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[at], int) for row in rows)
        made.add_column(_safe(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) if isinstance(value, int) else _safe(cell(value)) for value in row))
    _console().print(made)
    if not rows:
        line(_("(无)"))


def line(text: str = "") -> None:
    """A line on stdout."""
    print(_safe(text))


def talk(text: str) -> None:
    """A line for the person, on stderr."""
    print(_safe(text), file=sys.stderr)


def tell_rest(shown: int, total: int, tell: Callable[[str], None] = line) -> None:
    """That a list which shows the oldest has more."""
    if total > shown:
        tell(_("只显示最早的 {shown} 项,共 {total} 项").format(shown=shown, total=total))


def beside(out: Path | None) -> Callable[[str], None]:
    """Where is told what else there is to say of a file: `talk`, where the file itself goes to standard output."""
    return talk if out == STDOUT else line


def not_json(out: Path | None, *, as_json: bool, param: str) -> None:
    """Raises BadParameter where both a file and JSON would go to standard output."""
    if as_json and out == STDOUT:
        raise typer.BadParameter(_("内容写到标准输出时,不能同时用 --json"), param_hint=param)


def cell(value: object) -> str:
    """A value as people read it; times of the ledger (UTC) in China's time."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{local(value):%Y-%m-%d %H:%M:%S}"
    return str(value)


def local(at: datetime) -> datetime:
    """A time of the ledger (UTC without zone) in China's time."""
    return at + (CHINA.utcoffset(None) or timedelta())


def _console() -> Console:
    return Console(
        width=None if sys.stdout.isatty() else _FILE_WIDTH, highlight=False, markup=False, emoji=False, soft_wrap=False
    )
