"""What a value in somebody else's JSON may be. Pure; refuses nothing itself."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeGuard


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
