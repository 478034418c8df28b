"""Acquire: a source and what was seen before become deliveries, complete and whole, in sealed parts.

Takes a plugin's source and a session. Gives what it fetched. May say: try again later. Touches the network.
"""

from gateway.acquire.session import SourceSession, protection

__all__ = ["SourceSession", "protection"]
