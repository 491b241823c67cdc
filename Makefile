# `make run` and `make test` need nothing else to be done first.
# PYTHON=python3.12 make setup   rebuilds the environment with another interpreter.

READY := .venv/.ready
BIN := .venv/bin

.PHONY: setup run test lint format docs chaos bench lock clean always

setup: $(READY)
	@scripts/setup.sh postgres
	@scripts/setup.sh chromium

# A named interpreter has to be looked at every time, as the stamp does not know which one it stands for.
$(READY): requirements.lock pyproject.toml scripts/setup.sh $(if $(PYTHON),always)
	@PYTHON="$(PYTHON)" scripts/setup.sh python
	@touch $@

run: $(READY)
	@scripts/run.sh

test: setup lint
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

# The longer runs: killed processes, cut connections, and 20,000 calls that nobody would make on purpose.
chaos: setup
	$(BIN)/pytest -m chaos

# Figures beside stock eventsourcing and beside the limit: some twenty minutes, on a machine that has nothing else to do.
bench: setup
	$(BIN)/python -m benchmarks

# Resolves for every Python from 3.11 on, whichever runs it; neither index nor download addresses are written down.
lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra traces --group dev --universal --python-version 3.11 --upgrade --quiet \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file requirements.lock

clean:
	rm -rf .venv .cache build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
