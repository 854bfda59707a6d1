# Everything that one does with this repository. `make` alone says what there is.
#
# Needed: Rust by rustup (rust-toolchain.toml names the version), Go 1.26 or newer, make.

CARGO ?= cargo
RECORDINGS ?= $(AZURE_RECORDINGS_DIR)
MINUTES ?= 10
SEED ?= 1
SCHEDULES ?= 1000000
# Where emulators write what they answer during `make test`.
ANSWERS ?= $(CURDIR)/target/answers
# `make test` skips the SDK's check, and says so, where Python is missing; in CI (the variable CI is set) that is an error.
SDK_CHECK_FLAGS ?= $(if $(CI),,--if-possible)

.DEFAULT_GOAL := help
.PHONY: help build build-release controlplane demo playground test fmt lint unit integration sdk-check az-check answers-check replay bench model explore crash-matrix chaos mutations mutants doc crds clean cargo-is-there

help: ## Show this list
	@echo "vmrestore: restores Azure VMs from Azure Backup, declared as Kubernetes resources"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "New here? \`make demo\` shows a whole restore. The first time it builds a Kubernetes control plane (10 minutes)."

demo: controlplane build ## Watch a restore from the first YAML to the last status, in about a minute
	@target/debug/testbed demo

playground: controlplane build ## The same world, left running for your own YAML, until Ctrl-C
	@target/debug/testbed playground

test: ## Everything that has to pass: format, lint, all tests, documents
	@rm -rf $(ANSWERS)
	@$(MAKE) --no-print-directory fmt
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory controlplane
	@$(MAKE) --no-print-directory build
	EMULATOR_ANSWERS_DIR=$(ANSWERS) $(CARGO) test --locked --workspace
	@EMULATOR_ANSWERS_DIR=$(ANSWERS) target/debug/testbed sdk-check $(SDK_CHECK_FLAGS)
	@$(MAKE) --no-print-directory answers-check
	@$(MAKE) --no-print-directory doc

build: cargo-is-there ## Build all binaries into target/debug
	$(CARGO) build --locked --workspace --bins

build-release: cargo-is-there ## Build the controller as its image contains it
	$(CARGO) build --release --locked --bin vmrestore-controller

controlplane: cargo-is-there ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into your cache, once per machine
	@$(CARGO) run --locked --quiet -p testbed -- controlplane

fmt: cargo-is-there ## Check the format (`cargo fmt --all` sets it right)
	$(CARGO) fmt --all --check

lint: cargo-is-there ## Check with clippy; every warning is an error
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

unit: cargo-is-there ## Unit and property tests, and the tests of the house: no cluster, seconds
	$(CARGO) test --locked --workspace --lib --bins
	$(CARGO) test --locked --test house

integration: controlplane build ## Tests on a real API server
	$(CARGO) test --locked --test it

sdk-check: build ## Microsoft's own Python SDK against the emulator, fact by fact (Python 3.10 or newer)
	@target/debug/testbed sdk-check

az-check: build ## Microsoft's own command line az against the emulator: installs 730 MB the first time
	@target/debug/testbed az-check

answers-check: cargo-is-there ## Hold what emulators answered in the last `make test` against Microsoft's OpenAPI
	@ANSWERS_TO_CHECK=$(ANSWERS) $(CARGO) test --locked --quiet -p azure-backup-emulator --test openapi recorded -- --nocapture

replay: controlplane build ## Play recorded answers of Azure to the controller: make replay RECORDINGS=DIR
	@test -n "$(RECORDINGS)" || { echo "make replay needs a folder with recordings: make replay RECORDINGS=DIR" >&2; exit 2; }
	@target/debug/testbed replay --recordings "$(RECORDINGS)" $(REPLAY_FLAGS)

chaos: controlplane build ## Restore while everything goes wrong, then count jobs and runs: make chaos MINUTES=30 SEED=1
	@target/debug/testbed chaos --minutes $(MINUTES) --seed $(SEED) $(CHAOS_FLAGS)

bench: controlplane build ## What restores cost: requests, writes, memory, for 1, 20 and 100 at once
	$(CARGO) bench --locked --bench restores

model: cargo-is-there ## Play the protocol in many made-up worlds, optimised: make model SCHEDULES=1000000
	@$(CARGO) run --locked --quiet -p testbed -- model --schedules $(SCHEDULES)

explore: cargo-is-there ## Explore bounded worlds of the protocol completely: make explore ONLY="two faults"
	@$(CARGO) run --locked --quiet -p testbed -- explore $(if $(ONLY),--only "$(ONLY)")

crash-matrix: controlplane build ## Kill the controller at every request of every path of a restore, once and twice (CRASH_FLAGS=--list)
	@target/debug/testbed crash-matrix $(CRASH_FLAGS)

mutations: cargo-is-there ## Break the protocol on purpose and see that the checks notice: make mutations ONLY="way 4"
	@$(CARGO) run --locked --quiet -p testbed -- mutations $(if $(ONLY),--only "$(ONLY)")

mutants: cargo-is-there ## Run cargo-mutants on the protocol: make mutants MUTANTS_FLAGS="--file src/restore/look.rs"
	@$(CARGO) run --locked --quiet -p testbed -- mutants -- $(MUTANTS_FLAGS)

doc: cargo-is-there ## Build the documentation of the code; a broken link is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --workspace

crds: cargo-is-there ## Generate crds/ again from the types in src/api
	$(CARGO) run --locked --bin vmrestore-controller -- crds --out crds

clean: ## Remove what was built here (the control plane stays in your cache)
	$(CARGO) clean

cargo-is-there:
	@command -v $(CARGO) >/dev/null || { echo "cargo was not found: install Rust with rustup, https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "cc was not found: Rust needs a C compiler to link, for example the package gcc" >&2; exit 1; }
