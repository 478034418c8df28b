"""What a person sees of an error: of a known one, a line and its causes; of a surprise, the way to it, without values.

Takes exceptions; writes to stderr. No cell value, no local variable, nothing that could be somebody.
"""

import sys
import traceback
from collections.abc import Iterator

from gateway.errors import GatewayError
from gateway.redact import foreign, redact
from gateway.words import _

#: Causes beyond this many say nothing new.
_CAUSES = 5


def tell(fault: GatewayError) -> None:
    """Prints where, what and the next step, then the chain of causes."""
    print(redact(_("错误:{fault}").format(fault=fault)), file=sys.stderr)
    for cause in _causes(fault):
        print(_("  原因:{cause}").format(cause=in_words(cause)), file=sys.stderr)


def tell_surprise(surprise: BaseException) -> None:
    """Prints the files and lines that led to it, and its class; not what it says, which may quote somebody."""
    print(_("程序出现意外错误,请把以下内容发给维护人员:"), file=sys.stderr)
    for line in traceback.format_tb(surprise.__traceback__):
        print(line, end="", file=sys.stderr)
    print(in_words(surprise), file=sys.stderr)


def in_words(cause: BaseException) -> str:
    """Our own errors as they speak; of a foreign one its class alone, since its message may quote a row."""
    return redact(str(cause)) if isinstance(cause, GatewayError) else foreign(cause)


def _causes(fault: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = fault
    for _step in range(_CAUSES):
        assert cause is not None
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause is None:
            return
        yield cause
