"""The audit chain, by itself: what a line of it is, and whether a chain of lines holds.

Takes lines and public keys; gives digests, signed checkpoints, and where a chain does not hold. Needs no site, no
ledger and no private key, so whoever has an export and the key's fingerprint can check it. What makes the lines is in
`store/audit.py`.
"""

from gateway.audit.check import Anchor, Break, Checked, anchors_in, check
from gateway.audit.form import ORIGIN, Checkpoint, entry_line, fingerprint, hash_of

__all__ = [
    "ORIGIN",
    "Anchor",
    "Break",
    "Checked",
    "Checkpoint",
    "anchors_in",
    "check",
    "entry_line",
    "fingerprint",
    "hash_of",
]
