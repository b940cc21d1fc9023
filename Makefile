# Two commands for everybody: `make run` (the demo) and `make test`. `make check` is what CI runs.
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.14 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PIP_REQUIRE_VIRTUALENV := 1

.PHONY: help run test check lint types contract rules-check chaos wheel bench lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "monitor needs Python 3.11 to 3.14; none was found on PATH." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks the venv module: install it (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run-ready: $(VENV)/made requirements.txt pyproject.toml
	@echo "Installing monitor into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev-ready: $(VENV)/run-ready requirements-dev.txt
	@echo "Installing what the tests need ..." >&2
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

run: $(VENV)/run-ready  ## the demo; CONFIG=dir/monitor.yaml runs your own newsroom
	@$(if $(CONFIG),exec $(BIN)/monitor --config $(CONFIG) run,exec $(BIN)/monitor demo $(ARGS))

test: $(VENV)/dev-ready  ## the tests (no server needed)
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term -m "not wheel and not chaos" $(ARGS)

check: $(VENV)/dev-ready lint types contract rules-check test chaos wheel  ## everything CI runs

lint: $(VENV)/dev-ready
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/dev-ready
	@$(BIN)/mypy

contract: $(VENV)/dev-ready
	@$(BIN)/lint-imports --no-cache

chaos: $(VENV)/dev-ready  ## kill and stop real processes under load
	@$(BIN)/python -m pytest -n 2 -m chaos

wheel: $(VENV)/dev-ready
	@$(BIN)/python -m pytest -m wheel

bench: $(VENV)/dev-ready  ## what it costs, as one table (three minutes, on a quiet machine)
	@$(BIN)/python -m tests.benchmarks

rules-check: $(VENV)/dev-ready
	@$(BIN)/monitor rules check rules/

lock: $(VENV)/dev-ready  ## pin versions and hashes anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra build --output-file requirements.txt pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra dev --output-file requirements-dev.txt pyproject.toml

clean:  ## remove the environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage build dist
