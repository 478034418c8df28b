"""Connections to HTTP peers: TLS 1.2 or newer with the peer's certificate checked, and nothing in the clear."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from gateway.acquire import protection
from gateway.errors import GatewayError, KeyFault, PeerRefused, PeerUntrusted, SettingsFault
from gateway.peers.http import HttpPeer
from gateway.peers.retry import Retry
from gateway.peers.tls import Protection, is_bare, is_loopback, protected
from gateway.plugin import HttpOptions

ONCE = Retry(attempts=1, first_wait=0.0, longest_wait=0.0)
NOW = datetime.now(UTC)


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answers everything."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@contextmanager
def serving(
    certificate: trustme.LeafCert,
    *,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    clients: trustme.CA | None = None,
) -> Iterator[str]:
    """The address of an HTTPS server with this certificate; with `clients`, it wants one of that authority's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = min(highest, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = highest
    if highest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    certificate.configure_cert(context)
    if clients:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]  # refused handshakes are the point
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    """The bureau's own authority."""
    return trustme.CA(organization_name="演示 CA")


@pytest.fixture
def trusted(ca: trustme.CA, tmp_path: Path) -> Protection:
    """What trusts that authority alone."""
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return Protection(ca_file=tmp_path / "ca.pem")


def status(base: str, protection: Protection) -> int:
    """What a request comes to."""
    with HttpPeer(base, name="peer", timeout=5.0, retry=ONCE, protection=protection) as peer:
        return peer.request("GET", "/").status


def refused(base: str, protection: Protection, kind: type[GatewayError]) -> str:
    """Why a request was refused."""
    with pytest.raises(kind) as fault:
        status(base, protection)
    assert fault.value.next_step
    return fault.value.what


def test_a_peer_of_a_private_authority_is_trusted(ca: trustme.CA, trusted: Protection) -> None:
    """With `ca_file`, a peer whose certificate that authority signed for its address is spoken to."""
    with serving(ca.issue_cert("127.0.0.1")) as base:
        assert 200 == status(base, trusted)


def test_another_authority_is_not_trusted(trusted: Protection) -> None:
    """A certificate of another authority ends the connection, and so does a private one without `ca_file`."""
    with serving(trustme.CA().issue_cert("127.0.0.1")) as base:
        assert "对方的 TLS 证书由不受信任的 CA 签发" == refused(base, trusted, PeerUntrusted)
        assert "对方的 TLS 证书由不受信任的 CA 签发" == refused(base, Protection(), PeerUntrusted)


@pytest.mark.parametrize(
    ("name", "said"), [("tax.example", "IP 地址"), ("127.0.0.2", "IP 地址")], ids=["name", "address"]
)
def test_another_name_is_not_trusted(ca: trustme.CA, trusted: Protection, name: str, said: str) -> None:
    """A sound certificate of the same authority for another peer ends the connection."""
    with serving(ca.issue_cert(name)) as base:
        assert said in refused(base, trusted, PeerUntrusted)
        assert "不是这个主机名的" in refused(base.replace("127.0.0.1", "localhost"), trusted, PeerUntrusted)


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [(-20, -10, "已过期"), (10, 20, "尚未生效")],
    ids=["expired", "not-yet"],
)
def test_a_certificate_of_another_time_is_not_trusted(
    ca: trustme.CA, trusted: Protection, begins: int, ends: int, said: str
) -> None:
    """A certificate that has expired, or is not valid yet, ends the connection."""
    first, last = NOW + timedelta(days=begins), NOW + timedelta(days=ends)
    with serving(ca.issue_cert("127.0.0.1", not_before=first, not_after=last)) as base:
        assert said in refused(base, trusted, PeerUntrusted)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_not_spoken(ca: trustme.CA, trusted: Protection) -> None:
    """A peer that speaks TLS 1.1 at most is not spoken to."""
    with serving(ca.issue_cert("127.0.0.1"), highest=ssl.TLSVersion.TLSv1_1) as base:
        assert "过时的 TLS" in refused(base, trusted, PeerUntrusted)


def test_tls_1_2_is_spoken(ca: trustme.CA, trusted: Protection) -> None:
    """A peer that speaks TLS 1.2 at most is spoken to."""
    with serving(ca.issue_cert("127.0.0.1"), highest=ssl.TLSVersion.TLSv1_2) as base:
        assert 200 == status(base, trusted)


def test_we_show_who_we_are(ca: trustme.CA, trusted: Protection, tmp_path: Path) -> None:
    """A peer that wants a client's certificate is shown ours; without it, its refusal says what is missing."""
    (tmp_path / "keys").mkdir(mode=0o700)
    own = ca.issue_cert("gateway.example")
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "gateway.pem"))
    (tmp_path / "keys" / "gateway.key").touch(mode=0o600)
    own.private_key_pem.write_to_path(str(tmp_path / "keys" / "gateway.key"))
    with serving(ca.issue_cert("127.0.0.1"), clients=ca) as base:
        options = HttpOptions(
            base=base, ca_file="ca.pem", client_certificate="gateway.pem", client_key="file:keys/gateway.key"
        )
        assert 200 == status(base, protection(options, tmp_path))
        assert "客户端证书" in refused(base, trusted, PeerRefused)
    (tmp_path / "keys" / "gateway.key").chmod(0o644)
    with pytest.raises(KeyFault):
        protection(options, tmp_path)


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    """A file that is missing, or no PEM, is a fault of the configuration."""
    (tmp_path / "ca.pem").write_bytes(b"nonsense")
    for file in ("ca.pem", "none.pem"):
        assert "PEM" in refused("https://127.0.0.1:1", Protection(ca_file=tmp_path / file), SettingsFault)


def test_no_session_keys_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that asks for the keys of each connection gets none, and names no authority of its own."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keylog"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    context = protected("https://127.0.0.1", Protection(), "peer")
    assert not context.keylog_filename
    assert context.get_ca_certs()


@pytest.mark.parametrize("base", ["http://tax.example/", "HTTP://10.0.0.1:8080/", "http://localhost.example"])
def test_nothing_goes_out_in_the_clear(base: str) -> None:
    """Plain HTTP to another machine is refused, by settings and transport, unless its protection is named."""
    with pytest.raises(ValueError, match=r"http://"):
        HttpOptions(base=base)
    assert "http://" in refused(base, Protection(), SettingsFault)
    assert "国密 VPN" == HttpOptions(base=base, channel="国密 VPN").channel
    assert protected(base, Protection(channel="国密 VPN"), "peer")


@pytest.mark.parametrize("channel", ["", "  "])
def test_a_blank_names_nothing(channel: str) -> None:
    """A channel of blanks protects nothing."""
    with pytest.raises(ValueError, match=r"http://"):
        HttpOptions(base="http://tax.example/", channel=channel)
    refused("http://tax.example/", Protection(channel=channel), SettingsFault)


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True), ("10.0.0.1", False),
     ("127.0.0.1.example", False), ("localhost.example", False), ("0.0.0.0", False), ("", False)],
)  # fmt: skip
def test_which_hosts_are_this_machine(host: str, ours: bool) -> None:
    """Loopback addresses and `localhost`, and no name that merely begins so."""
    assert ours == is_loopback(host)
    address = f"[{host}]" if host == "::1" else host
    assert ours != is_bare(f"http://{address}/")
