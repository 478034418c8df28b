"""`python -m gateway.cli`: the same as `gateway`."""

from gateway.cli import main

main()
