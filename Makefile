# `make demo` and `make test` do all set-up on a machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-full programs lint docs packages install clean

demo: $(STAMP)
	$(BIN)/fusionbench demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal

# The same with nothing skipped: what LaTeX and pages look like is tried in a real TeX and a real browser.
test-full: programs $(STAMP)
	FUSIONBENCH_TEST_FULL=1 $(BIN)/python -m pytest -n auto --dist worksteal

DEBIAN := chromium fonts-dejavu poppler-utils texlive-latex-extra texlive-pictures texlive-science
# Debian's packages for test-full, where they are missing and one may install them.
PROGRAMS := chromium pdflatex pdftoppm
programs:
	@for program in $(PROGRAMS); do command -v $$program > /dev/null || missing=yes; done; \
	test -z "$$missing" && exit; \
	test "$$(id -u)" = 0 || sudo="sudo -n"; \
	$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(DEBIAN) \
	|| echo "Not installed, and so the tests that need them will fail. By hand: apt-get install $(DEBIAN)"

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

$(STAMP): setup.cfg setup.py pyproject.toml constraints.txt $(wildcard fusionbench/*/native/kernel.* baselines/*/native/kernel.* */*/native/*.inc fusionbench/*.inc)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[all,test]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
