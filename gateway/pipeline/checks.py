"""What `gateway doctor` asks of peers: does the connection stand, and does their clock agree with ours.

Takes an open site; gives sentences of the peer's plugin. Raises what a run would raise. Nothing is fetched or sent.
"""

from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.acquire import protection
from gateway.peers.http import HttpPeer
from gateway.peers.retry import Retry
from gateway.pipeline import sharing
from gateway.pipeline.intake import open_session
from gateway.pipeline.known import known
from gateway.pipeline.platform import open_channel
from gateway.plugin.api import HttpOptions
from gateway.settings import Instance
from gateway.site import Site

#: One try: whoever runs the doctor waits for it.
_ONCE = Retry(attempts=1, first_wait=0.0, longest_wait=0.0)


def check_source(site: Site, instance: Instance, today: date) -> list[str]:
    """Connects to a department. What its plugin found, in sentences. Raises GatewayError, SharingEnded among them."""
    sharing.require(instance, today)
    with known(instance.name), open_session(site, instance, today) as session:
        source = site.plugins.source(instance.settings.plugin)(instance.options)
        return list(source.check(session))


def check_platform(site: Site, today: date) -> None:
    """Signs in at the platform, which proves the keys of both sides. Raises GatewayError."""
    with known("platform"), open_channel(site, today) as channel:
        channel.sign_in()


def clock_difference(site: Site, options: HttpOptions, name: str) -> timedelta | None:
    """By how much an HTTP peer's clock is ahead of ours; None where it does not say. Raises TryLater."""
    protected = protection(options, site.settings.root)
    with HttpPeer(options.base, name=name, timeout=options.timeout, retry=_ONCE, protection=protected) as peer:
        answer = peer.request("HEAD", "")
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - datetime.now(UTC)
