# Every target does its own set-up and is safe to repeat. `make` alone lists them.

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check -q
CARGO := $(shell command -v cargo 2>/dev/null)
CARGO_JOBS ?= 2
KERNEL := kernel/Cargo.toml
KERNEL_SOURCES := $(shell find kernel -name target -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -print 2>/dev/null)
NPM := $(shell command -v npm 2>/dev/null)
UI := src/leveret/management/ui/index.html
UI_SOURCES := $(shell find ui -name node_modules -prune -o -type f -print 2>/dev/null)
PYTEST := $(PYTHON) -m pytest
# All cargo runs link against the same interpreter, so that none of them rebuilds what another built.
export PYO3_PYTHON := $(abspath $(PYTHON))
export CARGO_BUILD_JOBS := $(CARGO_JOBS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv build ui run test test-long test-python test-twin test-ui lint lint-python lint-kernel lint-ui lint-packaging screenshots bench dist lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

$(PYTHON):
	@scripts/ensure-debian.sh python3=python3 cc=build-essential
	@python=$$(scripts/find-python.sh) && { $$python -m venv $(VENV) 2>/dev/null || { \
	  scripts/ensure-debian.sh ensurepip=python3-venv; $$python -m venv --clear $(VENV); }; }

$(VENV)/.run: requirements/run.lock pyproject.toml | $(PYTHON)
	@$(PIP) install --require-hashes -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

venv: $(VENV)/.dev ## virtual environment with the development tools

ifeq ($(CARGO),)
$(VENV)/.kernel: $(VENV)/.run
	@echo "no Rust toolchain (cargo): Leveret runs on the slower pure-Python twin of its kernel"
else
$(VENV)/.kernel: $(KERNEL_SOURCES) $(VENV)/.run
	@if [ -f kernel/py/Cargo.toml ]; then $(PYTHON) scripts/build_kernel.py && touch $@; fi
endif

build: $(VENV)/.kernel ui ## the Rust kernel and the web pages, in place

# npm checks what it installs against the hashes in package-lock.json.
ifeq ($(NPM),)
ui:
	@[ -f $(UI) ] || echo "no Node.js (npm): Leveret runs without its web pages"

lint-ui test-ui:
	@echo "no Node.js (npm): the web pages are not checked"
else
ui: $(UI) ## the web pages of the management

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	@cd ui && $(NPM) ci --silent
	@touch $@

$(UI): ui/node_modules/.package-lock.json $(UI_SOURCES)
	@cd ui && $(NPM) run --silent build -- --logLevel warn

lint-ui: ui/node_modules/.package-lock.json ## formatting and types of the web pages
	@cd ui && $(NPM) run --silent lint

test-ui: ui/node_modules/.package-lock.json ## tests of the web pages' logic
	@cd ui && $(NPM) run --silent test
endif

run: build ## serve AMQP on port 5672, web pages on 15672 (more: make run ARGS="--port 5673 --ephemeral")
	@$(VENV)/bin/leveret serve $(ARGS)

test: lint test-ui test-twin test-python ## lint and all tests of normal size

# Where the kernel can be built it has to be there: its tests are not skipped then.
test-python: $(VENV)/.dev build
	$(if $(CARGO),LEVERET_REQUIRE_KERNEL=1) $(PYTEST) -m "not long" $(ARGS)

# What runs where there is no Rust toolchain: a broker on the twin, with real clients.
test-twin: $(VENV)/.dev
	LEVERET_TWIN=1 $(PYTEST) -q tests/test_app.py tests/clients/test_pika.py tests/clients/test_seed.py

screenshots: $(VENV)/.dev build ## the pictures in docs/, made anew by the tests of README's tour and of themes
	SCREENSHOT_WARM_UP_S=20 $(PYTEST) -q tests/browser/test_tour.py tests/browser/test_themes.py -k "tour or tracer or topology"
	cp build/screenshots/tour-*.png build/screenshots/topology-dark.png build/screenshots/tracer-light.png docs/images/

test-long: lint ## lint and all tests in their full sizes
	HYPOTHESIS_PROFILE=long $(PYTEST) -o timeout=3600 $(ARGS)

lint: lint-python lint-kernel lint-ui lint-packaging ## formatting, types, floors, clippy, the kernel's own tests

lint-python: $(VENV)/.dev build
	$(VENV)/bin/ruff check src tests scripts bench tools
	$(VENV)/bin/ruff format --check src tests scripts bench tools
	$(VENV)/bin/mypy
	$(if $(CARGO),$(PYTHON) -m mypy.stubtest leveret._kernel)
	$(VENV)/bin/lint-imports

lint-kernel: $(VENV)/.run
ifneq ($(CARGO),)
	@[ ! -f $(KERNEL) ] || { set -ex; \
	cargo fmt --manifest-path $(KERNEL) --all --check; \
	cargo clippy -q --manifest-path $(KERNEL) --workspace --all-targets -- -D warnings; \
	cargo test -q --manifest-path $(KERNEL) --workspace; }
else
	@echo "no Rust toolchain (cargo): the kernel is not linted"
endif

# The unit of systemd is linted by its test.
lint-packaging: $(VENV)/.dev ## scripts, the Dockerfile, the Compose example
	$(VENV)/bin/shellcheck .ci/run scripts/*.sh packaging/docker/*.sh
	[ ! -x $(VENV)/bin/hadolint ] || $(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/check-jsonschema -q --builtin-schema vendor.compose-spec packaging/compose/compose.yaml

dist: $(VENV)/.run ui ## what is released: an sdist with the web pages, a wheel with the kernel
	$(PYTHON) scripts/build_dist.py

bench: build ## load this broker, and others: make bench ARGS="--rabbitmq --only transient-16"
	$(PYTHON) bench/run.py $(ARGS)

lock: $(VENV)/.dev ## renew requirements/*.lock
	scripts/lock.sh

clean: ## remove what was made
	rm -rf ui/node_modules src/leveret/management/ui $(VENV) build dist kernel/target src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f src/leveret/_kernel*.so bench/amqpload
	find src tests bench scripts -name __pycache__ -type d -exec rm -rf {} +
