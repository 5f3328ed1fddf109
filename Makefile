.DEFAULT_GOAL := help
.PHONY: help setup run test lint format docs lock status logs stop clean

# The first interpreter that will do; another one: make run PYTHON=python3.12
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && exit; \
	done; echo python3)
SET_UP := $(PYTHON) include/stack/set_up.py
BIN := .venv/bin

# Compiled modules are kept: without them every start of Airflow compiles its own again.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make what a clone does not bring: environment, jars, servers
	@$(SET_UP)

run: ## Set up if needed, start everything, print address and login
	@$(SET_UP) --ports
	@$(BIN)/barograph stack up

test: ## Run all tests, beside a running stack too
	@$(SET_UP) --dev --browser
	@$(BIN)/python tests/run.py

lint: ## Check style, types and who imports whom
	@$(SET_UP) --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ## Rewrite the code in our style
	@$(SET_UP) --dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: ## Write docs/cli.md from the commands, docs/settings.md from the settings
	@$(SET_UP)
	$(BIN)/typer barograph.cli.__main__ utils docs --name barograph --output docs/cli.md
	$(BIN)/python -m barograph.cli.settings_page docs/settings.md

lock: ## Pin all versions anew from requirements*.txt (needs uv)
	uv pip compile --quiet --upgrade --python-version 3.11 requirements.txt -o requirements.lock
	uv pip compile --quiet --upgrade --python-version 3.11 requirements-dev.txt -c requirements.lock -o requirements-dev.lock

status: ## Show health, ports, lag and last runs
	@$(BIN)/barograph status

logs: ## Follow the logs of all servers
	@$(BIN)/barograph stack logs --follow

stop: ## Stop everything; data stay
	@$(BIN)/barograph stack down

clean: ## Delete the data folder (asks first)
	@$(BIN)/barograph stack clean
