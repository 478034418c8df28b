"""Servers that keep the peers' contracts to the letter, and break them on request, for tests and demos.

Takes folders that a driver fills (`CityPeers` fills them from a city's days); gives an SFTP server and the
HTTP servers of 残联, 税务 and the insurance platform, each on 127.0.0.1 in its own thread, or all in a child
process (`python -m gateway.testing CONFIG.json`); refuses what the contracts refuse. What they do wrong is in
`faults.py`. Shipped for authors of plugins; of ours only the demonstration uses it.
"""

from gateway.testing.city import MZ_PASSWORD, CityPeers
from gateway.testing.faults import Fault, Faults
from gateway.testing.federation import FederationServer
from gateway.testing.platform import PlatformServer
from gateway.testing.sftp import SftpServer
from gateway.testing.tax import TaxServer

__all__ = [
    "MZ_PASSWORD",
    "CityPeers",
    "Fault",
    "Faults",
    "FederationServer",
    "PlatformServer",
    "SftpServer",
    "TaxServer",
]
