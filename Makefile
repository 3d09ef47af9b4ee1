# The commands people and CI use; `make` lists them. Needs Python 3.11 or 3.12 with venv, and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1 && { echo $$p; break; }; done)
UV := .tools/uv/bin/uv
RUN := .venv/bin
export UV_COMPILE_BYTECODE := 1
export DO_NOT_TRACK := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export DAGSTER_DISABLE_TELEMETRY := 1
LOCK_COMMAND := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(UV):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; none was found."; exit 1; }
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/python -m pip install --quiet uv==$(UV_VERSION)

.venv/.installed: requirements/dev.txt pyproject.toml | $(UV)
	test -x .venv/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python .venv/bin/python requirements/dev.txt
	$(UV) pip install --quiet --no-deps --python .venv/bin/python --editable .
	touch $@

.PHONY: setup
setup: .venv/.installed ## install everything into .venv

.PHONY: check
check: setup ## formatting, lint, types, import boundaries, shape
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python scripts/check_shape.py

.PHONY: test-fast
test-fast: setup ## the tests without servers or engines
	$(RUN)/pytest -m "not integration and not fault and not bench and not full"

.PHONY: test
test: setup ## all tests but the long matrices
	$(RUN)/pytest -m "not bench and not full"

.PHONY: test-full
test-full: setup ## all tests, the long matrices too
	$(RUN)/pytest -m "not bench"

.PHONY: lock
lock: $(UV) ## compile requirements/dev.txt anew
	$(LOCK_COMMAND) --output-file requirements/dev.txt

.PHONY: clean
clean: ## remove what make created
	rm -rf .tools .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
