# `make help` lists what can be made. Everything runs in .venv, which `make install` sets up from constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := $(VENV)/.demo
UV = $(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt
WORKSPACE ?= workspace
# Of `make fuzz`.
TARGET ?= recipes
INPUTS ?= 100000
SEED ?= 1
# A file's tests share fixtures: they run in one process.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo check test test-slow test-reproducibility test-torch test-browser test-recipes test-docs fuzz coverage lint \
	format types docs bench wheel clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(STAMP) ## Set up .venv with the pinned dependencies

# uv installs the same pinned packages as pip, in seconds rather than minutes. Python compiles what is imported when it is
# first imported: a fifth of the files, which takes a fifth of the time.
export PYTHONDONTWRITEBYTECODE =
$(DEMO): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(UV) --editable '.[demo]'
	@touch $@

$(STAMP): $(DEMO)
	$(UV) --editable '.[demo,dev,docs]'
	@touch $@

demo: $(DEMO) ## From a Wikipedia excerpt to an evaluated model and its report
	$(BIN)/berth run recipes/quickstart.yaml --workspace $(WORKSPACE)

check: lint types test docs ## All that a change must pass before it is proposed

# First the kernels that many tests use are compiled, on two cores, so that no two processes compile the same ones.
test: install ## Run the tests, some at a time (eight minutes on two cores)
	@$(BIN)/python -m pipelines.warm cleanup parser dump & \
		$(BIN)/python -m pipelines.warm keyed sentences reference reference-large; wait
	@$(BIN)/python -m pytest $(PARALLEL)

test-slow: install ## Run the long tests: fuzzing (installs atheris), several processes and hosts
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m pytest -m slow --timeout 3600

test-reproducibility: install ## Kill, divide and repeat runs: all must make the same bytes
	$(BIN)/python -m pytest -m 'reproducibility and not slow' $(PARALLEL)

test-torch: install ## Compare the export with Hugging Face transformers (installs torch: large)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch transformers
	$(BIN)/python -m pytest -m torch

test-browser: install ## Open the report in headless Chromium (needs chromium and its driver)
	$(BIN)/python -m pytest -m browser

test-recipes: install ## Run the commands of docs/recipes at a small scale (some ten minutes)
	$(BIN)/python -m pytest tests/test_recipes.py -m recipes

test-docs: install ## Run the commands of the documentation, and the examples of docs/extending.md
	$(BIN)/python -m pytest -m docs $(PARALLEL)

fuzz: install ## Fuzz one target: make fuzz TARGET=recipes INPUTS=100000 (installs atheris)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[fuzz]'
	PYTHONPATH=tests $(BIN)/python -m fuzz $(TARGET) --inputs $(INPUTS) --seed $(SEED)

coverage: install ## Measure which lines and branches the tests run
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term

lint: install ## Check style and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

format: install ## Correct style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The folder kfp/ is checked as a script: as a package its name would hide the SDK.
types: install ## Check types
	$(BIN)/mypy
	$(BIN)/mypy --no-explicit-package-bases kfp/pretrain.py

docs: install ## Build the documentation site in site/
	$(BIN)/mkdocs build --strict --quiet

bench: install ## Measure; prints tables with ratios
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark; done

wheel: install ## Build dist/berth-*.whl
	$(BIN)/python -m build --wheel --installer uv

clean: ## Remove what was built, not the workspace
	rm -rf build dist site *.egg-info $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
