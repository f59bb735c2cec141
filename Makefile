# `make` alone explains the targets; `make all` is the gate, and what CI runs.

CARGO ?= cargo
# Everything is built as one workspace: selecting single packages unifies features differently and builds
# dependencies twice. The dev profile is the quickest way to a first success; the work of a run is in its agents.
WORKSPACE := --workspace --locked
BIN := $(abspath $(or $(CARGO_TARGET_DIR),target))/debug
GAME := examples/game
DEMO := demo
WITH_PATH := PATH="$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help all demo test lint fmt fmt-check doc schemas schemas-check examples peers bench bench-flow bench-models bench-steps bench-localisation simulate mutants certificate fuzz deny clean-state build

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

all: fmt-check lint test simulate doc schemas-check examples ## The gate: everything below that can fail

demo: build ## Put the sample script into two languages; run it again and nothing is asked twice
	@test -e $(DEMO)/refrain.yaml || $(WITH_PATH) refrain init --template localisation --yes $(DEMO)
	@$(WITH_PATH) refrain -C $(DEMO) run
	@printf '\nThe translations are in $(DEMO)/out. Try `make demo` again, then see $(DEMO)/README.md.\n'

peers: ## Install the servers that tests run against, where they are not there yet
	@peers/install.sh

test: peers ## Run all tests
	$(CARGO) test $(WORKSPACE)

lint: ## Run clippy; a warning is an error
	$(CARGO) clippy $(WORKSPACE) --all-targets -- -D warnings

fmt: ## Format the code
	$(CARGO) fmt --all

fmt-check: ## Check the format of the code
	$(CARGO) fmt --all --check

doc: ## Build the documentation; a broken link is an error
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(WORKSPACE) --no-deps

schemas: ## Write schemas/*.json and the index of the specs anew
	REFRAIN_UPDATE=1 $(CARGO) test $(WORKSPACE) --quiet --test it -- checked_in

schemas-check: ## Check that what is generated is what is checked in
	$(CARGO) test $(WORKSPACE) --quiet --test it -- checked_in

examples: build ## Run the example project in a fresh copy, twice, and the embedding example
	$(WITH_PATH) examples/run.sh $(BIN)/examples/embed

bench: ## Measure the workload W(N) beside the floor; REFRAIN_BENCH_N names other sizes than 1,000 to 1,000,000
	REFRAIN_BENCH_REPORT=$(abspath benches/report.md) $(CARGO) bench --workspace --locked --bench workload --bench commit

bench-flow: ## Measure what waiting for whole phases costs; REFRAIN_BENCH_FLOW sets another number of lines than 2,000
	$(CARGO) bench --workspace --locked --bench flow

bench-models: ## Measure what is left of a provider's speed and limits; takes some minutes
	$(CARGO) build $(WORKSPACE) --release --bins
	$(CARGO) bench --workspace --locked --bench models

bench-steps: ## Measure what 1,000 steps and a start cost; REFRAIN_BENCH_STEPS sets another number
	$(CARGO) build $(WORKSPACE) --release --bin refrain
	$(CARGO) bench --workspace --locked --bench steps

bench-localisation: ## Put 50,000 lines into three languages; REFRAIN_BENCH_LINES sets another number
	$(CARGO) build --workspace --locked --release --bin refrain --bin refrain-pseudo
	REFRAIN_BENCH_REPORT=$(abspath benches/localisation.md) $(CARGO) bench --workspace --locked --bench localisation

simulate: ## Take made-up projects through SEEDS (10,000) seeds of faults, crashes and edits
	$(CARGO) build $(WORKSPACE) --config crates/testkit/simulate.toml --bin simulate
	$(BIN)/simulate --seeds $(or $(SEEDS),10000)

mutants: ## Break the engine in five ways and have the simulator find each
	@CARGO="$(CARGO)" mutants/run.sh

certificate: export REFRAIN_CERTIFICATE ?= $(abspath certificates)/$(shell date -u +%F).md
certificate: export REFRAIN_COMMIT ?= $(shell git rev-parse --short HEAD)
certificate: ## Kill the binary 1,200 times, lose power in memory, and write down that nothing is bought twice
	REFRAIN_CRASH_KILLS=1000 REFRAIN_MODEL_KILLS=200 $(CARGO) test $(WORKSPACE) --test it -- crash::certificate
	REFRAIN_POWER_LIVES=60 $(CARGO) test $(WORKSPACE) --test it -- power::whatever
	@printf 'The certificate is %s\n' "$$REFRAIN_CERTIFICATE"

fuzz: ## Feed every reader and parser TIMES (100) times as many odd inputs as the gate does
	REFRAIN_FUZZ=$(or $(TIMES),100) $(CARGO) test $(WORKSPACE) --lib --test it -- fuzz

deny: ## Check licences and origins of dependencies (needs cargo-deny)
	$(CARGO) deny check

clean-state: ## Forget what the demo and the example made
	rm -rf $(DEMO)/.refrain $(DEMO)/out $(GAME)/.refrain $(GAME)/out

build:
	$(CARGO) build $(WORKSPACE) --bins --examples
