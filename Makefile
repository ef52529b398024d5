# make run    the main job on the built-in rig, in this terminal
# make test   all tests
# make test-socketcan  the CAN drivers on the kernel's own SocketCAN (User Mode Linux where this kernel has none)
# make check  lint, format, types, import rules
# make bench  every benchmark
# make fuzz   two minutes of fuzzing (tests/fuzz/README.md)
# make setup  only the environment (.venv)

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin

.PHONY: run test test-socketcan check bench fuzz setup clean

# 5 and 130 tell scripts how the shift ended; to a person, who has read it on the screen, make has nothing to add.
run: .venv/.ready
	@$(BIN)/station run demo --data data || case $$? in 5|130) ;; *) exit $$?;; esac

test: .venv/.ready-dev
	$(BIN)/python -m pytest

test-socketcan: .venv/.ready-dev
	$(BIN)/python -m tests.socketcan

check: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.rooms

bench: .venv/.ready-dev
	$(BIN)/station bench loop
	for bench in tests/bench/*.py; do case $$bench in */__init__.py) ;; *) \
	  echo "== $$bench"; $(BIN)/python -m tests.bench.$$(basename $$bench .py) || exit 1 ;; esac; done

fuzz: .venv/.ready-dev
	$(BIN)/python -m tests.fuzz.board --seconds 60 --inputs 200000
	$(BIN)/python -m tests.fuzz.decoders --seconds 60

setup: .venv/.ready-dev

.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found; install one, or: make PYTHON=/path/to/python3"; exit 1; }
	@echo "making the environment in .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv || { echo "make: no venv module; on Debian and Ubuntu: apt install python3-venv"; rm -rf .venv; exit 1; }

.venv/.ready: pyproject.toml | .venv/bin/pip
	@echo "installing the station and its packages (once, about a minute) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.ready-dev: pyproject.toml | .venv/bin/pip
	@echo "installing the station, its packages and the test tools (once, about a minute) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/.ready

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
