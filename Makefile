# Two commands: `make demo` and `make test`. Both set up everything they need in .venv and .demo.

PYTHON ?= python3
VENV ?= .venv
DEMO_DIR ?= .demo
PORT ?= 8000
ONCE ?=
PYTEST ?=
NAMES ?=

BIN := $(VENV)/bin
PY := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo test faults mutations lint format lock messages clean
.DELETE_ON_ERROR:

help:
	@echo "make demo          dashboard, workers and a simulated Analytics Cloud on this machine, until Ctrl-C"
	@echo "make demo ONCE=1   the same, ending by itself once six files were downloaded and checked"
	@echo "make test          the whole suite"
	@echo "make faults        the slow part of the suite that kills real processes"
	@echo "make mutations     takes protections away one by one, and sees whether their tests notice (an hour)"
	@echo "make lint, format, lock, messages, clean"
	@echo
	@echo "PYTHON=python3.12 chooses the Python, PORT=9000 the demo's port, DEMO_DIR=folder where its data lies."

# The environment -----------------------------------------------------------------------------------------------
# A stamp is a copy of the lock it was filled from: nothing is done twice, and a changed lock is followed.

$(VENV)/.made:
	@sh scripts/environment.sh make "$(PYTHON)" "$(VENV)"

$(VENV)/.runtime: requirements.txt | $(VENV)/.made
	@sh scripts/environment.sh fill "$(PYTHON)" "$(VENV)" requirements.txt $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/.made
	@sh scripts/environment.sh fill "$(PYTHON)" "$(VENV)" requirements-dev.txt $@

# The product ---------------------------------------------------------------------------------------------------

demo: $(VENV)/.runtime
	@exec $(PY) -m lacportal.demo --folder "$(DEMO_DIR)" --port "$(PORT)" $(if $(filter-out 0 no false,$(ONCE)),--once)

# The suite: PYTEST="-k name" narrows it ------------------------------------------------------------------------

test: $(VENV)/.dev
	@exec $(PY) -m tests.support.suite $(PYTEST)

faults: $(VENV)/.dev
	@exec $(PY) -m pytest tests/faults -m "faults or slow" -n 2 --dist loadgroup --timeout=1800 $(PYTEST)

mutations: $(VENV)/.dev
	@exec $(PY) -m tests.mutations $(NAMES)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive exports lacportal scripts deploy manage.py gunicorn.conf.py
	$(BIN)/lint-imports
	$(BIN)/djlint templates --check --quiet
	$(BIN)/mypy exports lacportal

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djlint templates --reformat --quiet

# Addresses of package indexes stay out of the locks. Compile on the oldest Python that is supported.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: $(VENV)/.dev
	$(COMPILE) --output-file=requirements.txt requirements.in
	$(COMPILE) --output-file=requirements-dev.txt requirements-dev.in

messages: $(VENV)/.dev
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py makemessages --locale ja --add-location file --no-obsolete \
		--ignore "$(VENV)/*" --ignore "tests/*" --ignore "benchmarks/*"
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py compilemessages --locale ja --ignore "$(VENV)/*"

clean:
	rm -rf $(VENV) $(DEMO_DIR) .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
