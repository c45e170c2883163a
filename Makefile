# Every target sets itself up: `make demo` on a fresh clone needs only Python 3.11 or newer, make, git and a compiler.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check bench conformance-keras fix lock clean setup

# Tests start hundreds of processes, which share their bytecode (tests/conftest.py).
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
JOBS ?= 3

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: setup ## train on Fashion-MNIST, export, serve, swap versions under load
	$(BIN)/headrace demo

test: check ## check, then every test (HEADRACE_NO_INTEROP=1 leaves out those against other frameworks)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

check: setup ## lint, formatting, types, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

bench: setup ## measure, against real TensorFlow where its environment can be built
	$(BIN)/python -m benchmarks

conformance-keras: setup ## run Keras's own tests (ARGS="--quick --resume layers ..."), write docs/conformance.md; about two hours
	$(BIN)/python -m tests.conformance.keras_suite $(ARGS)

fix: setup ## repair what the linter and the formatter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

lock: setup ## resolve requirements/ anew from pyproject.toml
	$(COMPILE) pyproject.toml --extra serving --extra client --extra image --extra keras --extra text --extra files --extra mirror --extra attestations --extra grain --extra signing --extra otel --extra tensorboard --extra test --extra dev \
		--upgrade --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra serving --extra files --extra signing --extra otel --extra text \
		--constraint requirements/dev.txt --output-file requirements/serving.txt
	$(COMPILE) distributions/slim/pyproject.toml --extra mirror --constraint requirements/dev.txt --output-file requirements/mirror.txt
	echo hatchling | $(COMPILE) - --constraint requirements/dev.txt --output-file requirements/build.txt

clean: ## remove the environment and the caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

setup:
	@scripts/bootstrap
