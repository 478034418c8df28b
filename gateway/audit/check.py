"""Whether a chain holds: every entry names the digest of the one before, and signed checkpoints cover them all.

Takes lines as `form` makes them, in their order, the fingerprints of the keys that are trusted, and what is known from
outside. Gives where the chain does not hold. Looks at bytes, and understands an entry only where something is wrong.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from gateway.audit.form import CHECKPOINT_HEAD, FORM, ORIGIN, Checkpoint, entry_tail, fingerprint, hash_of
from gateway.errors import KeyFault
from gateway.words import _

#: Breaks beyond so many say nothing new.
MOST_BREAKS = 20


@dataclass(frozen=True, kw_only=True)
class Break:
    """A place at which the chain does not hold."""

    #: Line of what was checked, 1 = the first; None = behind the last.
    line: int | None
    #: The entry at or before which it is.
    seq: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A checkpoint as it was kept outside."""

    #: Where: line of which file, or what else the caller calls it.
    where: str
    #: None where the line is damaged.
    checkpoint: Checkpoint | None


@dataclass(kw_only=True)
class Checked:
    """What checking a chain found."""

    entries: int = 0
    checkpoints: int = 0
    anchors: int = 0
    #: The last checkpoint; None where there is none.
    last: Checkpoint | None = None
    #: Entries behind it, which nobody signed yet.
    unsigned: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.breaks


def anchors_in(lines: Iterable[str], name: str) -> list[Anchor]:
    """The checkpoints in a file of anchors, or of a system's log; lines about anything else are passed over."""
    found = []
    for number, line in enumerate(lines, 1):
        at = line.find(CHECKPOINT_HEAD.decode())
        if at >= 0 or FORM in line:
            text = line[max(at, 0) :].rstrip("\r\n\0 ")
            where = _("{name} 第 {n} 行").format(name=name, n=number)
            found.append(Anchor(where=where, checkpoint=Checkpoint.of_line(text.encode("utf-8", "replace"))))
    return found


def check(
    lines: Iterable[bytes],
    *,
    trusted: Collection[str],
    anchors: Iterable[Anchor] = (),
    tip: str | None = None,
) -> Checked:
    """Checks a chain from its first entry on. `lines` with their ends; `trusted`: fingerprints.

    With `tip`, the digest that the last entry must have, entries behind the last checkpoint are no break.
    """
    chain = _Chain(trusted)
    for line in lines:
        chain.take(line)
    chain.end(tip)
    chain.compare(anchors)
    return chain.checked


class _Chain:
    """Goes along a chain, line by line. After a break it goes on from what the line itself says."""

    def __init__(self, trusted: Collection[str]) -> None:
        self.checked = Checked()
        self._trusted = trusted
        self._line = 0
        #: Number and digest of the last entry, and digest of the last checkpoint.
        self._seq, self._hash, self._before = 0, ORIGIN, ORIGIN
        #: number → line
        self._checkpoints: dict[int, bytes] = {}
        #: Public keys in the order in which they first signed; the last one signs now.
        self._keys: list[str] = []

    def take(self, line: bytes) -> None:
        """The next line."""
        self._line += 1
        if line.startswith(CHECKPOINT_HEAD):
            self._take_checkpoint(line)
            return
        if not line.endswith(entry_tail(self._seq + 1, self._hash) + b"\n"):
            self._misfit(line)
        else:
            self._seq += 1
        self._hash = hash_of(line.removesuffix(b"\n"))
        self.checked.entries += 1

    def _misfit(self, line: bytes) -> None:
        expected, seq = self._seq + 1, _number(line)
        if seq is None:
            self._broken(expected, _("这一行不是一条完整的记录"))
        elif seq > expected:
            what = _("缺少第 {a} 至 {b} 条").format(a=expected, b=seq - 1)
            self._broken(expected, what)
        elif seq < expected:
            self._broken(seq, _("第 {a} 条之后又出现第 {b} 条:重复、移动或插入").format(a=self._seq, b=seq))
        else:
            text = _("第 {a} 条与第 {b} 条不衔接:其中一条被改动、替换或伪造").format(a=self._seq, b=seq)
            self._broken(seq, text)
        self._seq = expected if seq is None else seq

    def _take_checkpoint(self, line: bytes) -> None:
        found = Checkpoint.of_line(line.removesuffix(b"\n")) if line.endswith(b"\n") else None
        if found is None:
            self._broken(self._seq, _("这一行不是一个完整的检查点"))
            return
        if (found.number, found.previous) != (self.checked.checkpoints + 1, self._before):
            what = _("检查点 {n} 与前一个检查点不衔接:缺少、重复、移动或被改动").format(n=found.number)
            self._broken(self._seq, what)
        if (found.seq, found.hash) != (self._seq, self._hash):
            what = _("检查点 {n} 签的不是此处的记录(签到第 {seq} 条):此前有记录被改动、增加或删除")
            self._broken(self._seq, what.format(n=found.number, seq=found.seq))
        self._check_signature(found)
        self.checked.checkpoints, self.checked.last = found.number, found
        self._before = hash_of(line.removesuffix(b"\n"))
        self._checkpoints[found.number] = line.removesuffix(b"\n")

    def _check_signature(self, found: Checkpoint) -> None:
        if fault := _signature_fault(found, self._trusted):
            self._broken(self._seq, _("检查点 {n}:{fault}").format(n=found.number, fault=fault))
        elif found.key in self._keys[:-1]:  # whoever has an old one could go on with it
            self._broken(self._seq, _("检查点 {n}:公钥已被换下,不得再签名").format(n=found.number))
        elif found.key not in self._keys:
            self._keys.append(found.key)

    def end(self, tip: str | None) -> None:
        """There is no further line."""
        covered = self.checked.last.seq if self.checked.last else 0
        self.checked.unsigned = max(self._seq - covered, 0)
        self._line = 0
        if tip is not None and tip != self._hash:
            self._broken(self._seq, _("最后一条(第 {n} 条)被改动").format(n=self._seq))
        if tip is None and (self.checked.unsigned or self.checked.last is None):
            what = _("末尾 {n} 条没有检查点:末尾被截去或添加").format(n=self.checked.unsigned)
            self._broken(self._seq, what)

    def compare(self, anchors: Iterable[Anchor]) -> None:
        """With what was kept outside."""
        for anchor in anchors:
            self.checked.anchors += 1
            if fault := self._anchor_fault(anchor.checkpoint):
                seq = anchor.checkpoint.seq if anchor.checkpoint else self._seq
                self._broken(seq, _("外部留存({where}):{fault}").format(where=anchor.where, fault=fault))

    def _anchor_fault(self, kept: Checkpoint | None) -> str:
        if kept is None:
            return _("这一行残缺或被改动")
        if fault := _signature_fault(kept, self._trusted):
            return _("检查点 {n}:{fault}").format(n=kept.number, fault=fault)
        if kept.number > self.checked.checkpoints:
            what = _("检查点 {n}(签到第 {seq} 条,{at})这里没有:末尾被截去")
            return what.format(n=kept.number, seq=kept.seq, at=kept.at)
        if self._checkpoints.get(kept.number) != kept.line():
            return _("检查点 {n} 与这里的不同:链被改写").format(n=kept.number)
        return ""

    def _broken(self, seq: int, text: str) -> None:
        if len(self.checked.breaks) < MOST_BREAKS:
            self.checked.breaks.append(Break(line=self._line or None, seq=seq, text=text))


def _signature_fault(found: Checkpoint, trusted: Collection[str]) -> str:
    """Why its signature proves nothing; "" where it does."""
    if fingerprint(found.key) not in trusted:
        return _("公钥(指纹 {print})不是给定的公钥").format(print=fingerprint(found.key))
    try:
        return "" if found.signature_holds() else _("签名不符")
    except KeyFault as fault:
        return fault.what


def _number(line: bytes) -> int | None:
    """The number that an entry's line says; None where it is no entry."""
    try:
        number = json.loads(line)["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if type(number) is int and number > 0 else None
