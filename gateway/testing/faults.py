"""Named faults: what a server does wrong, where, and how many times.

Takes orders (`faults.add("cut", times=2, where="L101", bytes=1000)`), gives one `Fault` to the server each
time it asks whether it shall misbehave now, and refuses a name or an option that the server doesn't have
(ValueError), since a misspelt fault would make a test pass for nothing.

`where` narrows a fault to requests whose label contains it; the label is `METHOD path` over HTTP, followed by
the infno on the insurance platform, the file's path over SFTP, and the psn_no for `lock`, `refuse` and
`unfit`. `after` lets that many matching requests pass first.

| servers | fault | options | what happens |
| --- | --- | --- | --- |
| HTTP | status | code=503, retry_after (s), as_date | that status, nothing carried out |
| HTTP | maintenance | retry_after=1 | 503 with a page of HTML |
| HTTP | drop | | the connection closes, nothing carried out |
| HTTP | garbage | | 200 with bytes that are no JSON, nothing carried out |
| HTTP | endless | | 200 with a body that never ends, nothing carried out |
| HTTP | lost_answer | code | carried out; then the connection closes, or that status comes instead |
| HTTP | stall | seconds=3600 | carried out; the answer comes late |
| HTTP | cut | bytes (half) | carried out; the body stops short of its Content-Length |
| federation, platform | bad_signature | | an answer whose signature doesn't verify |
| federation, platform | expire_token | | every token (sign_no) so far is forgotten |
| federation | expire_cursor | | 410 |
| federation | repeat_page | holders=1 | the page begins with that many holders of the page before |
| federation | short_page | holders=1 | the page ends after that many holders, though more were asked for |
| federation | reorder | | the page's holders come in the reverse order |
| federation, tax, platform | lie_total | by=1 | `total` (`rows`) is that much too high |
| tax, platform | wrong_digest | | a digest that doesn't fit the file |
| tax, platform | gone | | 404 for a prepared file |
| tax | job_failed | | the job asked about has failed |
| platform | string_zero | | `infcode` comes as `"0"` |
| platform | preparing | retry_after=1 | -425 |
| platform | lock | | 19 for an item |
| platform | refuse | code=12 | that `rslt` for an item; the others of its message are carried out |
| platform | unfit | | -400 for the whole message because of one of its items |
| SFTP | drop | | the connection closes before a word is said |
| SFTP | refuse_login | | every password and key is wrong for one connection |
| SFTP | garbage_banner | | bytes that are no SSH, then the connection closes |
| SFTP | other_host_key | | one connection sees another host key |
| SFTP | stall | seconds=3600 | a read waits |
| SFTP | cut | bytes=0 | the connection breaks after that many bytes of the file |
| SFTP | truncate | bytes (half) | the file ends early, though its size says otherwise |
| SFTP | grow | bytes=1024 | the file on disk grows for good after the first read of it |
| SFTP | replace | | another file of the same size takes its place for good after the first read of it |
| SFTP | reorder | | a folder's names come in the reverse order |

A slow server is `stall` with a few seconds. What goes wrong with the gateway's own machine, its disk, its database and
its clock, is no server's doing: tests/torture/ does that.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Option = str | int | float | bool
FaultTable = Mapping[str, frozenset[str]]

HTTP_FAULTS: FaultTable = {
    "status": frozenset({"code", "retry_after", "as_date"}),
    "maintenance": frozenset({"retry_after"}),
    "drop": frozenset(),
    "garbage": frozenset(),
    "endless": frozenset(),
    "lost_answer": frozenset({"code"}),
    "stall": frozenset({"seconds"}),
    "cut": frozenset({"bytes"}),
}
FEDERATION_FAULTS: FaultTable = {
    **HTTP_FAULTS,
    "bad_signature": frozenset(),
    "expire_token": frozenset(),
    "expire_cursor": frozenset(),
    "repeat_page": frozenset({"holders"}),
    "short_page": frozenset({"holders"}),
    "reorder": frozenset(),
    "lie_total": frozenset({"by"}),
}
TAX_FAULTS: FaultTable = {
    **HTTP_FAULTS,
    "wrong_digest": frozenset(),
    "lie_total": frozenset({"by"}),
    "gone": frozenset(),
    "job_failed": frozenset(),
}
PLATFORM_FAULTS: FaultTable = {
    **HTTP_FAULTS,
    "bad_signature": frozenset(),
    "expire_token": frozenset(),
    "string_zero": frozenset(),
    "wrong_digest": frozenset(),
    "lie_total": frozenset({"by"}),
    "gone": frozenset(),
    "preparing": frozenset({"retry_after"}),
    "lock": frozenset(),
    "refuse": frozenset({"code"}),
    "unfit": frozenset(),
}
SFTP_FAULTS: FaultTable = {
    "drop": frozenset(),
    "refuse_login": frozenset(),
    "garbage_banner": frozenset(),
    "other_host_key": frozenset(),
    "stall": frozenset({"seconds"}),
    "cut": frozenset({"bytes"}),
    "truncate": frozenset({"bytes"}),
    "grow": frozenset({"bytes"}),
    "replace": frozenset(),
    "reorder": frozenset(),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One misbehaviour, to be carried out now."""

    #: one of the server's fault names
    name: str
    #: what the order said besides `times`, `where` and `after`
    options: Mapping[str, Option]

    def number(self, option: str, default: float) -> float:
        """The option as a number, or the default where the order didn't give it."""
        return float(self.options.get(option, default))

    def whole(self, option: str, default: int) -> int:
        """The option as a whole number, or the default where the order didn't give it."""
        return int(self.options.get(option, default))


@dataclass(kw_only=True)
class _Order:
    fault: Fault
    left: int
    skip: int
    where: str = field(default="")


class Faults:
    """The orders of one server. Safe to use from several threads."""

    def __init__(self, known: FaultTable) -> None:
        self._known = known
        self._orders: list[_Order] = []
        self._lock = threading.Lock()
        #: how often each fault happened
        self.happened: Counter[str] = Counter()

    def add(self, name: str, *, times: int = 1, where: str = "", after: int = 0, **options: Option) -> None:
        """Let a fault happen `times` times, at labels that contain `where`, once `after` of them have passed.

        Raises ValueError for a fault or an option that this server doesn't have.
        """
        if name not in self._known:
            raise ValueError(f"no such fault here: {name}; there are {', '.join(sorted(self._known))}")
        strange = set(options) - self._known[name]
        if strange or times < 1 or after < 0:
            raise ValueError(
                f"{name} takes {sorted(self._known[name])}, times >= 1 and after >= 0, not {sorted(strange)}"
            )
        order = _Order(fault=Fault(name=name, options=dict(options)), left=times, skip=after, where=where)
        with self._lock:
            self._orders.append(order)

    def take(self, names: str | Iterable[str], label: str = "") -> Fault | None:
        """The first order among `names` that applies to this label, used up by one; None to behave well."""
        if not self._orders:
            return None
        wanted = {names} if isinstance(names, str) else set(names)
        with self._lock:
            for order in self._orders:
                if order.fault.name in wanted and order.where in label and self._due(order):
                    return order.fault
        return None

    def armed(self, name: str) -> bool:
        """True while an order of that name is left."""
        return any(order.fault.name == name for order in self._orders)

    def clear(self) -> None:
        """Behave well from now on."""
        with self._lock:
            self._orders.clear()

    def pending(self) -> dict[str, int]:
        """How often each fault will still happen."""
        left: Counter[str] = Counter()
        with self._lock:
            for order in self._orders:
                left[order.fault.name] += order.left
        return dict(left)

    def _due(self, order: _Order) -> bool:
        if order.skip:
            order.skip -= 1
            return False
        order.left -= 1
        self.happened[order.fault.name] += 1
        if not order.left:
            self._orders.remove(order)
        return True
