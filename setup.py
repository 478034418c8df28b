"""Which packages the wheel holds; everything else is said in pyproject.toml.

The folders `plugins/` and `mappings/` carry short names in the tree and long ones once installed, where
`plugins` would collide with anybody's. pyproject.toml can map names or find packages, but not both.
"""

from setuptools import find_namespace_packages, setup

SHIPPED_FOLDERS = {"gateway_plugins": "plugins", "gateway_mappings": "mappings"}

setup(
    package_dir={"gateway": "gateway", **SHIPPED_FOLDERS},
    packages=[
        *find_namespace_packages(include=["gateway", "gateway.*"]),
        *SHIPPED_FOLDERS,
        *(
            f"{name}.{inner}"
            for name, folder in SHIPPED_FOLDERS.items()
            for inner in find_namespace_packages(where=folder)
        ),
    ],
)
