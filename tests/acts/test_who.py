"""Who acts is the person behind the process, by the operating system's word."""

import pytest

from gateway.acts import DAEMON
from gateway.acts.who import behind, known, name_of
from gateway.errors import NotAllowed

UNSET = str(2**32 - 1)


@pytest.mark.parametrize(
    ("login", "environment", "own", "person"),
    [
        ("1001\n", {}, 997, 1001),  # who logged in, whoever they became by su
        ("1001\n", {"SUDO_UID": "1002"}, 997, 1001),  # the kernel before sudo
        ("1001\n", {"SUDO_UID": "1002"}, 1002, 1001),
        (UNSET, {"SUDO_UID": "1002"}, 997, 1002),  # no login: a container
        ("", {"SUDO_UID": "1002"}, 997, 1002),  # no audit in the kernel
        ("0", {"SUDO_UID": "1002"}, 997, 0),  # root logged in
        (UNSET, {}, 997, 997),  # a service
        (UNSET, {"SUDO_UID": UNSET}, 997, 997),
        (UNSET, {"SUDO_UID": "-5"}, 997, 997),
        (UNSET, {"SUDO_UID": "li"}, 997, 997),
        (UNSET, {"SUDO_UID": "²"}, 997, 997),
        ("garbage", {"SUDO_USER": "li", "USER": "li", "LOGNAME": "li"}, 997, 997),  # names are nobody's word
    ],
)
def test_the_first_word_that_there_is_counts(login: str, environment: dict[str, str], own: int, person: int) -> None:
    """The kernel's login uid, then sudo's, then the process's own."""
    assert person == behind(login, environment, own)


def test_nobody_is_called_as_the_daemon_is() -> None:
    """The system's account of that name, which Debian has, is not what the clock does."""
    assert DAEMON != name_of(1)
    assert "root" == name_of(0)
    assert "uid-3999999999" == name_of(3999999999)


def test_what_cannot_be_attributed_is_not_done() -> None:
    """No name, no act."""
    with pytest.raises(NotAllowed):
        known("  ")
