# `make up` and `make test` set up what they need, once, and then do it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
TORCH  ?= torch==2.13.0
JOBS   ?= 2

.PHONY: up down test drills lint constraints clean

up: $(VENV)/.installed
	@$(BIN)/banyan up $(ARGS)

down: $(VENV)/.installed
	@$(BIN)/banyan down

test: $(VENV)/.installed-test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadscope $(ARGS)

# The long forms, which end platforms, brokers and workers: tests/README.md lists them.
drills: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -m drill --numprocesses $(JOBS) --dist loadscope $(ARGS)

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "venv is missing: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch comes first and by its exact version, so that no looser request of another package pulls
# a build for other hardware; README says how to choose the build.
$(VENV)/.torch: $(VENV)/bin/python constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH)
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Resolves the closure again, in another venv.
constraints:
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet $(TORCH)
	build/constraints/bin/python -m pip install --quiet --editable '.[test,postgres]'
	{ head -2 constraints.txt; build/constraints/bin/python -m pip freeze --exclude-editable \
	  | sed 's/+cpu//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
