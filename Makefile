# plantgate: everything a person types. Each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STATIC := src/plantgate/listeners/web/static/index.html
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/coverage/*' 2>/dev/null)

.PHONY: help setup web run test test-long lint format reference screenshots bench dist lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.installed $(STATIC) ## Create .venv from the hash-pinned lock and build the page

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) scripts/setup.py $(VENV)
	@touch $@

web: $(STATIC) ## Build the browser application

$(STATIC): $(VENV)/.installed $(WEB_SOURCES)
	$(BIN)/python scripts/build_web.py
	@touch $@

run: setup ## Start the demo: a gateway with a simulated plant
	$(BIN)/plantgate demo --data demo-data

lint: setup ## Style, types, import contracts, page types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/reference_pages.py --check
	$(BIN)/python scripts/build_web.py --check

format: setup ## Reformat the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: setup ## Write the docs pages that are made from the code
	$(BIN)/python scripts/reference_pages.py

screenshots: setup ## Take the pictures of the README anew
	PLANTGATE_SCREENSHOTS=docs/images $(BIN)/pytest tests/browser

test: setup ## Everything that must pass before a change lands
	$(BIN)/python scripts/system_packages.py
	$(BIN)/python scripts/build_web.py --test
	$(BIN)/pytest -m "not long"

test-long: setup ## The slow ones too
	$(BIN)/python scripts/system_packages.py
	$(BIN)/pytest -m long --timeout 3600

bench: setup ## Print the measurements
	$(BIN)/python -m bench

dist: setup ## A wheel and an sdist in dist/: they need no Node
	$(BIN)/python -m build --no-isolation --outdir dist .

lock: ## Resolve the locks anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock' pyproject.toml -c requirements.lock --group dev --group build -o requirements-dev.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock' --group node -o requirements-node.lock

clean: ## Remove what was built, never what was recorded
	rm -rf $(VENV) dist build web/node_modules src/plantgate/listeners/web/static .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
