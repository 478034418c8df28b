"""Requests prove who sends them, each time anew."""

import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from pydantic import SecretStr

from gateway.errors import PeerBroken, PeerRefused
from gateway.peers.http import HttpPeer, Retry
from gateway.peers.signing import BearerToken, TaxSigner, canonical, sign
from tests.peers.scripted import Play, Scripted, Seen, always, answer

RETRY = Retry(attempts=3, first_wait=1.0, longest_wait=9.0)
NOW = datetime.fromtimestamp(1793494800, UTC)
#: Made with tools independent of this project.
CANONICAL = (
    "GET\n/gov/tax/export/jobs/7?x=1\n1793494800\nn-1\n"
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)
SIGNATURE = "705ec27b9ff7ce756bce37d4a899467a58ec1653e657c83027d5050f20688de8"


def test_vector() -> None:
    """The canonical text and its signature are those of the contract's vectors."""
    assert CANONICAL == canonical("GET", "/gov/tax/export/jobs/7?x=1", 1793494800, "n-1", b"")
    assert SIGNATURE == sign("secret", CANONICAL)


@pytest.mark.integration
def test_signed_as_sent() -> None:
    """What is signed is the target and the body as they stand on the wire, with a fresh nonce for each
    repetition."""
    nonces = count(1)
    signer = TaxSigner("AK", SecretStr("secret"), lambda: NOW, lambda: f"n-{next(nonces)}")
    with (
        Scripted(always(503), always(200)) as server,
        HttpPeer(server.base, name="税务", timeout=5.0, retry=RETRY, auth=signer) as http,
    ):
        http.request("POST", "export/jobs", params={"区": "百色 +"}, json={"year": 2026})
    assert ["n-1", "n-2"] == [seen.headers["x-nonce"] for seen in server.seen]
    for seen in server.seen:
        text = canonical(seen.method, seen.target, 1793494800, seen.headers["x-nonce"], seen.body)
        assert sign("secret", text) == seen.headers["x-signature"]
        assert ("AK", "1793494800") == (seen.headers["x-access-key"], seen.headers["x-timestamp"])


class Tokens:
    """A token endpoint and one resource that takes only the newest token."""

    def __init__(self, expires_in: object = 600) -> None:
        self.given, self.expires_in = 0, expires_in

    def play(self, seen: Seen) -> list[bytes]:
        if seen.target == "/base/oauth2/token":
            self.given += 1
            body = {"access_token": f"t{self.given}", "token_type": "Bearer", "expires_in": self.expires_in}
            return [answer(200, json.dumps(body).encode())]
        right = seen.headers.get("authorization") == f"Bearer t{self.given}"
        return [answer(200 if right else 401, b"{}")]


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def bearer(server: Scripted, clock: Clock | None = None) -> HttpPeer:
    token = BearerToken("/oauth2/token", "id", SecretStr("s:e"), clock or Clock())
    return HttpPeer(server.base, name="残联", timeout=5.0, retry=RETRY, auth=token)


@pytest.mark.integration
def test_one_token_for_many_requests() -> None:
    """A token is asked for once, as RFC 6749 says, and used until it ends."""
    tokens = Tokens()
    with Scripted(tokens.play) as server, bearer(server) as http:
        assert [200, 200, 200] == [http.request("GET", "a").status for _ in range(3)]
    asked = server.seen[0]
    assert ("POST", b"grant_type=client_credentials") == (asked.method, asked.body)
    assert "Basic aWQ6czpl" == asked.headers["authorization"]
    assert 1 == tokens.given


@pytest.mark.integration
def test_renewed_before_its_end() -> None:
    """A token that ends within half a minute is renewed before a request runs into its end."""
    tokens, clock = Tokens(), Clock()
    with Scripted(tokens.play) as server, bearer(server, clock) as http:
        http.request("GET", "a")
        clock.now = NOW + timedelta(seconds=569)
        http.request("GET", "a")
        assert 1 == tokens.given
        clock.now = NOW + timedelta(seconds=571)
        assert 200 == http.request("GET", "a").status
    assert 2 == tokens.given


@pytest.mark.integration
def test_renewed_once_on_401() -> None:
    """A token that the server has forgotten is renewed once; a second 401 is the answer."""
    tokens = Tokens()
    with Scripted(tokens.play) as server, bearer(server) as http:
        http.request("GET", "a")
        tokens.given = 5  # an older token is now worth nothing
        assert 200 == http.request("GET", "a").status
    token = always(200, b'{"access_token": "t", "expires_in": 600}')
    with Scripted(token, always(401), token, always(401)) as server, bearer(server) as http:
        assert 401 == http.request("GET", "a").status
    assert 4 == len(server.seen)


@pytest.mark.integration
def test_threads_share_the_token() -> None:
    """Threads that need a token at the same moment ask for one, not one each."""
    tokens = Tokens()
    statuses: list[int] = []
    with Scripted(tokens.play) as server, bearer(server) as http:

        def work() -> None:
            for _ in range(5):
                statuses.append(http.request("GET", "a").status)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert [200] * 20 == statuses
    assert 1 == tokens.given


@pytest.mark.integration
def test_wrong_credentials() -> None:
    """A token endpoint that refuses is a refusal of the request."""
    with Scripted(always(401)) as server, bearer(server) as http, pytest.raises(PeerRefused):
        http.request("GET", "a").expect(200)


@pytest.mark.integration
def test_token_endpoint_busy(waits: list[float]) -> None:
    """A token endpoint that is busy is waited for like any other."""
    token = always(200, b'{"access_token": "t", "expires_in": 600}')
    with Scripted(always(503, Retry_After="4"), token, always(200)) as server, bearer(server) as http:
        assert 200 == http.request("GET", "a").status
    assert [4.0] == waits


@pytest.mark.integration
@pytest.mark.parametrize(
    "play",
    [
        always(200, b"<html>"),
        always(200, b"[]"),
        always(200, b'{"access_token": "t"}'),
        always(200, b'{"access_token": "a\\nb", "expires_in": 1}'),
        always(200, b'{"access_token": "t", "expires_in": 1e999}'),
        always(200, b'{"access_token": "t", "expires_in": NaN}'),
        always(200, b"x" * 2_000_000),
    ],
)
def test_garbage_token(play: Play) -> None:
    """A token endpoint that answers nonsense, or without end, is an error of ours."""
    with Scripted(play) as server, bearer(server) as http, pytest.raises(PeerBroken):
        http.request("GET", "a")
