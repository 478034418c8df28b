"""Every act that a person or the daemon can do, one function each, in files by theme.

An act takes an open site and who acts; it checks the right to do it, does it, and records it in the same transaction.
It refuses with `NotAllowed` or `NotFound`, and then nothing was changed. The command line and the daemon are thin
skins over this. A right is, for now, the operating system's user name, which is written down with every act; who
made a change does not approve it (`holds`).
"""

from gateway.acts.who import DAEMON, actor

__all__ = ["DAEMON", "actor"]
