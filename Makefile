# Needs Debian 12 or newer; scripts/setup.sh installs what is missing.
PYTHON = .venv/bin/python
PARALLEL = --numprocesses=auto --no-loadscope-reorder
.PHONY: demo test check attack soak usb fuzz judge mutants bench bench-restart bench-store agent clean

demo: .venv/ready
	$(PYTHON) scripts/demo.py $(PHONE)

test: .venv/ready
	$(PYTHON) -m pytest -m "not soak and not usb" --durations=10 $(PARALLEL)

check: .venv/ready
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	$(PYTHON) -m pytest -m "not e2e and not soak and not usb" $(PARALLEL)

attack: .venv/ready
	$(PYTHON) scripts/attack $(ATTACK)

soak: .venv/ready
	$(PYTHON) -m pytest -m soak -s

usb: .venv/ready
	$(PYTHON) -m pytest -m usb -s tests/e2e/usb

fuzz: .venv/ready
	.venv/bin/pip install --quiet --editable '.[fuzz]'
	$(PYTHON) tests/fuzz --seconds $(or $(SECONDS),60)

judge: .venv/ready
	$(PYTHON) scripts/judge_plans.py

mutants: .venv/ready
	$(PYTHON) scripts/mutants.py $(ROOM) $(SAMPLE)

bench: .venv/ready
	$(PYTHON) scripts/bench.py

bench-restart: .venv/ready
	$(PYTHON) scripts/bench_restart.py

bench-store: .venv/ready
	$(PYTHON) scripts/bench_store.py

agent: .venv/ready
	$(PYTHON) -m hardboot.payload.build

.venv/ready: pyproject.toml scripts/setup.sh
	sh scripts/setup.sh

clean:
	-.venv/bin/hardboot virtual stop
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
