# The first Python from 3.11 to 3.13 that answers.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
INSTALLED := .venv/installed

.PHONY: demo docs test test-slow-cpu full lint setup tensorboard

demo: $(INSTALLED)
	@.venv/bin/python lessons/course_3_cnn.py

test: $(INSTALLED)
	@.venv/bin/python -m pytest -n 2 --dist worksteal

# Imitates a CPU with AVX2 and nothing more, such as most laptops have, on a larger one.
test-slow-cpu: $(INSTALLED)
	@ONEDNN_MAX_CPU_ISA=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2 .venv/bin/python -m pytest -n 2 --dist worksteal

full: $(INSTALLED)
	@.venv/bin/python -m pytest -m full -s

lint: $(INSTALLED)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/codespell

setup: $(INSTALLED)

# The pages of docs/ as a site, in the folder site.
docs: $(INSTALLED)
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt -c constraints.txt
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --quiet
	@echo "Open site/index.html"

tensorboard: $(INSTALLED)
	@.venv/bin/python -m lessons tensorboard

$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 found: install one, or name it with make PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), expected Python 3.11 to 3.13" >&2; exit 2; }
	@echo "Installing into .venv (about 600 MB to download)"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@.venv/bin/python -m data fetch --small || true
	@touch $(INSTALLED)
