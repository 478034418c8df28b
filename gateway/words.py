"""The one door to the words that people read.

Source strings are Chinese, since operators and departments read Chinese; English is the gettext catalogue
`gateway/locale/en/LC_MESSAGES/gateway.mo`, chosen by `GATEWAY_LANG=en`. See docs/decisions/0003-words.md.
"""

import gettext
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

LOCALE_DIR = Path(__file__).parent / "locale"


def _asked() -> str:
    """The language of `GATEWAY_LANG`: `en` of `en_US.UTF-8`. Nothing but its first letters, since it becomes part of a
    path, and whoever chose the catalogue could put words and fields into every message."""
    letters = re.match(r"[A-Za-z]*", os.environ.get("GATEWAY_LANG", ""))
    return letters[0].lower() if letters else ""


_catalogue = gettext.translation("gateway", localedir=LOCALE_DIR, languages=[_asked() or "zh"], fallback=True)
_as_written: ContextVar[bool] = ContextVar("as_written", default=False)

#: Of the language that people read here: `en`, or `zh` where there is no catalogue for what was asked for.
LANGUAGE = _asked() if isinstance(_catalogue, gettext.GNUTranslations) else "zh"


def _(message: str) -> str:
    """The message in the operator's language; the Chinese source where no catalogue has it."""
    return message if _as_written.get() else _catalogue.gettext(message)


def translated(sentence: str) -> str:
    """The same for a sentence out of a table, such as `model.outcomes.REASONS`, which receipts need in Chinese."""
    return _(sentence) if sentence else ""


@contextmanager
def in_chinese() -> Iterator[None]:
    """Within it everything stays as it was written: for documents that county clerks fill in and send back, which must
    read the same whoever exports and imports them."""
    token = _as_written.set(True)
    try:
        yield
    finally:
        _as_written.reset(token)
