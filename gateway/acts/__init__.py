"""Every act that a person or the daemon can do, one function each, in files by theme.

An act takes an open site and who acts; it checks the right to do it, does it, and records it in the same transaction.
It refuses with `NotAllowed` or `NotFound`, and then nothing was changed but that the refusal is written down. The
command line and the daemon are thin skins over this. Who may do what is one table (`rights`), who acts is the operating
system's word (`who`), and who made a change does not approve it (`holds`, `undo`, `people`).
"""

from gateway.acts.who import DAEMON, actor

__all__ = ["DAEMON", "actor"]
