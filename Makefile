# make demo    the main job on an invented city, PEOPLE=400000 for a larger one
# make test    the checks and the tests; `make test-long` has the longer ones
# Both set up what they need in .venv first, and take no time for it the second time.

PEOPLE ?= 20000
# Four test processes where there are two cores or more, since they wait for servers; 0 runs everything in one.
WORKERS ?= $(shell [ $$(nproc 2>/dev/null || echo 1) -gt 1 ] && echo 4 || echo 0)
PY := .venv/bin/python
CHECKED := $(wildcard gateway plugins tests bench)

# People, paths and terminals speak Chinese here, whatever the machine's locale is.
export LANG := C.UTF-8
export LC_ALL := C.UTF-8
export PYTHONUTF8 := 1
# What a process compiles of ours is kept for the next one: tests start a thousand.
unexport PYTHONPATH PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-long test-postgresql check fuzz sbom bench bench-city bench-day bench-identity bench-push bench-sftp bench-seal bench-rotation bench-province bench-lock torture torture-million lock words clean dev runtime servers sshd postgresql sudo

help:
	@sed -n 's/^# //p' Makefile | head -n 2

demo: servers
	@$(PY) -m gateway.demo --people $(PEOPLE)

# The processes share the cores: a thread for each is enough.
test: export POLARS_MAX_THREADS := 1
test: check sshd postgresql sudo
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(PYTEST)

# What `make test` leaves out, since it has a shorter one, or another case, of its kind: some ten minutes.
test-long: dev sshd postgresql sudo
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal -m long $(PYTEST)

# Every test that has a site, or a ledger, once more with all ledgers in a PostgreSQL of the tests' own.
OF_SITES := $(addprefix tests/,acceptance acts cli daemon laws pipeline plugin plugins reconcile store test_planted.py torture)
test-postgresql: export DATABASE := postgresql
test-postgresql: export POLARS_MAX_THREADS := 1
test-postgresql: dev sshd postgresql sudo
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(OF_SITES) $(PYTEST)

check: dev
	@.venv/bin/ruff check .
	@$(PY) -m mypy $(CHECKED)
	@.venv/bin/lint-imports --no-logo

bench: bench-city bench-day bench-identity bench-push bench-sftp bench-seal bench-rotation

# One business day, from the departments' servers to accepted records: PEOPLE=40000 for a smaller city.
bench-city: dev
	@$(PY) -m bench

# The departments' files to the queue, and what comes after in the same site: DAY_PEOPLE=400000 for a smaller city.
bench-day: dev
	@$(PY) -m bench.day

# The right person, beside other tools: IDENTITY_PEOPLE=400000 for a smaller city, RUNS=1 for a quick look.
bench-identity: dev
	@$(PY) -m bench.identity

# A first push beside a bare loop: PUSH_PEOPLE=1400000 for a city's.
bench-push: dev
	@$(PY) -m bench.push

# One file from OpenSSH's sshd: SFTP_MIB=100 for a smaller one.
bench-sftp: dev sshd
	@$(PY) -m bench.sftp

# Sealing and opening beside the bare cipher: SEAL_MIB=64 for less.
bench-seal: dev
	@$(PY) -m bench.seal

# Keys rotated again and again under a day's work: ROTATION_PEOPLE=40000 for a smaller city.
bench-rotation: dev
	@$(PY) -m bench.rotation

# Ten times the city: 40 million people, 15.2 million rows; needs about 12 GB on the disk.
bench-province: dev
	@IDENTITY_CITIES=10 $(PY) -m bench.identity

# Ten business days under faults and kills: SEED=2 for others, DAYS=2 ROUNDS=6 for a short one. See docs/torture.md.
torture: dev
	@$(PY) -m tests.torture

# Ten thousand damaged inputs for each parser: FUZZ=1000 for fewer. `make test` tries a handful.
fuzz: dev
	@$(PY) -W ignore -m tests.fuzz

# A million rows with one bad byte, row or sheet: ROWS=100000 for fewer.
torture-million: dev
	@$(PY) -m tests.torture.million

# After a change of requirements/bench.in: what the bench compares with, in an environment of its own.
bench-lock: dev
	@CUSTOM_COMPILE_COMMAND='make bench-lock' .venv/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	    --output-file requirements/bench.txt requirements/bench.in

# After a change of the dependencies in pyproject.toml; `deploy/lock.sh --upgrade` takes the newest versions.
lock: dev
	@deploy/lock.sh

# What runs at a site, as a CycloneDX bill of materials: SBOM=FILE for another place.
SBOM ?= build/sbom.json
sbom: dev
	@mkdir -p $(dir $(SBOM))
	@.venv/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o $(SBOM) requirements/runtime.txt

# After a change of what people read: the English catalogue, and what is left to translate.
words: dev
	@$(PY) -m tests.house.catalogue

clean:
	rm -rf .venv .venv.lock .venv.log build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

dev:
	@deploy/bootstrap.sh dev

runtime:
	@deploy/bootstrap.sh runtime

servers:
	@deploy/bootstrap.sh demo

sshd:
	@deploy/sshd.sh

postgresql:
	@deploy/postgresql.sh

sudo:
	@deploy/sudo.sh
