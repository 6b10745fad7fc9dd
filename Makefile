# `make` alone lists the targets. Everything is installed into .venv, from requirements.lock.

VENV := .venv
BIN := $(VENV)/bin
LOG ?= ../shared/data/graphs/collegemsg/CollegeMsg.txt
RATINGS ?= ../shared/data/graphs/bitcoin-otc/soc-sign-bitcoinotc.csv

# A Python from 3.11 to 3.13 that can make virtual environments; override with PYTHON=…
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$python && break; done)

# No tool here tells anybody what it does.
export DO_NOT_TRACK = 1
export DBT_SEND_ANONYMOUS_USAGE_STATS = false
export GX_ANALYTICS_ENABLED = false
export RUNTIME__DLTHUB_TELEMETRY = false

.DEFAULT_GOAL := help
.PHONY: help install demo dev test test-real trial trial-maths behaviour bench lint format lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | \
	while IFS='|' read -r target text; do printf '%-16s %s\n' "$$target" "$$text"; done

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 with venv was found. Install one, or say which: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

install: $(BIN)/python  ## make .venv and install everything (a second call does nothing)
	@$(BIN)/python .ci/install.py

demo: install  ## run 30 days of the sample network and look at the result
	@$(BIN)/stature demo

dev: install  ## open Dagster's UI on the same project
	@$(BIN)/stature dev

test: install  ## run every test
	@$(BIN)/python -m pytest

test-real: install  ## install real servers, pull from them and send to them (minutes)
	@$(BIN)/python -m tests.integration.real.installing
	@$(BIN)/python -m pytest -m real tests/integration/real

trial: install  ## run all 193 days of the CollegeMsg log (LOG=…/CollegeMsg.txt) and report
	@$(BIN)/python -m tests.trials.collegemsg --log $(LOG) --to .stature/trial

trial-maths: install  ## measure PageRank, trust on Bitcoin OTC (RATINGS=…) and what seeds do to the scores
	@$(BIN)/python -m tests.trials.pagerank
	@$(BIN)/python -m tests.trials.bitcoin_otc --ratings $(RATINGS)
	@$(BIN)/python -m tests.trials.seeds

behaviour: install  ## measure what scores do on simulated people under attack, and print the table (half an hour)
	@$(BIN)/python -m tests.behaviour --to .stature/behaviour

bench: install  ## measure the stages beside peers, in one run (some minutes)
	@$(BIN)/python -m tests.trials.bench --to .stature/bench
	@$(BIN)/python -m tests.trials.crm_sync

lint: install  ## check style, types, SQL and contracts, as the pre-commit hooks do
	@$(BIN)/pre-commit run --all-files

format: install  ## put the code into form
	@$(BIN)/ruff check --fix-only --quiet . && $(BIN)/ruff format .

lock: install  ## write requirements.lock again from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove .venv and caches (never the data in .stature)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
