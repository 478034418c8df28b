"""The daemon: wakes up at each instance's planned times, runs what is due, and stops in two steps.

Takes an open site; gives runs, one at a time, and JSON log lines. What ran is in the ledger, not here, so a restart, or
a second daemon, repeats nothing and misses nothing. With `gateway.calendar` the door to apscheduler.
"""

from gateway.daemon.service import Daemon, serve

__all__ = ["Daemon", "serve"]
