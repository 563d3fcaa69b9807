# `make demo` and `make test` do all set-up from a bare clone; a second run skips what is up to date.
# Debian or Ubuntu with Python 3.11 or 3.12, Node 20 and npm; as root, missing system packages are installed with apt.
PYTHON ?= python3
BIN := .venv/bin
FRONT_END := $(shell find js -type f -not -path '*/node_modules/*' 2>/dev/null) package.json tsconfig.json

.PHONY: demo test lint test-python test-typescript benchmarks setup clean
.DELETE_ON_ERROR:

demo: setup
	mkdir -p demo
	cd demo && ../$(BIN)/rlvision demo

test: setup lint test-typescript test-python

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm run --silent lint
	npm run --silent typecheck

test-typescript: setup
	npm run --silent test

test-python: setup
	$(BIN)/python -m pytest

benchmarks: setup
	$(BIN)/python tests/benchmarks/attribution.py
	$(BIN)/python tests/benchmarks/study.py
	$(BIN)/python tests/benchmarks/batches.py
	$(BIN)/python tests/benchmarks/world.py
	$(BIN)/python tests/benchmarks/training.py
	$(BIN)/python tests/benchmarks/views.py $(wildcard demo/coinrun.zarr)

setup: .setup/system .setup/python .setup/front-end

# Procgen's library needs libGL and glib; the browser tests need Chromium.
.setup/system:
	@mkdir -p .setup
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	ldconfig -p | grep -q 'libGL\.so\.1' || missing="$$missing libgl1"; \
	ldconfig -p | grep -q 'libgthread-2\.0\.so\.0' || missing="$$missing libglib2.0-0"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	  else echo "Please install:$$missing (Debian: apt install$$missing), then run make again."; exit 1; fi; \
	fi
	@touch $@

# procgen-mirror and gym3 declare numpy < 2, which the library itself does not need: hence --no-deps.
.setup/python: pyproject.toml constraints.txt .setup/front-end
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps procgen-mirror
	@touch $@

.setup/node: package.json package-lock.json
	@mkdir -p .setup
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.setup/front-end: .setup/node $(FRONT_END)
	npm run --silent build
	@touch $@

clean:
	rm -rf .setup .venv node_modules rlvision_widgets/static dist demo
