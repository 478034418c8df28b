"""What protects plain HTTP to other machines is written down as an act when it is first used, and whenever it changes.

Takes an open site; writes to the ledger. Whether it holds is not ours to see: it is the site's word, and the record
says who ran with it and when.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.peers.tls import is_bare
from gateway.plugin.api import HttpOptions, PluginOptions
from gateway.settings import Settings
from gateway.store.ledger import Tx, acts, record_act

ACT = "channel.named"


def bare(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """(peer, host, what the site says protects it) for each that is spoken to in plain HTTP."""
    models: dict[str, PluginOptions] = {"platform": settings.platform}
    models |= {name: instance.options for name, instance in settings.sources.items()}
    for name, options in models.items():
        if isinstance(options, HttpOptions) and is_bare(options.base):
            yield name, urlsplit(options.base).netloc, options.channel


def note(tx: Tx, settings: Settings, actor: str) -> None:
    """Writes down what is new since the last act about each peer; one that is in the clear no more has channel ""."""
    known = {act.detail["peer"]: (act.detail["host"], act.detail["channel"]) for act in acts(tx, ACT)}
    there = {name: (host, channel) for name, host, channel in bare(settings)}
    gone = {name: ("", "") for name, said in known.items() if name not in there and said != ("", "")}
    for name, (host, channel) in {**there, **gone}.items():
        if known.get(name) != (host, channel):
            record_act(tx, actor=actor, act=ACT, peer=name, host=host, channel=channel)
