# Every command of this repository; `make` alone lists them.
#
# Each command works on a new Debian machine: .ci/prepare installs missing tools and prints what
# it installs and why.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# If CI is set, the demo checks its account and ends by itself.
CI ?=
# Options for the bench program, such as ARGS="--only acks --json".
ARGS ?=

# All commands use the same set of targets, so the dependencies are compiled once.
cargo_targets := --locked --lib --bins --examples

.PHONY: help
help: ## Lists the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

##
.PHONY: demo
demo: build sdk ## Plays the walk-through with a gateway, a provider and a shop (CI=1: checks and ends)
	@target/debug/examples/demo $(if $(CI),--unattended)

.PHONY: test
test: guests ## Runs all tests: the host's, end to end, and the handlers' own
	@.ci/prepare rust oracles api collector languages browser
	cd plugins && cargo test --locked --workspace
	@$(MAKE) --no-print-directory test-sdks
	if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --locked --no-fail-fast --lib --bins --tests; \
	else cargo test --locked --no-fail-fast --lib --bins --tests; fi

.PHONY: test-postgres
test-postgres: ## Runs the ledger's tests on a PostgreSQL server of their own; skips none
	@.ci/prepare rust postgres
	if cargo nextest --version >/dev/null 2>&1; \
	then TOLLGATE_SKIP_NOTHING=1 cargo nextest run --locked --no-fail-fast -p tollgate-ledger --features conformance,sqlite,postgres -E 'test(postgres)'; \
	else TOLLGATE_SKIP_NOTHING=1 cargo test --locked --no-fail-fast -p tollgate-ledger --features conformance,sqlite,postgres postgres; fi

.PHONY: test-sdks
test-sdks: ## Runs the tests of the SDKs of Python and JavaScript in their own languages
	cd plugins/sdk/python && python3 -m unittest discover -q -s sdk_tests -t .
	@command -v npm >/dev/null || { echo "there is no npm: the SDK of JavaScript is not tested"; exit 0; }; \
	cd plugins/sdk/javascript/sdk_tests && npm ci --ignore-scripts --silent && \
	node --test --test-reporter=dot *.test.js && npm run types --silent

.PHONY: test-languages
test-languages: guests ## Makes, builds and serves a handler in every language; skips none
	@.ci/prepare rust languages
	TOLLGATE_SKIP_NOTHING=1 TOLLGATE_LANGUAGES=1 cargo test --locked --test end_to_end scenarios::plugin -- --nocapture

.PHONY: screenshots
screenshots: guests ## Takes the pictures of the dashboard that docs/dashboard.md shows
	@.ci/prepare rust browser
	TOLLGATE_SCREENSHOTS=$(CURDIR)/docs/images cargo test --locked --test end_to_end scenarios::dashboard -- --nocapture

.PHONY: oracles
oracles: ## Asks the providers' own libraries to verify Tollgate's signatures (installs them)
	@.ci/prepare rust oracles
	TOLLGATE_SKIP_NOTHING=1 cargo test --locked --test end_to_end scenarios::oracles -- --nocapture

.PHONY: crash
crash: guests ## Kills the gateway under load, at random and at the worst moments (ROUNDS=200)
	@.ci/prepare rust
	TOLLGATE_CRASH_ROUNDS=$(or $(ROUNDS),200) cargo test --locked --test end_to_end scenarios::crash -- --nocapture

.PHONY: thin
thin: guests ## Resolves a thousand thin events at the limit of Stripe's test mode (EVENTS=1000)
	@.ci/prepare rust
	TOLLGATE_THIN=$(or $(EVENTS),1000) cargo test --locked --test end_to_end scenarios::thin::rate -- --nocapture

.PHONY: soak
soak: guests ## Runs a steady load; memory and file must not grow (MINUTES=20)
	@.ci/prepare rust
	TOLLGATE_SOAK_MINUTES=$(or $(MINUTES),20) cargo test --locked --test end_to_end scenarios::soak -- --nocapture

# The packages to build or to test; by default all.
PARTS ?=

# The seconds for each fuzz target, or the number of inputs, and the targets; by default all.
SECONDS_EACH ?= 30
INPUTS ?=
TARGETS ?=

.PHONY: fuzz
fuzz: ## Fuzzes the code that reads untrusted bytes (SECONDS_EACH=30 or INPUTS=N, TARGETS="json http1")
	@.ci/prepare rust
	INPUTS=$(INPUTS) tests/fuzz/run $(SECONDS_EACH) $(TARGETS)

.PHONY: run
run: build ## Runs the gateway on examples/quickstart; Ctrl-C ends it
	cd examples/quickstart && STRIPE_WEBHOOK_SECRET="$${STRIPE_WEBHOOK_SECRET:-whsec_quickstart}" ../../target/debug/tollgate serve

##
.PHONY: build
build: guests ## Compiles the gateway and the handlers
	@.ci/prepare rust
	cargo build $(cargo_targets)

.PHONY: guests
guests: ## Compiles the handlers to WebAssembly (plugins/target/components)
	@.ci/prepare rust
	plugins/build

.PHONY: sdk
sdk: ## Fetches Stripe's own SDK into target/, if npm or pip is available
	@.ci/prepare stripe

.PHONY: check
check: cycles sizes ## Checks formatting, import cycles, sizes and clippy's warnings, in both workspaces
	@.ci/prepare rust lint docs
	python3 tests/docs/columns.py
	cargo fmt --all --check
	cd plugins && cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked -p tollgate-ledger --no-default-features --features conformance -- -D warnings
	cargo clippy --locked -p tollgate-ledger --all-targets --features conformance,postgres -- -D warnings
	cd plugins && cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: docs
docs: build ## Checks the documentation: links, keys of the manifest, line lengths, commands
	@.ci/prepare docs
	tests/docs/run

.PHONY: book
book: ## Makes the book of the documentation (target/book/html) and checks its links
	@.ci/prepare docs book
	docs/build

.PHONY: cycles
cycles: ## Prints import cycles between modules and fails if there is one
	@.ci/prepare docs
	.ci/cycles

.PHONY: sizes
sizes: ## Checks the size of files and functions (.ci/sizes --table prints figures)
	@.ci/prepare docs
	.ci/sizes

.PHONY: advisories
advisories: ## Compares the dependencies with the RustSec database (ADVISORY_DB=folder: a copy of it)
	@.ci/prepare rust deny
	.ci/advisories $(ADVISORY_DB)

.PHONY: bench
bench: guests ## Measures throughput, latency and the sandbox, beside Express (a release build)
	@.ci/prepare rust express
	cargo bench --locked --bench gateway -- $(ARGS)

.PHONY: attack
attack: guests ## Attacks a release build from a stranger's address (BEFORE=program: another build too)
	@.ci/prepare rust
	cargo bench --locked --bench gateway -- --only attack $(if $(BEFORE),--before $(BEFORE)) $(ARGS)

.PHONY: packages
packages: ## Builds what users install: program, wheel, npm package, Debian package, image, SBOM
	@.ci/prepare rust packages
	host/packaging/build $(PARTS)

.PHONY: test-packages
test-packages: ## Installs each package of `make packages` into a clean place and posts an event to it
	@.ci/prepare packages
	tests/packages/run $(PARTS)

.PHONY: clean
clean: ## Removes all build results
	rm -rf target plugins/target
