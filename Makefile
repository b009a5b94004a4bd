# The commands of the project. Needs python3 (3.11 or newer), make and git; everything else is installed into .venv.

PYTHON ?= python3
SIZE ?= medium
PYTEST_ARGS ?=

BIN := .venv/bin
BOOTSTRAP := $(PYTHON) deploy/bootstrap.py
# A stamp is newer than all that it was made from; delete .venv to start afresh.
RUNTIME := .venv/.stamp-runtime
DEV := .venv/.stamp-dev
WEB := hub/app/static/.stamp
WEB_SOURCES := $(wildcard $(addprefix deploy/web/,*.json *.js *.html .npmrc public/* src/*))
UV_LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links

.PHONY: help setup setup-production demo test check format bench lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(RUNTIME) $(DEV) $(WEB) ## install everything that any other command needs

setup-production: $(RUNTIME) $(WEB) ## install what `hub serve` needs and nothing else

demo: $(RUNTIME) $(WEB) ## run hub and sandboxes in the foreground: make demo [SIZE=small|medium|large]
	@exec $(BIN)/hub demo --size $(SIZE)

test: $(DEV) $(WEB) ## run all tests: make test [PYTEST_ARGS="-k …"]
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup $(PYTEST_ARGS)

check: $(DEV) ## format, lint, types, import contracts, SDL against its snapshot
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hub schema check

format: $(DEV) ## apply the formatter and the safe fixes of the linter
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(DEV) ## print the benchmark table
	$(BIN)/python tests/bench/run.py

lock: $(RUNTIME) ## write the lock files anew from pyproject.toml and deploy/web/package.json
	$(UV_LOCK) pyproject.toml --output-file requirements.txt
	$(UV_LOCK) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(UV_LOCK) --group build --constraint requirements-dev.txt --output-file requirements-build.txt
	$(UV_LOCK) --group node --output-file requirements-node.txt
	cd deploy/web && npm install --package-lock-only

clean: ## delete what was built and what the demo keeps; .venv stays
	rm -rf .hub hub/app/static deploy/web/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(RUNTIME): requirements.txt requirements-build.txt pyproject.toml deploy/bootstrap.py
	@echo "Installing the hub into .venv"
	@$(BOOTSTRAP) runtime
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.txt
	@echo "Installing the development tools into .venv"
	@$(BOOTSTRAP) dev
	@touch $@

$(WEB): $(WEB_SOURCES) deploy/bootstrap.py | $(RUNTIME)
	@echo "Building the web assets"
	@$(BOOTSTRAP) web
	@touch $@
