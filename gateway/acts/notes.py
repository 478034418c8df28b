"""What a person writes beside a decision: why. It names nobody."""

from gateway.errors import NotAllowed
from gateway.redact import redact
from gateway.words import _

#: Characters of a note; what the ledger has room for.
LONGEST = 500


def checked_note(note: str) -> str:
    """The note without anything that looks like an identity number. Raises NotAllowed where it is empty or too long."""
    note = redact(note.strip())
    if not note or len(note) > LONGEST:
        what = _("说明不能为空,也不能超过 {most} 个字").format(most=LONGEST)
        raise NotAllowed(what, next_step=_("请用 --note 写明理由,不要写姓名和证件号码"))
    return note
