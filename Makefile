# `make run` and `make test` need nothing else to be done first.
# PYTHON=python3.12 make setup   rebuilds the environment with another interpreter.

READY := .venv/.ready
BIN := .venv/bin
COMPILE = $(BIN)/uv pip compile --universal --python-version 3.11 --quiet --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Some images forbid Python to keep what it has compiled. Then each of the hundreds of processes that tests and benchmarks start
# would compile anew whatever has changed since the set-up.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test lint format docs chaos bench bench-large lock sbom clean always

setup: $(READY)
	@scripts/setup.sh postgres
	@scripts/setup.sh chromium
	@scripts/setup.sh java
	@scripts/setup.sh openssl
	@scripts/setup.sh issuer
	@scripts/setup.sh softhsm

# A named interpreter has to be looked at every time, as the stamp does not know which one it stands for.
$(READY): requirements.lock pyproject.toml scripts/setup.sh $(if $(PYTHON),always)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@touch $@

run: $(READY)
	@scripts/run.sh

# Setting up waits for downloads while the linters compute; each says what it has to say in one piece.
test:
	@$(MAKE) --no-print-directory --jobs=2 --output-sync setup lint
	$(BIN)/pytest -n auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What the documentation takes from the code, and the published description of the API.
docs: $(READY)
	$(BIN)/python -m docs.generate
	$(BIN)/python scripts/publish_openapi.py

# The longer runs: killed processes, cut connections, a lost primary, a recovery to an instant, and 20,000 calls that nobody would
# make on purpose. What is about the cluster needs root, for network namespaces, and fails without. Then every law once more with
# examples that no run had before, and stores, engine and faults on a newer PostgreSQL, whose package has none of its tools.
chaos: setup
	@scripts/setup.sh pm4py
	-@scripts/setup.sh cluster
	$(BIN)/pytest -m chaos --hypothesis-profile=others
	$(BIN)/pytest -m 'hypothesis and not chaos' --hypothesis-profile=others
	bin=$$(scripts/setup.sh postgres-18) && \
		TEST_POSTGRES_BIN=$$bin $(BIN)/pytest -m 'not chaos and not postgres_tools' tests/interfaces/storage tests/application tests/faults

# Figures beside stock eventsourcing and beside the limit: some twenty minutes, on a machine that has nothing else to do.
bench: setup
	$(BIN)/python -m benchmarks
	$(BIN)/python -m docs.generate

# Logs of a million events and of ten: an hour or more, and some 30 GB of disk.
bench-large: setup
	$(BIN)/python -m benchmarks.large

# Resolves for every Python from 3.11 on, whichever runs it; neither index nor download addresses are written down. What an
# installation needs is a part of what a developer does, and locked to the same.
lock: $(READY)
	$(COMPILE) pyproject.toml --extra traces --extra pkcs11 --group dev --upgrade --output-file requirements.lock
	$(COMPILE) pyproject.toml --group install --constraint requirements.lock --output-file deploy/requirements.lock
	$(COMPILE) deploy/cluster/patroni.in --upgrade --output-file deploy/cluster/patroni.txt
	$(COMPILE) tests/interfaces/exports/pm4py.in --upgrade --output-file tests/interfaces/exports/pm4py.txt

# Which parts of others an installation consists of, as CycloneDX in build/: for whatever scanner knows their flaws.
sbom: $(READY)
	$(BIN)/python scripts/sbom.py

clean:
	rm -rf .venv .cache build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
