# Two commands matter: `make up` and `make test`. Both set up all they need by themselves;
# a machine needs only make and Python 3.11 or newer.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
# A package that pip compiles may run make itself, with rules and jobs of its own.
unexport MAKEFLAGS MFLAGS MAKELEVEL

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

# Which Python makes the virtual environment; `make up PYTHON=/path/to/python` chooses another.
PYTHON ?=

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | \
	    awk 'BEGIN {FS = ":.*?## "} {printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: up
up: $(STAMP) ## Start everything; ARGS="--workers 3" passes flags
	@$(BIN)/medallero up $(ARGS)

.PHONY: demo
demo: $(STAMP) ## Play a games day to look at; ARGS="--speed 10" passes flags
	@$(BIN)/medallero demo $(ARGS)

# Several tests at a time, as most of them wait; ARGS="-n0" runs one after the other.
# A process that dies is not replaced: pytest-xdist 3.8 then waits for ever (its issue 1323).
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup --max-worker-restart=0

.PHONY: test
test: $(STAMP) ## Run the tests; ARGS="-k ties" passes flags
	@$(PYTEST) -m "not system and not faults and not cluster and not soak" $(ARGS)

.PHONY: test-all
test-all: test deps-system compiled $(VENV)/.browser $(VENV)/.system tools-kubernetes ## Run every test, also long ones and those that need system packages
	@$(PYTEST) -m "system or faults" $(ARGS)

# Where the virtual environment was made before there was a compiler.
.PHONY: compiled
compiled: $(STAMP) deps-system
	@ls olympics/whole.*.so streams/canonical.*.so >/dev/null 2>&1 || \
	    $(PIP_INSTALL) --no-deps --force-reinstall --editable .

# kubectl, kubeconform, schemas: a minute the first time, then they are in the cache.
.PHONY: tools-kubernetes
tools-kubernetes: $(VENV)/.system deps-system
	@$(BIN)/python -m tests.kubernetes.tools

# Builds Kubernetes' own control plane the first time: 15 minutes on two cores.
.PHONY: test-cluster
test-cluster: tools-kubernetes ## Apply k8s/ to a real API server with pods that pretend; needs Go
	@$(BIN)/python -m tests.cluster.build
	@$(BIN)/python -m pytest --durations-min=1 -m cluster tests/cluster $(ARGS)

# Further flags in ARGS: see `python -m tests.soak --help`.
RESULTS ?= 3000000
KILL_EVERY ?= 30
SEED ?= 1

.PHONY: soak-worker
soak-worker: $(STAMP) ## Kill workers while results flow, then recount; RESULTS=60000 KILL_EVERY=3
	@$(BIN)/python -m tests.soak --results $(RESULTS) --every $(KILL_EVERY) --seed $(SEED) $(ARGS)

REPORTS ?= 1000000

.PHONY: soak-weather
soak-weather: $(STAMP) deps-system ## Kill all that counts weather reports, then recount; REPORTS=20000
	@$(BIN)/python -m tests.soak.weather_main --reports $(REPORTS) --seed $(SEED) $(ARGS)

MINUTES ?= 60

.PHONY: soak
soak: $(STAMP) ## Hurt brokers, Redis, network, gateways, workers in turn; MINUTES=10 SEED=7
	@$(BIN)/python -m tests.soak.whole --minutes $(MINUTES) --seed $(SEED) $(ARGS)

.PHONY: soak-hostile
soak-hostile: $(STAMP) deps-system $(VENV)/.browser ## The same beside greedy clients and browsers, and with what people do to it
	@$(BIN)/python -m tests.soak.whole --hostile --minutes $(MINUTES) --seed $(SEED) $(ARGS)

# One at a time: each has the machine for itself.
.PHONY: soak-safeties
soak-safeties: $(STAMP) deps-system $(VENV)/.browser ## Take each safety out in turn: a soak without it must fail; and what else takes minutes
	@$(BIN)/python -m pytest -n0 --durations=0 -m soak tests/faults tests/integration $(ARGS)

WORKER ?= textbook

.PHONY: soak-compare
soak-compare: $(STAMP) ## Do to textbook Faust what is done to ours; WORKER=exactly-once MINUTES=10
	@$(BIN)/python -m tests.soak.compare --worker $(WORKER) --seed $(SEED) \
	    $(if $(filter-out file default,$(origin MINUTES)),--minutes $(MINUTES)) $(ARGS)

.PHONY: screenshots
screenshots: deps-system $(VENV)/.browser ## Take the pictures of the page for the docs anew
	@$(BIN)/python -m tests.browser.pictures $(ARGS)

# Without SEED each run is another one; it says its seed.
INPUTS ?= 300000

.PHONY: fuzz-gateway
fuzz-gateway: $(STAMP) ## Send the gateway what nobody should; INPUTS=20000 SEED=7 repeats a run
	@$(BIN)/python -m tests.fuzz --inputs $(INPUTS) \
	    $(if $(filter-out file default,$(origin SEED)),--seed $(SEED)) $(ARGS)

# FILES is apart from INPUTS, which are far more.
FILES ?= 100000

.PHONY: fuzz-files
fuzz-files: $(STAMP) ## Read damaged files of every format; FILES=5000 SEED=7 repeats a run
	@$(BIN)/python -m tests.fuzz.files --inputs $(FILES) \
	    $(if $(filter-out file default,$(origin SEED)),--seed $(SEED)) $(ARGS)

.PHONY: model
model: $(STAMP) ## Search the protocol's model for long; ARGS="--seed 7 --histories 20000"
	@$(BIN)/python -m tests.model $(ARGS)

.PHONY: lint
lint: $(STAMP) ## Check style, formatting, imports and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo --no-cache >$(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@$(BIN)/mypy $(wildcard olympics weather contracts faust_bulk gateway streams medallero grafana tests bench k8s)

.PHONY: format
format: $(STAMP) ## Rewrite the code in the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: bench-worker bench-gateway bench-replicas ## Measure everything beside its peers; QUICK=1: roughly

.PHONY: bench-worker
bench-worker: $(VENV)/.bench ## Measure the worker beside its peers; QUICK=1 ARGS="--only latency"
	@$(BIN)/python -m bench.worker $(ARGS)

.PHONY: bench-gateway
bench-gateway: $(VENV)/.bench ## Measure the gateway beside its peers; QUICK=1 ARGS="--only overload"
	@$(BIN)/python -m bench.gateway $(ARGS)

.PHONY: bench-replicas
bench-replicas: $(VENV)/.bench ## Measure one and two gateways with one and two workers; QUICK=1
	@$(BIN)/python -m bench.replicas $(ARGS)

.PHONY: bench-backup
bench-backup: $(STAMP) ## Measure a back-up of a million results and its restore; QUICK=1
	@$(BIN)/python -m bench.backup $(ARGS)

.PHONY: bench-weather
bench-weather: $(STAMP) deps-system ## Measure the ways of the weather reports; QUICK=1 ARGS="--only stores"
	@$(BIN)/python -m bench.weather $(ARGS)

# Only the plot needs more packages: without them, all but the plot is there.
$(VENV)/.bench: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint requirements.lock --editable '.[bench]' \
	    || echo "matplotlib could not be installed: there will be no plot"
	@touch $@

# Locust and schemathesis.
$(VENV)/.system: $(STAMP)
	@$(PIP_INSTALL) --constraint requirements.lock --editable '.[system]'
	@touch $@

# What drives the browser of the operating system.
$(VENV)/.browser: $(STAMP)
	@$(PIP_INSTALL) --constraint requirements.lock --editable '.[browser]'
	@touch $@

.PHONY: venv
venv: $(STAMP) ## Make the virtual environment in .venv

# The lock pins every package; the stamp spares the work when nothing has changed. A new pip is
# twice as fast as the one that comes with Python 3.11, and compiling what is never imported
# would take a third of the time.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

$(STAMP): setup.cfg setup.py pyproject.toml faust_bulk/pyproject.toml requirements.lock olympics/whole.pyx olympics/packed.pxd streams/canonical.pyx
	@rm -f olympics/*.so streams/*.so
	@python="$$(.ci/find-python $(PYTHON))"; \
	echo "Making $(VENV) with $$("$$python" --version); the first time, this takes a minute ..."; \
	"$$python" -m venv $(VENV)
	@{ $(PIP_INSTALL) "$$(grep '^pip==' requirements.lock)" && \
	   $(PIP_INSTALL) --quiet --constraint requirements.lock --editable ./faust_bulk --editable '.[up,dev]'; } || { \
	    echo; \
	    echo "The packages could not be installed; the lines above say why. Behind a proxy, pip needs"; \
	    echo "HTTPS_PROXY; another index is named by PIP_INDEX_URL. Then say make again."; \
	    exit 1; \
	} >&2
	@ls olympics/whole.*.so streams/canonical.*.so >/dev/null 2>&1 || echo \
	    "Nothing was compiled (a C compiler or Python's headers are missing): the worker will be half as fast."
	@touch $@

.PHONY: lock
lock: ## Pin the newest packages that setup.cfg allows
	@.ci/lock-requirements

# `make dist PYTHONS="python3.11 python3.13"` makes a wheel for each.
PYTHONS ?=

.PHONY: dist
dist: $(STAMP) ## Build sdists and wheels of the last commit into dist/; PYTHONS="python3.12 python3.13"
	@$(BIN)/python .ci/dist dist $(PYTHONS)

# Not a part of the tests: it needs the world outside, and an advisory of today is nobody's change.
.PHONY: audit-dependencies
audit-dependencies: $(VENV)/.audit ## Look the pinned packages up in the advisories
	@$(BIN)/python .ci/audit-dependencies $(BIN)/pip-audit

$(VENV)/.audit: $(STAMP)
	@$(PIP_INSTALL) --constraint requirements.lock --editable '.[audit]'
	@touch $@

.PHONY: deps-system
deps-system: ## Install system packages that test-all needs (Debian, root)
	@.ci/deps-system

.PHONY: deps-bench
deps-bench: ## Install what the benches measure with and beside (Debian, root)
	@.ci/deps-system --bench

.PHONY: clean
clean: ## Remove the virtual environment and caches; data of `make up` stays
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
