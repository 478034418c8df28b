"""Acquire: an instance and what was taken before become the session that its plugin fetches with.

Gives transports, secrets, and sealed parts that go on where they were cut off. May say: try again later. Touches the
network. Who calls the plugin is the pipeline.
"""

from gateway.acquire.session import SourceSession, protection

__all__ = ["SourceSession", "protection"]
