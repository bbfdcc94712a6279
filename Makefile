# Two commands on a fresh machine: `make demo` and `make test`. Both set themselves up.

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# Pip must not look for a newer torch than the pinned one, so the pin goes first.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test lint types imports tests docs bench clean

demo: $(VENV)/.run
	$(BIN)/labloop demo

test: lint types imports tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

tests: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal $(PYTEST_ARGS)

docs: $(VENV)/.dev
	$(BIN)/python docs/reference.py --write

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "labloop needs Python 3.11 or newer"'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) install -c constraints.txt -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) dist build demo demo-* .mypy_cache .ruff_cache .pytest_cache .hypothesis
