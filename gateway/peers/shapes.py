"""What a value in somebody else's JSON may be. Pure; refuses nothing itself."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

#: Half of a character that JSON writes in two: alone it is no text, and nothing can be made of it later.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def json_of(content: bytes) -> Any:  # whatever somebody wrote
    """UTF-8 as JSON. Raises ValueError where it is none or a text in it is none, RecursionError for too deep a one."""
    text = content.decode("utf-8-sig")
    value = json.loads(text)
    if _HALF.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def is_count(value: object) -> TypeGuard[int]:
    """Whether this is a number of things: JSON's `true` is an int to Python, and not to us."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def mapping(value: object) -> Mapping[str, Any]:  # its values are unknown by nature
    """The object, or an empty one where there is none: the fields are then found missing."""
    return value if isinstance(value, dict) else {}


def base64_bytes(value: object) -> bytes:
    """The bytes, or none where that isn't base64: no signature and no seal is empty, so it fails there."""
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        return b""
