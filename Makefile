# Everything that is done with this checkout, the same by hand and in CI. `make help` explains the targets.
#
# Variables: PYTHON makes .venv (3.11 or newer); CLUSTER names the cluster of `cluster-up`, `demo` and `test`;
# UP holds further options of `pressplay cluster up`, TESTS of pytest, BENCH of the benchmark.
# YES=1 (or CI=true) agrees beforehand to what is installed on this machine; without it you are asked.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# The order of a target's needs is meant: unit tests before the cluster comes up.
.NOTPARALLEL:

PYTHON ?= python3
CLUSTER ?= $(or $(LOCALKUBE_NAME),pressplay)
UP ?=
TESTS ?=
BENCH ?=

BIN := .venv/bin
REPORTS := build/reports
PYTEST := $(BIN)/pytest -ra --durations=10
# What fails beside others is run once more by itself, and named.
TWICE := $(BIN)/python tools/twice.py
# Tests of one group go to one process, in the order in which their conftest has them.
GROUPS := --dist loadgroup --no-loadscope-reorder
export LOCALKUBE_NAME := $(CLUSTER)
# Whatever the environment says: tests start the command line some hundred times, and each process of pytest reads them all.
unexport PYTHONDONTWRITEBYTECODE
export COVERAGE_FILE := $(CURDIR)/build/coverage/data

# What `make generate` writes; `make verify` fails where it is not what the sources say.
GENERATED := docs/reference crds workflow_templates charts/pressplay/files

.PHONY: help
help: ## explain the targets
	@echo "Pressplay. Two commands to begin with: make demo, make test."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Before anything is installed on this machine you are asked; YES=1 agrees beforehand."
	@echo "Variables: CLUSTER=$(CLUSTER) (name), UP='--provider existing' (options of 'pressplay cluster up'),"
	@echo "           TESTS='-k webhook' (options of pytest), PYTHON=$(PYTHON)"

.PHONY: setup
setup: ## make .venv as the lock says; does nothing where it is up to date
	@$(PYTHON) tools/setup.py

.PHONY: demo
demo: cluster-up ## bring the cluster up, have a four-line CodeRun become a pull request on it, and say where to look
	@$(BIN)/pressplay dev demo

.PHONY: test
test: setup test-needs cluster-up ## run all tests: a cluster, what needs little of it beside tests/unit, then the rest
	@$(TWICE) -n 3 $(GROUPS) tests/apiserver tests/golden tests/conformance tests/unit \
	  --junitxml=$(REPORTS)/unit.xml $(TESTS)
	@$(MAKE) test-cluster
	@echo "Reports: $(REPORTS)/*.xml"

.PHONY: test-unit
test-unit: setup ## run only tests/unit: no cluster, no network, seconds
	@$(PYTEST) -n 3 tests/unit --junitxml=$(REPORTS)/unit.xml $(TESTS)

.PHONY: test-e2e
test-e2e: setup test-needs cluster-up ## run only the tests that need a cluster or its tools (brought up first)
	@$(TWICE) -n 2 $(GROUPS) tests/apiserver tests/golden tests/conformance --junitxml=$(REPORTS)/conformance.xml $(TESTS)
	@$(MAKE) test-cluster

# See tests/e2e/conftest.py for what the marks mean.
.PHONY: test-cluster
test-cluster:
	@$(TWICE) -v -n 3 $(GROUPS) tests/e2e -m "not (alone or elsewhere or last)" --junitxml=$(REPORTS)/e2e.xml $(TESTS)
	@$(TWICE) -v -n 2 $(GROUPS) tests/e2e -m "alone or elsewhere" --junitxml=$(REPORTS)/e2e-alone.xml $(TESTS)
	@$(TWICE) -v tests/e2e -m last --junitxml=$(REPORTS)/e2e-last.xml $(TESTS)

.PHONY: test-needs
test-needs:
	@tools/system-packages
	@cmp -s tests/node/package-lock.json tests/node/node_modules/.installed-lock || { \
	  echo "test data: the npm packages of tests/node"; \
	  tries=0; \
	  until timeout 180 npm --prefix tests/node ci --silent --prefer-offline --no-audit --no-fund --fetch-timeout=30000; do \
	    tries=$$((tries + 1)); echo "test data: npm did not end, or ended with an error ($$tries of 3)"; [ $$tries -lt 3 ]; \
	  done; \
	  cp tests/node/package-lock.json tests/node/node_modules/.installed-lock; }

.PHONY: coverage
coverage: setup ## run tests/unit once more, slower, and show which lines of the code they reach
	@rm -rf build/coverage
	@$(PYTEST) -n 2 tests/unit --cov --cov-report= $(TESTS)
	@$(BIN)/coverage html --quiet && $(BIN)/coverage report && echo "The same with the lines: build/coverage/html/index.html"

.PHONY: verify
verify: setup lint ## everything a change must pass before its tests: lint, and nothing generated is out of date
	@$(BIN)/python tools/check_generated.py $(GENERATED)
	@echo "verify: all is well"

.PHONY: lint
lint: setup ## check style, types, imports and that no file depends on one machine
	@failed=0; mkdir -p build; \
	$(BIN)/ruff check --quiet --output-format concise || failed=1; \
	$(BIN)/ruff format --check --quiet --output-format concise || { echo "not formatted as ruff does: make format"; failed=1; }; \
	$(BIN)/mypy --no-error-summary || failed=1; \
	$(BIN)/lint-imports >build/imports.log 2>&1 || { sed -n '/^Broken contracts/,$$p' build/imports.log | grep . || cat build/imports.log; failed=1; }; \
	$(BIN)/python tools/check_portable.py || failed=1; \
	exit $$failed

.PHONY: format
format: setup ## format the code, and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format --quiet

.PHONY: generate
generate: setup ## write what is generated from the code: definitions, templates, references of the command line and the values
	@$(BIN)/python tools/generate_manifests.py definitions crds charts/pressplay/files/crds
	@$(BIN)/python tools/generate_workflows.py workflow_templates charts/pressplay/files/workflow-templates
	@$(BIN)/python tools/generate_manifests.py events workflow_templates/events charts/pressplay/files/events
	@$(BIN)/python tools/generate_cli_reference.py docs/reference/cli.md
	@$(BIN)/python tools/generate_values_reference.py docs/reference/values.md
	@$(BIN)/python tools/generate_reference.py docs/reference

.PHONY: lock
lock: ## write requirements/*.txt and tests/node/package-lock.json anew; the only target that changes versions
	@tools/lock

.PHONY: cluster-up
cluster-up: setup ## bring the local cluster up, or what is missing of it
	@$(BIN)/pressplay cluster up $(UP)

.PHONY: cluster-down
cluster-down: setup ## remove the local cluster; the cache of builds stays
	@$(BIN)/pressplay cluster down

.PHONY: images
images: setup ## build the product's images, or IMAGES="workbench-rust …", and bring them into the cluster
	@$(BIN)/python tools/images.py $(if $(IMAGES),$(IMAGES),--values build/images.json)

.PHONY: bench
bench: bench-runs bench-events bench-flows bench-cluster ## measure runs, events and flows on the cluster, then a cluster of its own (see docs/performance.md)

.PHONY: bench-runs
bench-runs: cluster-up ## measure runs: latency beside a plain Job, API writes, the operator's memory, the demo
	@$(BIN)/python -m tests.bench.run_bench

.PHONY: bench-events
bench-events: cluster-up ## measure events: from a signed webhook to its Workflow, ten a second
	@$(BIN)/python -m tests.bench.event_bench

.PHONY: bench-flows
bench-flows: cluster-up ## measure flows: from a finished run to the next node, writes a step; an operator that is installed rests
	@$(BIN)/python -m tests.bench.flow_bench
	@$(BIN)/python -m tests.bench.step_bench

.PHONY: bench-cluster
bench-cluster: setup ## measure a cluster of its own: seconds of a warm start, idle memory (BENCH=--cold: of a cold one, too)
	@$(BIN)/python -m tests.bench.cluster_bench $(BENCH)

.PHONY: clean
clean: ## remove what was made in this checkout; caches and clusters stay (see cluster-down)
	@rm -rf .venv build dist tests/node/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Left alone: the cluster (make cluster-down) and its builds (~/.cache/localkube)."
