# Everything one does with this repository. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup setup-slurm setup-browser demo demo-land-cover demo-slurm run test test-all test-browser screenshots check bench kill-test migrate lock docs format clean

PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
FRONTEND := $(shell find frontend -name node_modules -prune -o -type f -print)
BUILT := src/wutong/web/static/built/manifest.json
ROOMS := src tests benchmarks tools demo
WORKERS ?= 3

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) $(BUILT) ## make .venv and install everything into it, once; build the front end

$(STAMP): requirements-dev.lock pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py

$(BUILT): $(STAMP) $(FRONTEND) tools/build_frontend.py
	@$(BIN)/python tools/build_frontend.py
	@touch $@

setup-slurm: ## install Slurm and what a lab of it needs, from Debian's packages; asks nothing
	@tools/install_packages.sh slurm

setup-browser: ## install Chromium for the tests in a browser, from Debian's packages; asks nothing
	@tools/install_packages.sh browser

demo: $(STAMP) ## a tenant's first job on a centre on this machine, from sign-up to the bill
	@$(BIN)/python demo/digits.py $(DEMO)

demo-land-cover: $(STAMP) ## the same with satellite tiles: make demo-land-cover DATA=<folder>
	@test -n "$(DATA)" || { echo "Say where the tiles are: make demo-land-cover DATA=<folder>"; exit 2; }
	@$(BIN)/python demo/land_cover.py "$(DATA)" $(DEMO)

demo-slurm: $(STAMP) ## the same on a real Slurm in a box (as root, after make setup-slurm)
	@$(BIN)/python demo/slurm.py $(DEMO)

run: $(STAMP) $(BUILT) ## run a centre in ./.wutong until Ctrl-C
	@WUTONG_HOME="$${WUTONG_HOME:-$(CURDIR)/.wutong}" $(BIN)/python -m wutong.app serve --stop-all

test: $(STAMP) $(BUILT) ## the everyday tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadscope -m "not slow" --ignore tests/browser $(ARGS)

test-browser: $(STAMP) $(BUILT) ## the portal in a real browser (after make setup-browser): whole stories, every page looked over
	@$(BIN)/pytest tests/browser -q -m "not slow" $(ARGS)

screenshots: $(STAMP) $(BUILT) ## a picture of every page in both languages, wide and narrow, into ./screenshots (after make setup-browser)
	@$(BIN)/python tools/screenshots.py

test-all: $(STAMP) $(BUILT) ## all tests, the long ones too
	@WUTONG_HYPOTHESIS=long $(BIN)/pytest -n $(WORKERS) --dist loadscope --ignore tests/browser $(ARGS)

check: $(STAMP) ## format, lint, types, imports, reference pages, rules of the house
	@$(BIN)/ruff format --check $(wildcard $(ROOMS))
	@$(BIN)/ruff check $(wildcard $(ROOMS))
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/build_frontend.py check
	@$(BIN)/python tools/docs.py --check
	@$(BIN)/pytest -q tests/house

format: $(STAMP) ## put the code in form
	@$(BIN)/ruff check --fix --quiet $(wildcard $(ROOMS)) || true
	@$(BIN)/ruff format $(wildcard $(ROOMS))

bench: $(STAMP) ## measure, and print one table: make bench [ARGS="idle jobs"]
	@$(BIN)/python benchmarks/run.py $(ARGS)

kill-test: $(STAMP) ## 300 jobs while every process is killed at random, 100 times in all
	@WUTONG_KILLS=$${WUTONG_KILLS:-100} WUTONG_KILL_JOBS=$${WUTONG_KILL_JOBS:-300} $(BIN)/pytest tests/kill -s -q $(ARGS)

migrate: $(STAMP) ## bring the database of WUTONG_HOME or WUTONG_DATABASE_URL to this version's schema
	@$(BIN)/python -m wutong.app migrate

lock: $(STAMP) ## work the locked versions out again from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes -p 3.11 --no-header pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes -p 3.11 --no-header --extra dev pyproject.toml -o requirements-dev.lock

docs: $(STAMP) ## write the reference pages again from the code
	@$(BIN)/python tools/docs.py

clean: ## remove what tools left behind; .venv and .wutong stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find src tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +
