"""Each package that runs at a site has a licence that allows it, and stands in the bill of materials."""

import json
import re
import subprocess
from importlib.metadata import metadata
from pathlib import Path

from tests.house import tree
from tests.house.test_lock import pins

#: Kinds that a bureau may run unchanged beside Apache-2.0.
ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "EPL-2.0", "ISC", "LGPL-2.1", "LGPL-3.0-only", "MIT", "MIT-0",
    "MPL-2.0", "PSF-2.0", "Unlicense",
}  # fmt: skip
ROW = re.compile(r"^\| ([a-z][a-z0-9.-]+) \| (.+) \|$", re.MULTILINE)


def listed() -> dict[str, str]:
    """Licence by package, as docs/licences.md has them."""
    rows = dict(ROW.findall((tree.ROOT / "docs" / "licences.md").read_text("utf-8")))
    return {name: said for name, said in rows.items() if name != "package"}


def allowed(expression: str) -> bool:
    """Whether one choice of an SPDX expression is allowed whole."""
    return any(all(part in ALLOWED for part in choice.split(" AND ")) for choice in expression.split(" OR "))


def test_every_package_is_listed() -> None:
    """docs/licences.md has each package of the runtime lock, and no other."""
    assert pins("runtime").keys() == listed().keys()


def test_every_licence_is_allowed() -> None:
    """No package is of a kind that a bureau may not run."""
    assert [] == [name for name, said in listed().items() if not allowed(said)]


def test_packages_say_the_same() -> None:
    """Where a package names its licence in SPDX's words, these are the words of the list."""
    said = {name: "".join(metadata(name).get_all("License-Expression") or []) for name in listed()}
    assert {} == {name: words for name, words in said.items() if words and words != listed()[name]}


def test_the_bill_of_materials_is_whole(tmp_path: Path) -> None:
    """`make sbom` gives a CycloneDX document with each locked package, its version and its digests."""
    subprocess.run(
        ["make", "--silent", "sbom", f"SBOM={tmp_path / 'sbom.json'}"], cwd=tree.ROOT, check=True, capture_output=True
    )
    bill = json.loads((tmp_path / "sbom.json").read_text("utf-8"))
    assert "CycloneDX" == bill["bomFormat"]
    assert pins("runtime") == {one["name"].lower().replace("_", "-"): one["version"] for one in bill["components"]}
    assert [] == [
        one["name"]
        for one in bill["components"]
        if not any(reference.get("hashes") for reference in one.get("externalReferences", [])) and not one.get("hashes")
    ]
