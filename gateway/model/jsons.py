"""Somebody else's JSON. Pure."""

import json
import re
from typing import Any

#: Half of a character that JSON writes in two: alone it is no text, and nothing can be made of it later.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def json_of(content: bytes) -> Any:  # whatever somebody wrote
    """UTF-8 as JSON. Raises ValueError where it is none or a text in it is none, RecursionError for too deep a one."""
    text = content.decode("utf-8-sig")
    value = json.loads(text)
    if _HALF.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value
