#!/bin/sh
# Writes requirements/dev.txt, demo.txt and runtime.txt from pyproject.toml: exact versions, hashes of every
# published file (so that one lock serves every processor and every Python), and no index or host.
#
#   deploy/lock.sh               keeps the locked versions where pyproject.toml still allows them
#   deploy/lock.sh --upgrade     takes the newest
set -eu
cd "$(dirname "$0")/.."

compile() {
    output=$1
    shift
    CUSTOM_COMPILE_COMMAND='make lock' .venv/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --build-deps-for editable --output-file "$output" "$@" pyproject.toml
}

compile requirements/dev.txt --extra testing --extra dev "$@"
# The larger lock is the start of the smaller ones, so all name the same versions.
cp requirements/dev.txt requirements/demo.txt
compile requirements/demo.txt --extra testing
cp requirements/demo.txt requirements/runtime.txt
compile requirements/runtime.txt
