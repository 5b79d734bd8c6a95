# The newest Python that TensorFlow has a wheel for; without one, the Python at hand.
PYTHON ?= $(firstword $(foreach python,python3.13 python3.12 python3.11 python3,\
	$(shell $(python) -c '$(FITS)' 2>/dev/null && echo $(python))))
FITS := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
BIN := .venv/bin
ARGS ?=

.PHONY: compare test check bench docs clean

compare: .venv/compare  ## set everything up, and run the comparison
	$(BIN)/python compare.py $(ARGS)

test: .venv/dev  ## set everything up, and run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: .venv/dev  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/bench  ## measure the speed of everything in turns: ARGS=--quick for 3 minutes, not 20
	$(BIN)/python -m benchmarks.speed $(ARGS) --pages docs/results.md docs/fairness.md docs/numpy-speed.md
	$(BIN)/python -m benchmarks.deep $(ARGS) --rounds 1 --pages docs/numpy-speed.md

docs: .venv/dev  ## write the API reference to docs/api; a warning is an error
	$(BIN)/python -W error -m pdoc --docformat numpy --output-directory docs/api models networks frameworks data

clean:
	rm -rf .venv

.venv/compare: requirements.txt
	$(call install,requirements.txt)

.venv/dev: requirements.txt requirements-cluster.txt requirements-dev.txt
	$(call install,requirements-dev.txt)

.venv/bench: requirements.txt requirements-bench.txt
	$(call install,requirements-bench.txt)

define install
@'$(PYTHON)' -c '$(FITS)' 2>/dev/null || { \
	echo 'Skylark needs Python 3.11 or newer, with venv: name one with PYTHON=...' >&2; exit 1; }
$(PYTHON) -m venv .venv
$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1)
touch $@
endef
