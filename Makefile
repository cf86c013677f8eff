# Every target sets up what it needs. Any Python from 3.11 on will do: make PYTHON=python3.12 test
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# One BLAS thread is faster than two for the small products this library makes.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.PHONY: demo test test-extras lint types bench bench-extras reproduce reproduce-long suites clean

demo: $(VENV)/core  ## campaigns and a noisy stream on real data, in under a minute
	$(BIN)/python examples/demo.py

test: $(VENV)/test  ## everything that needs no optional package
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not extra"

test-extras: $(VENV)/extras  ## what needs optional packages
	$(BIN)/python -m pytest -m extra

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/lint $(VENV)/test
	$(BIN)/mypy

bench: $(VENV)/core  ## ratios against named baselines, some minutes
	for script in loop_overhead query_speed trim_speed influence_queries influence_speed \
		influence_tree compare_grid valuation_speed selection_speed; do \
		$(BIN)/python benchmarks/$$script.py || exit 1; done

bench-extras: $(VENV)/extras  ## the same against modAL and scikit-activeml
	for script in query_peers campaign_peers; do \
		$(BIN)/python benchmarks/$$script.py || exit 1; done

reproduce: $(VENV)/core  ## published figures and truth by retraining, up to an hour
	for script in anchor influence_truth influence_toys null_experiment; do \
		$(BIN)/python benchmarks/$$script.py || exit 1; done

reproduce-long: $(VENV)/core  ## the long tables, hours; stopped, they go on where they were
	$(BIN)/python benchmarks/divine_paper.py
	$(BIN)/python benchmarks/trimming_streams.py --folder out/streams --jobs 2
	$(BIN)/python benchmarks/active_learning.py --folder out/active-learning --jobs 2

suites: $(VENV)/extras  ## the ready comparisons with everybody's strategies, hours; they go on, too
	for suite in anchor classic noisy streams; do \
		$(BIN)/streamlearn compare --suite $$suite --folder out/$$suite || exit 1; \
		$(BIN)/streamlearn report out/$$suite --table out/$$suite.md || exit 1; done

clean:
	rm -rf $(VENV) out build *.egg-info

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "no Python of at least 3.11 was found; name one: make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	touch $@

$(VENV)/core: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install -q -e .
	touch $@

$(VENV)/test: $(VENV)/core
	$(BIN)/python -m pip install -q -e ".[test]"
	touch $@

$(VENV)/extras: $(VENV)/test
	$(BIN)/python -m pip install -q -e ".[all,oracles,test]"
	touch $@

$(VENV)/lint: $(VENV)/core
	$(BIN)/python -m pip install -q -e ".[lint]"
	touch $@
