"""A new site of a large city: what the benches of a day and of rotations begin with.

Takes a folder with the city in `city`; gives its peers, served from a process of their own, and the open site.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.bootstrap import open_site
from gateway.logs import configure
from gateway.site import Site
from gateway.testing.city import CityPeers
from gateway.testing.site import new_site, staff, write_site


@contextmanager
def opened(work: Path) -> Iterator[tuple[CityPeers, Site]]:
    """A new site, with a clerk `bench`, before its first run; the first day's lists are there."""
    public = new_site(work / "site")
    with (
        (work / "log").open("w", encoding="utf-8") as log,
        CityPeers(work / "city", work / "peers", process=True, gateway_public_hex=public) as peers,
    ):
        configure(stream=log)
        write_site(work / "site", peers.addresses)
        site = open_site(work / "site")
        staff(site, clerks=["bench"])
        peers.stage(1)
        try:
            yield peers, site
        finally:
            site.ledger.close()
