# Two commands do it all on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test pure fuzz world crash late chaos soak bench peers pages lint format lock clean

demo: .venv/run.stamp
	$(BIN)/tram demo

test: .venv/dev.stamp .venv-cwt/stamp lint
	$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report=term

pure: .venv/dev.stamp
	$(BIN)/pytest -m pure -q --durations=5

fuzz: .venv/dev.stamp
	$(BIN)/python -m tests.drivers.protocols.fuzz --bytes $${BYTES:-1000000}

world: .venv/dev.stamp
	$(BIN)/python -m tests.world --seeds $${SEEDS:-1000} --first $${FIRST:-1}

crash: .venv/dev.stamp
	$(BIN)/python -m tests.crash --rounds $${ROUNDS:-50}

late: .venv/dev.stamp
	$(BIN)/python -m tests.late --answers $${ANSWERS:-2000}

chaos: .venv/dev.stamp
	$(BIN)/python -m tests.chaos --seed $${SEED:-1} $${ONLY:+--only "$$ONLY"}

soak: .venv/dev.stamp
	$(BIN)/python -m tests.soak --minutes $${MINUTES:-10} --seed $${SEED:-1}

bench: .venv/dev.stamp
	$(BIN)/python -m bench

peers: .venv/dev.stamp
	$(BIN)/python -m bench.peers $${FOLDER:+--folder "$$FOLDER"}

pages: .venv/dev.stamp
	$(BIN)/python -m tests.commissioning

lint: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The environment is made when it is missing and made anew when what it is made of changes.
.venv/run.stamp: requirements/run.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tram needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is missing. On Debian: apt install python3-venv"; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements/run.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.lock
	$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

# python-cwt, a verifier that we did not write, needs an older cbor2: an environment of its own.
.venv-cwt/stamp: requirements/cwt.lock
	rm -rf .venv-cwt
	$(PYTHON) -m venv .venv-cwt
	.venv-cwt/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/cwt.lock
	@touch $@

COMPILE = .venv-lock/bin/pip-compile -q --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --strip-extras --no-header --no-annotate
lock:
	test -d .venv-lock || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip -q install pip-tools; }
	$(COMPILE) --extra build --extra demo -o requirements/run.lock pyproject.toml
	$(COMPILE) --extra build --extra demo --extra dev -o requirements/dev.lock pyproject.toml
	$(COMPILE) -o requirements/cwt.lock requirements/cwt.in

clean:
	rm -rf .venv .venv-cwt .venv-lock .peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* build dist *.egg-info
