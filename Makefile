# make demo    the whole loop on a real Debian root filesystem, checked file by file
# make test    linters, types, import contracts and every test
#
# Both set up what is missing first; on a fresh Debian 12 they need root, make and git, nothing else.

MAKEFLAGS += --no-print-directory
bin := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-run demo test bench soak lint crash-sweep faults power-cut fsck-sweep format lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: ## install Debian packages and the virtual environment for development
	@scripts/setup-system dev
	@scripts/setup-venv dev

setup-run:
	@scripts/setup-system run
	@scripts/setup-venv run

demo: setup-run ## import a Debian rootfs, change, commit, break, roll back, prove it equal
	@$(bin)/python scripts/demo

test: lint ## lint, then every test
	@$(bin)/python scripts/run-tests

bench: ## measure beside docker, podman, buildah, umoci and ostree; ARGS="--quick --only run log"
	@scripts/setup-system bench
	@scripts/setup-venv bench
	@$(bin)/python -m benchmarks $(ARGS)

soak: setup ## random lives of a rootfs for SECONDS=900 from SEED=n on; prints seeds and steps
	LAYERCTL_SOAK=$(or $(SECONDS),900) $(if $(SEED),LAYERCTL_SEED=$(SEED)) $(bin)/python -m pytest -q -x tests/property/test_overlay_states.py

lint: setup ## ruff, ruff format --check, mypy --strict, import contracts
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

crash-sweep: setup ## kill every verb before each of its system calls; goes on where it was interrupted
	@$(bin)/python -m tests.crash.sweep

faults: setup ## let each system call of every verb fail, and fill the disk
	@$(bin)/python -m tests.crash.faults

power-cut: setup ## cut the power of an ext4 and an xfs, 50 times each
	@$(bin)/python -m tests.crash.powercut

fsck-sweep: setup ## damage repositories at random, 2000 times, and see whether fsck notices
	@LAYERCTL_FSCK_ROUNDS=2000 $(bin)/python -m pytest -q -s tests/functional/test_fsck_random.py

format: setup ## let ruff put the code in order
	$(bin)/ruff check --fix
	$(bin)/ruff format

lock: ## resolve the pinned dependencies anew
	scripts/lock

clean: ## remove what the targets above made in this checkout
	rm -rf .venv .venv.lock build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find layerctl tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
