# make demo: the first program, from nothing to a memo.   make test: lint, types, tests.
# make fuzz: damaged homes for ten minutes (MINUTES=60, SEED=7).   make everything: all of it.
# Recipes name .venv by its relative path, so that a folder with spaces in its name works.

PYTHON ?= python3
FIDELITY ?= standard
MINUTES ?= 10
BASE ?= 67e20af
BASE_OF_RUNS ?= 32ed960
PY := .venv/bin/python

.PHONY: architecture demo test lint types slow crashes soak browser bench-verdicts bench-store bench-judge bench-overhead bench-history levels fuzz everything clean

.venv/installed: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or later is needed: make demo PYTHON=python3.11'; exit 1; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --upgrade pip -c constraints.txt
	$(PY) -m pip install --quiet -c constraints.txt -e .
	touch $@

# What only tests, lint and types need, and what reads the stores of others.
.venv/installed-dev: .venv/installed
	$(PY) -m pip install --quiet -c constraints.txt -e '.[dev,stores]'
	touch $@

demo: .venv/installed
	$(PY) cli.py advance credit_linesearch --all --fidelity $(FIDELITY)
	@$(PY) cli.py status credit_linesearch
	@echo
	@echo 'The memos are in knowledge/memos/credit_linesearch; read the latest with'
	@echo '    .venv/bin/python cli.py memo credit_linesearch'
	@echo 'Why it was decided:  .venv/bin/python cli.py explain credit_linesearch'
	@echo 'Browse everything:   .venv/bin/python cli.py ui     (then open http://127.0.0.1:5000)'

test: lint types
	$(PY) -m pytest -n 2

lint: .venv/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: .venv/installed-dev
	$(PY) -m mypy

slow: .venv/installed-dev
	$(PY) -m pytest -m slow

# Real kills at every durable step and at random times, and lives with crashes beside undisturbed ones.
crashes: .venv/installed-dev
	EVERYTHING=1 $(PY) -m pytest -n 2 tests/promises/crashes -m 'slow or not slow'

# Two thousand runs, every tenth of which kills its worker: about ten minutes.
soak: .venv/installed
	$(PY) -m benchmarks.soak

browser: .venv/installed-dev
	$(PY) -m pytest -m browser

bench-verdicts: .venv/installed
	$(PY) -m benchmarks.verdicts

# A hundred campaigns through program files, experiment, store, advance and explain: about a quarter of an hour.
bench-store: .venv/installed
	$(PY) -m benchmarks.through_the_store

# Seconds of judging the five programs' recorded runs, here and at the revision BASE.
bench-judge: .venv/installed
	$(PY) -m benchmarks.judging $(if $(BASE),--base $(BASE))

# How long judge takes on 1,000, 10,000 and 100,000 runs.
bench-history: .venv/installed
	$(PY) -m benchmarks.history

# What a run costs beyond its experiment, here and where one process served many runs, and what a second job gains.
bench-overhead: .venv/installed
	$(PY) -m benchmarks.overhead $(if $(BASE_OF_RUNS),--base $(BASE_OF_RUNS))

# The table of levels that bounds are taken at, from the exact chain: about half an hour.
levels: .venv/installed
	$(PY) -m benchmarks.levels

fuzz: .venv/installed-dev
	$(PY) -m tests.promises.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# The fence, the picture and the tables of docs/architecture.md, from planner/floors.toml and the imports.
architecture: .venv/installed
	$(PY) docs/make_architecture.py

# All that there is, nothing left to other changes: at most two hours.
everything: .venv/installed-dev
	EVERYTHING=1 bash .ci/run
	$(MAKE) fuzz MINUTES=5
	$(MAKE) soak
	$(MAKE) bench-verdicts bench-store bench-judge bench-overhead bench-history

clean:
	rm -rf .venv build *.egg-info
