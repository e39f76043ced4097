# The first Python from 3.11 to 3.13 that answers.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
PIP := .venv/bin/python -m pip --quiet --disable-pip-version-check
INSTALLED := .venv/installed
TOOLS := .venv/installed-tools

.PHONY: help demo tensorboard setup test test-slow-cpu full lint format docs lock

help:  ## shows this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 22

demo: $(INSTALLED)  ## installs, and trains a network that reads handwritten digits
	@.venv/bin/python lessons/course_3_cnn.py

tensorboard: $(INSTALLED)  ## shows the runs
	@.venv/bin/python -m lessons tensorboard

setup: $(INSTALLED)  ## installs what the lessons need into .venv

test: $(TOOLS)  ## runs the tests, two at a time
	@.venv/bin/python -m pytest -n 2 --dist worksteal

# Imitates a CPU with AVX2 and nothing more, such as most laptops have, on a larger one.
test-slow-cpu: $(TOOLS)  ## runs the tests as on a CPU with AVX2 and nothing more
	@ONEDNN_MAX_CPU_ISA=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2 .venv/bin/python -m pytest -n 2 --dist worksteal

# Measures what is not in docs/results.json yet, and holds the docstrings to it. LESSON=course_3_cnn measures one lesson.
full: $(TOOLS)  ## measures the lessons as shipped, over seeds, and runs the longest tests (hours)
	@.venv/bin/python -m tools.full $(LESSON)
	@.venv/bin/python -m tools.tables
	@.venv/bin/python -m pytest tests/test_full.py $(if $(LESSON),-k $(LESSON))
	@$(if $(LESSON),,.venv/bin/python -m pytest -m full -s)

lint: $(TOOLS)  ## checks style, spelling and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/codespell
	@.venv/bin/ty check --quiet

format: $(TOOLS)  ## formats the code, and repairs what can be repaired
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

docs: $(INSTALLED)  ## makes a site of the pages in docs/, in the folder site
	@$(PIP) install -e ".[docs]" -c constraints.txt
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --quiet
	@echo "Open site/index.html"

lock: $(INSTALLED)  ## writes constraints.txt anew: the newest versions that pyproject.toml allows
	@$(PIP) install uv
	@.venv/bin/uv pip compile pyproject.toml --all-extras --universal --annotation-style line \
		--upgrade --quiet -o constraints.txt

$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 found: install one, or name it with make PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), expected Python 3.11 to 3.13" >&2; exit 2; }
	@echo "Installing into .venv (about 600 MB to download)"
	@$(PYTHON) -m venv .venv
	@$(PIP) install -r requirements.txt
	@.venv/bin/python -m data fetch --small || true
	@touch $(INSTALLED)

$(TOOLS): $(INSTALLED)
	@$(PIP) install -e ".[dev]" -c constraints.txt
	@touch $(TOOLS)
