"""Common ways in which departments say that a delivery is complete."""

import pytest

from gateway.errors import DeliveryRefused
from gateway.plugin import marked, read_sums
from plugins.civil_affairs import STEM

DIGEST = "a" * 64


@pytest.mark.parametrize("written", ["  name.xlsx", " *name.xlsx", "  ./name.xlsx", " *./name.xlsx"])
def test_sums_name_files_as_coreutils_does(written: str) -> None:
    """A line of sha256sum in text or binary mode, of a file given with or without `./`, names the file."""
    assert {"name.xlsx": DIGEST} == read_sums(f"{DIGEST}{written}\n".encode(), "SHA256SUMS")


@pytest.mark.parametrize("written", ["  ../name.xlsx", "  /name.xlsx", "  ./a/name.xlsx", "  ./../name.xlsx", "  ./"])
def test_sums_name_no_paths(written: str) -> None:
    """A file elsewhere is no file of the delivery."""
    with pytest.raises(DeliveryRefused):
        read_sums(f"{DIGEST}{written}\n".encode(), "SHA256SUMS")


@pytest.mark.parametrize("area", ["451022", "451022101", "451022101201"])
def test_an_area_has_six_nine_or_twelve_digits(area: str) -> None:
    """A county, a town or a village may hand over a list of its own; other lengths are no area."""
    stem = f"MZ_{area}_20261101_F_0001"
    assert [stem] == marked([f"{stem}.ok", f"MZ_{area}1_20261101_F_0001.ok"], marker=".ok", pattern=STEM)
