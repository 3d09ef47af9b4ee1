# The commands people and CI use; `make` lists them. Needs Python 3.11 or 3.12 with venv, and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

UV_VERSION := 0.13.9
# The first that runs: a version manager's stand-in may be found and fail.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
  $$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1 \
  && { echo $$p; break; }; done)
UV := .tools/uv/bin/uv
RUN := .venv/bin
LOCK := requirements/dev.txt
COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet
# Servers and schedulers are waited for much of the time: three share two cores well.
WORKERS ?= 3
# A file's tests stay in one process: they share its fixtures.
# Folders with next to nothing but engines and servers: importing them costs more than the rest.
SLOW := airflow assets bridge canary comparison demo_streams destinations dlt_engine faults replay type_contract
PYTEST := $(RUN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

export UV_COMPILE_BYTECODE := 1
export DO_NOT_TRACK := 1
export RUNTIME__DLTHUB_TELEMETRY := false
export DAGSTER_DISABLE_TELEMETRY := 1
export MELTANO_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.tools/uv/.$(UV_VERSION):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 with venv is needed; none was found."; exit 1; }
	$(PYTHON) -m venv --clear .tools/uv
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

.venv/.installed: $(LOCK) pyproject.toml .tools/uv/.$(UV_VERSION)
	test -x $(RUN)/python || $(UV) venv --quiet --python .tools/uv/bin/python .venv
	$(UV) pip sync --quiet --python $(RUN)/python $(LOCK)
	$(UV) pip install --quiet --no-deps --python $(RUN)/python --editable .
	$(RUN)/python -m compileall -q connector_assets airflow_bridge
	touch $@

.PHONY: setup
setup: .venv/.installed ## install everything into .venv

.PHONY: up
up: setup ## show the demo's project in Dagster and Airflow, until Ctrl-C; loads it first where it is not there
	test -f demo/connectors.yaml || $(RUN)/connectors demo demo
	NYC_API_TOKEN=$${NYC_API_TOKEN-} $(RUN)/connectors up --project demo

.PHONY: demo
demo: setup ## load real data into ./demo, kill a loader, compare: three minutes, can be run again
	$(RUN)/connectors demo demo

.PHONY: screenshots
screenshots: setup ## take the pictures of docs/dagster.md and docs/airflow.md; needs Chromium
	$(UV) pip install --quiet --python $(RUN)/python --group docs
	$(RUN)/python -m scripts.record_dagster
	$(RUN)/python -m scripts.record_airflow

.PHONY: check
check: setup ## formatting, lint, types, import boundaries, shape, names, docs, the lock
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python scripts/check_shape.py
	$(RUN)/python scripts/check_names.py
	$(RUN)/python scripts/make_docs.py --check
	$(RUN)/python scripts/check_lock.py $(LOCK) $(COMPILE)
	$(RUN)/python scripts/make_config_docs.py --check
	$(RUN)/python scripts/make_types_docs.py --check
	$(RUN)/python scripts/make_group_schema.py --check

.PHONY: format
format: setup ## format, and mend what ruff can mend
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

.PHONY: test-fast
test-fast: setup ## the tests without engines, servers or killed processes
	$(PYTEST) -m "not integration and not fault and not bench and not full" $(addprefix --ignore=tests/,$(SLOW))

.PHONY: test
test: setup ## all tests but the long matrices
	$(PYTEST) -m "not bench and not full"

.PHONY: test-full
test-full: setup ## all tests, the long matrices too
	$(PYTEST) -m "not bench"

.PHONY: bench
bench: setup ## measure against the bare engines; writes docs/benchmarks.md
	$(RUN)/python -m benchmarks --write

.PHONY: wheel
wheel: setup ## build the wheel and try it, installed by pip, in empty environments
	rm -rf dist
	$(UV) build --quiet --wheel --out-dir dist
	$(RUN)/python scripts/try_wheel.py dist/*.whl

.PHONY: lock
lock: .tools/uv/.$(UV_VERSION) ## compile requirements/dev.txt anew
	$(COMPILE) --output-file $(LOCK)

.PHONY: clean
clean: ## remove what make created
	rm -rf .tools .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build demo
