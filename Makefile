PYTHON ?= python3
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

bench: .venv/bench  ## measure the speed of everything in turns: ARGS=--quick for 2 minutes, not 11
	$(BIN)/python -m benchmarks.speed $(ARGS) --pages README.md docs/fairness.md docs/numpy-speed.md

docs: .venv/dev  ## write the API reference to docs/api; a warning is an error
	$(BIN)/python -W error -m pdoc --docformat numpy --output-directory docs/api models networks frameworks data

clean:
	rm -rf .venv

.venv/compare: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/dev: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv/bench: requirements.txt requirements-bench.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@
