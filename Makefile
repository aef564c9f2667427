# Each target sets up what it needs: a machine with Python 3.11, git, make and a compiler is enough.
VENV := .venv
BIN := $(abspath $(VENV))/bin
PYTHON ?= python3.11
CORES ?= all
ARGS ?=
export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup setup-slurm reproduce test test-slurm lint bench bench-estimators bench-training clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

# From a fresh machine to the report. ARGS="--config scale=reduced papers=infoshape" is handed on.
reproduce: setup
	snakemake --cores $(CORES) $(ARGS)

# Two workers with one thread each: torch's own threads would fight over the same two cores.
test: setup
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist worksteal --cov=common --cov-report=term:skip-covered $(ARGS)

# The same environment, with Snakemake's way to Slurm laid over it.
setup-slurm: .venv-slurm/.ready

.venv-slurm/.ready: $(VENV)/.ready requirements-slurm.txt
	$(BIN)/python -m venv .venv-slurm
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> $$(.venv-slurm/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/base.pth
	.venv-slurm/bin/python -m pip install --quiet --no-deps --ignore-installed -r requirements-slurm.txt
	@touch $@

# The DAG through a real Slurm of one node, which the test starts and ends. As root it may install Debian's packages.
test-slurm: setup-slurm
	@tests/slurm/packages
	OMP_NUM_THREADS=1 .venv-slurm/bin/python -m pytest -rs tests/slurm $(ARGS)

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile common/workflow/rules.smk $(wildcard replications/*/rules.smk benchmarks/*/rules.smk)
	lint-imports
	@echo "snakemake --lint (the advice to give each rule its own conda environment is not taken: there is one list of pins)"
	@! snakemake --lint 2>&1 | grep '^    \* ' | grep -v 'Specify a conda environment'

# Estimators against their peers and training against a plain loop, each row a ratio in one run. The peers pin other
# versions: an environment apart.
bench: bench-estimators bench-training

bench-estimators: .venv-bench/.ready
	.venv-bench/bin/python -m benchmarks.estimators $(ARGS)

bench-training: setup
	OMP_NUM_THREADS=1 python -m benchmarks.training $(ARGS)

.venv-bench/.ready: benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-bench .venv-slurm results figures/quick figures/reduced figures/paper data/generated logs .snakemake
