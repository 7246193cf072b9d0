# `make help` lists what can be made. Everything runs in .venv, which `make install` sets up from constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKSPACE ?= workspace

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-torch test-browser test-recipes lint format types bench wheel clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## Set up .venv with the pinned dependencies

# uv installs the same pinned packages as pip, in seconds rather than minutes. Compiled bytecode saves every command seconds.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--constraint constraints.txt --build-constraint constraints.txt --editable '.[demo,dev]'
	@touch $@

demo: install ## From a Wikipedia excerpt to an evaluated BERT and its report
	$(BIN)/berth run recipes/quickstart.yaml --workspace $(WORKSPACE)

test: install ## Run the tests (some ten minutes on two cores)
	$(BIN)/python -m pytest

test-slow: install ## Run the long tests: fuzzing, kill and resume, benchmarks' bounds
	$(BIN)/python -m pytest -m slow --timeout 3600

test-torch: install ## Compare the export with Hugging Face transformers (installs torch: large)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch transformers
	$(BIN)/python -m pytest -m torch

test-browser: install ## Open the report in headless Chromium (needs chromium and its driver)
	$(BIN)/python -m pytest -m browser

test-recipes: install ## Run the commands of docs/recipes at a small scale (some ten minutes)
	$(BIN)/python -m pytest tests/test_recipes.py -m recipes

lint: install ## Check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: install ## Correct style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: install ## Check types
	$(BIN)/mypy

bench: install ## Measure; prints tables with ratios
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark; done

wheel: install ## Build dist/berth-*.whl
	$(BIN)/python -m build --wheel --installer uv

clean: ## Remove what was built, not the workspace
	rm -rf build dist *.egg-info $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
