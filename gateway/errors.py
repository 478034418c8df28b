"""Every error the gateway raises on purpose. A branch says what the runner does next.

```
GatewayError
├── ConfigurationFault      stop; a person mends the configuration          exit 2
│   ├── SettingsFault
│   └── KeyFault
├── PluginFault             set the plugin aside, run the others            exit 1
├── TryLater                leave it for the next run                       exit 75
│   ├── PeerUnreachable
│   ├── PeerRefused
│   ├── PeerBroken
│   └── DiskFault
├── SharingEnded            pull nothing from this source, run the others   exit 1
├── PeerUntrusted           stop talking to this peer until a person acts   exit 1
├── EnvelopeRefused         the platform's final no to one message            exit 1
├── DeliveryRefused         refuse the delivery, go on with the others      exit 1
├── NotAllowed              the act is refused, and nothing was changed     exit 1
├── NotFound                what the person named does not exist            exit 1
├── SealBroken              a sealed thing does not open                    exit 1
└── StoreFault              the ledger does not answer, or refuses          exit 75
```

A message says where, what, and the next step; it never carries a cell's value, since that may be somebody.
"""

from enum import IntEnum

from gateway.words import _


class ExitCode(IntEnum):
    """What a command's exit code tells a script."""

    DONE = 0
    FAILED = 1
    CONFIGURATION = 2
    HELD = 3
    LATER = 75


class GatewayError(Exception):
    """Root of the tree. `where`, `what` and `next_step` are sentences for a person, in the operator's language."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, where: str = "", next_step: str = "", code: str = "") -> None:
        self.what, self.where, self.next_step, self.code = what, where, next_step, code
        super().__init__(what)

    def __str__(self) -> str:
        head = f"{self.where}{_(':')}{self.what}" if self.where else self.what
        return f"{head} → {self.next_step}" if self.next_step else head


class ConfigurationFault(GatewayError):
    """The site's configuration is wrong; nothing runs until a person mends it."""

    exit_code = ExitCode.CONFIGURATION


class SettingsFault(ConfigurationFault):
    """`gateway.toml` or a mapping has faults; all of them are in the message."""


class KeyFault(ConfigurationFault):
    """A key or a secret is missing, unreadable or of the wrong kind."""


class PluginFault(GatewayError):
    """A plugin is broken; it is named and set aside."""


class TryLater(GatewayError):
    """Something that passes by itself: the next run tries again."""

    exit_code = ExitCode.LATER
    #: Seconds after which the peer wants to be asked again; None where it does not say.
    after: float | None = None


class PeerUnreachable(TryLater):
    """No connection, or it broke, or it took too long."""


class PeerRefused(TryLater):
    """The peer answered and would not: login refused, maintenance, too many requests."""


class PeerBroken(TryLater):
    """The peer's answer makes no sense: garbage, endless, against its contract."""


class DiskFault(TryLater):
    """The site's disk is full, or a file of ours may not be read or written."""


class SharingEnded(GatewayError):
    """The right to a source's data has ended; what was said before stays in force."""


class PeerUntrusted(GatewayError):
    """The peer could not prove who it is: unknown or changed host key, signature that does not verify."""


class EnvelopeRefused(GatewayError):
    """The platform's final no. `err_msg` may name a person: for the sealed case, never for a log."""

    def __init__(
        self, what: str, *, infcode: int, err_msg: str, where: str = "", next_step: str = ""
    ) -> None:
        self.infcode, self.err_msg = infcode, err_msg
        super().__init__(what, where=where, next_step=next_step, code=str(infcode))


class DeliveryRefused(GatewayError):
    """A delivery that must not be used. `code` is stable and stored with the delivery."""


class NotAllowed(GatewayError):
    """The person may not do this; nothing was changed."""


class NotFound(GatewayError):
    """What was named does not exist."""


class SealBroken(GatewayError):
    """A sealed file or value was changed, cut, or is under another key."""


class StoreFault(GatewayError):
    """The ledger does not answer, or refused a write."""

    exit_code = ExitCode.LATER
