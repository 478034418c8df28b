"""The one door to the words that people read.

Source strings are Chinese, since operators and departments read Chinese; a translation is a gettext catalogue
`gateway/locale/<lang>/LC_MESSAGES/gateway.mo`, chosen by `GATEWAY_LANG`. See docs/decisions/0003-words.md.
"""

import gettext
import os
from pathlib import Path

LOCALE_DIR = Path(__file__).parent / "locale"

_catalogue = gettext.translation(
    "gateway", localedir=LOCALE_DIR, languages=[os.environ.get("GATEWAY_LANG", "zh_CN")], fallback=True
)


def _(message: str) -> str:
    """The message in the operator's language; the Chinese source where no catalogue has it."""
    return _catalogue.gettext(message)
