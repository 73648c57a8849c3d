# The project's commands. `demo`, `test` and `bench` install what they need (as root, on Debian or Ubuntu).
.PHONY: help deb image sbom demo cluster test test-nightly mutants attacks pages lint bench clean
.DEFAULT_GOAL := help
# Where this is set, each of thousands of processes compiles the project's modules again
unexport PYTHONDONTWRITEBYTECODE

# Most of the time is waiting, for servers, browsers and cron: six processes share the tests, more than there are processors
PYTEST = .venv/bin/pytest -n 6 --dist loadscope --no-loadscope-reorder

# Beside the linters one process compiles all tests: otherwise each of the six would, at the same time
COMPILED = trap 'wait' EXIT; .venv/bin/pytest --collect-only -q $(TESTS) > /dev/null 2>&1 &

# By a name of its own: a line of a recipe that says $(MAKE) itself is run by `make -n` too, and compiles all tests
LINTED = $(MAKE) --no-print-directory lint

help:
	@echo "make demo            a shop restored into a new account by cron, on this machine"
	@echo "make demo BUNDLE=F   the same with your own bundle"
	@echo "make deb             a package for Debian 12 and 13 and Ubuntu 24.04, in build/deb; ARCHITECTURE=arm64 (amd64) instead of this machine's"
	@echo "make image           a container's image, in build/image, with Debian's buildah; IMAGE_BASE=NAME builds on another base"
	@echo "make sbom            archives of the addon and the client, their bills of materials and the agent's, in build/artefacts"
	@echo "make cluster         two machines share the work, workers are killed meanwhile; CLUSTER=OPTIONS, such as --orders 50"
	@echo "make test            linters, types, import rules, every test"
	@echo "make test TESTS=F    only the tests in F, a file or folder"
	@echo "make test-nightly    also the long tests"
	@echo "make mutants         takes each protection away in a copy and expects failing tests; MUTANTS=NAMES only these"
	@echo "make attacks         writes the table of attacks anew (tests/attacks/ATTACKS.md)"
	@echo "make pages           writes anew what is made: the pages of error codes, settings, faults, attacks; the Persian catalogue"
	@echo "make lint            linters, types and import rules alone"
	@echo "make bench           speed, measured side by side; BUNDLE=F measures your own bundle"
	@echo "make clean           removes the demo (accounts, databases, processes, files) and everything built here"

demo:
	@packaging/bootstrap.sh run
	@.venv/bin/python packaging/demo/demo.py $(if $(BUNDLE),--bundle "$(BUNDLE)")

# Of the last commit's moment and the pinned wheels: the same commit gives the same bytes
deb:
	@packaging/bootstrap.sh run
	@.venv/bin/python packaging/debian/build.py $(if $(ARCHITECTURE),--architecture "$(ARCHITECTURE)")

# The same in a container; the wheels are those of Debian 13
image:
	@packaging/bootstrap.sh run
	@.venv/bin/python packaging/container/build.py $(if $(IMAGE_BASE),--base "$(IMAGE_BASE)")

# Package and image have their bills and digests from their own builds
sbom:
	@packaging/bootstrap.sh run
	@.venv/bin/python packaging/artefacts/build.py

# Machines, servers and shops are doubles; Redis and MariaDB are real ones of its own, and nothing of it is left
cluster:
	@packaging/bootstrap.sh test
	@.venv/bin/python -m tests.bench.engine.cluster $(CLUSTER)

test:
	@packaging/bootstrap.sh test
	@$(COMPILED) $(LINTED)
	$(PYTEST) $(TESTS)

test-nightly:
	@packaging/bootstrap.sh test
	@$(COMPILED) $(LINTED)
	SHOPLAUNCH_NIGHTLY=1 $(PYTEST) $(TESTS)

# Each in tests/mutants takes one protection away; the tests named beside it have to notice
mutants:
	@packaging/bootstrap.sh test
	.venv/bin/python -m tests.mutants.run $(MUTANTS)

# From the marks of the tests, with the mutant of each
attacks:
	@packaging/bootstrap.sh test
	.venv/bin/python -m tests.attacks.catalogue

# Error codes, settings, faults, attacks: from what they are about; the catalogue: from its text
pages:
	@packaging/bootstrap.sh test
	.venv/bin/python -m tests.pages

# What recipes begin as is as clean as they have to be
SKELETON = controller/recipes/skeleton.py.txt
# What archives of the agent start with, which Pythons older than annotations must understand
ARCHIVE_MAIN = packaging/agent/archive_main.py

lint:
	.venv/bin/ruff check . $(SKELETON)
	.venv/bin/ruff format --check . $(SKELETON)
	.venv/bin/mypy
	.venv/bin/mypy --untyped-calls-exclude shared $(SKELETON)
	.venv/bin/mypy --allow-untyped-defs --allow-untyped-calls --disable-error-code union-attr $(ARCHIVE_MAIN)
	.venv/bin/lint-imports
	.venv/bin/vermin --quiet --no-tips --violations --eval-annotations --target=3.6- --exclude-regex '\.pyi$$' agent shared packaging/agent/compile.py
	.venv/bin/vermin --quiet --no-tips --violations --target=2.6- --target=3.0- $(ARCHIVE_MAIN)

# BUNDLE=FILES measures these bundles instead of shops of our own making
bench:
	@packaging/bootstrap.sh test
	.venv/bin/python -m tests.bench.pack
	.venv/bin/python -m tests.bench.addon
	.venv/bin/python -m tests.bench.controller
	.venv/bin/python -m tests.bench.slow_disk
	.venv/bin/python -m tests.bench.order_to_live $(firstword $(BUNDLE))
	.venv/bin/python -m tests.bench.restore $(BUNDLE) --svg build/speed.svg --markdown build/speed.md

# The demo is the machine's, not this folder's: it is removed from wherever this is called
clean:
	@if [ -d "$${SHOPLAUNCH_DEMO:-/var/lib/shoplaunch-demo}" ]; then \
		[ -x .venv/bin/shoplaunch ] || packaging/bootstrap.sh run && \
		.venv/bin/python packaging/demo/demo.py --clean; \
	fi
	@[ "$$(id -u)" != 0 ] || python3 -m tests.support.leftovers
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
