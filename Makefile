# `make demo` and `make test` need only Python 3.11+ and make; everything else they fetch into .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PYTEST ?=
export MLSTEPS_DEMO ?= .demo

.PHONY: help env demo demo-stop test test-components lint types bench lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

env: $(VENV)/.complete ## the virtual environment

$(VENV)/.complete: .ci/requirements.lock setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --requirement .ci/requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.components: $(VENV)/.complete .ci/components.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --requirement .ci/components.lock
	@touch $@

demo: env ## the example pipeline on a local Airflow, twice
	$(BIN)/python -m mlsteps.client.demo

demo-stop: ## stop what `make demo` left running
	$(BIN)/python -m mlsteps.client.demo --stop

test: env ## every test that needs no server, in two processes (tests/workers.py says which beside which)
	$(BIN)/python -m pytest tests -m "not components" --numprocesses 2 $(PYTEST)

test-components: $(VENV)/.components ## tests against servers found by DOCKER_HOST, KUBECONFIG, AWS_ENDPOINT_URL, ...
	$(BIN)/python -m pytest tests -m components $(PYTEST)

lint: env ## ruff
	$(BIN)/ruff check provider tests dags_examples benchmarks
	$(BIN)/ruff format --check provider tests dags_examples benchmarks

types: env ## mypy, strict
	$(BIN)/mypy

bench: env ## ratios against peers, one JSON line each
	$(BIN)/python -m benchmarks

lock: ## resolve again what `make` installs
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header \
	  setup.cfg .ci/requirements.in --output-file .ci/requirements.lock
	cd .ci && ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-annotate --no-header \
	  components.in --output-file components.lock

clean: ## remove the environment and the demo
	rm -rf $(VENV) $(MLSTEPS_DEMO) build *.egg-info provider/*.egg-info
