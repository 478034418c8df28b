"""What the loss of each file in keys/ means: what still works without it, what is said, and that it can be put back."""

from pathlib import Path

import pytest

from gateway.bootstrap import open_site
from gateway.errors import ExitCode, KeyFault
from tests.pipeline.conftest import NewRig
from tests.pipeline.digests import reopened, told
from tests.pipeline.rig import Rig
from tests.pipeline.test_epochs import read_all

#: The site's own: without any of them nothing opens.
OWN = ("provider.json", "ring.json", "passphrase")
#: A department's, by the instance that does without it, and the platform's.
PEERS = {
    "civil_affairs.password": "civil_affairs",
    "civil_affairs.zip_password": "civil_affairs",
    "disabled_federation.client_secret": "disabled_federation",
    "disabled_federation.sm4_key": "disabled_federation",
    "insurance_platform.sm4_key": "",
}


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    """A site after its first day."""
    rig = new_rig("civil_affairs", "disabled_federation")
    rig.peers.stage(1)
    assert ExitCode.DONE == rig.run().exit_code
    return rig


def keys_of(rig: Rig) -> Path:
    return rig.site.settings.root / "keys"


def test_every_file_is_one_of_these(rig: Rig) -> None:
    """No file lies in keys/ of which it is not said here what its loss means."""
    assert {*OWN, *PEERS} == {path.name for path in keys_of(rig).iterdir()}


@pytest.mark.parametrize("name", OWN)
def test_without_a_file_of_its_own_the_site_does_not_open(rig: Rig, name: str) -> None:
    """The file is named; with its copy put back everything opens, and says what it said."""
    path, before = keys_of(rig) / name, told(rig)
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyFault, match=name):
        open_site(rig.site.settings.root)
    path.touch(mode=0o600)
    path.write_bytes(kept)
    with reopened(rig) as again:
        assert before == told(again)
        assert read_all(again.site)
        assert (ExitCode.DONE, 0) == ((report := again.run()).exit_code, report.pushed.sent)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", PEERS)
def test_without_a_peers_secret_the_others_go_on(rig: Rig, name: str) -> None:
    """Nothing that is sealed needs it: the site opens, what it says stands, and the file is named; the other
    departments are visited. With another one from the peer all is as before."""
    path, before, held = keys_of(rig) / name, told(rig), rig.records()
    kept = path.read_bytes()
    path.unlink()
    rig.peers.stage(2)
    with reopened(rig) as again:
        assert before == told(again)
        report = again.run(2)
        faults = "\n".join(map(str, [*report.faults, *(f for one in report.instances.values() for f in one.faults)]))
        assert name in faults
        assert PEERS[name] not in {one for one, said in report.instances.items() if said.taken}
        assert read_all(again.site)
        if not PEERS[name]:
            assert held == rig.records()
    path.touch(mode=0o600)
    path.write_bytes(kept)
    with reopened(rig) as again:
        assert ExitCode.DONE == again.run(2).exit_code
        assert read_all(again.site)
