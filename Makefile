# `make demo` and `make test` do all set-up on a machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint docs packages install clean

demo: $(STAMP)
	$(BIN)/fusionbench demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Wheel and sdist, and the wheel tried in an environment that has nothing else.
packages: $(STAMP)
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt build
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv --clear build/empty
	build/empty/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt dist/*.whl
	cd build && empty/bin/fusionbench demo --out demo-of-wheel

install: $(STAMP)

$(STAMP): setup.cfg setup.py pyproject.toml constraints.txt fusionbench/metrics/native/kernel.cpp fusionbench/metrics/native/kernel.inc
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[all,test]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
