# The verbs of this repository. `make help` lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# What `make demo` runs: the profile of the tests, so that one build serves both. PROFILE=release for the optimised one.
PROFILE ?= dev
BINARY := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/contrail
RELEASE_BINARY := $(TARGET)/release/contrail
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/test-results -prune -o -type f -print 2>/dev/null)
CARGO_LOCKED := --locked

.PHONY: help setup demo build print-binary test services services-stop services-env check soak test-engines bench fmt notices clean-data

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## fetch and install everything that building and testing need
	@scripts/setup all

demo: ## build, start the demo sky and the whole line, print the address (OPEN=1 opens a browser, PROFILE=release)
	@scripts/setup build
	@$(MAKE) --no-print-directory web/dist/index.html
	@cargo build $(CARGO_LOCKED) --profile $(PROFILE) -p contrail
	@exec $(BINARY) up --demo $(if $(OPEN),--open)

build: ## build the optimised binary, with libduckdb beside it
	@scripts/setup build
	@$(MAKE) --no-print-directory web/dist/index.html
	@cargo build $(CARGO_LOCKED) --release -p contrail
	@cp -f .contrail/duckdb/libduckdb.* $(dir $(RELEASE_BINARY))
	@echo "built $(RELEASE_BINARY)"

print-binary: ## print the path of the optimised binary
	@echo $(RELEASE_BINARY)

test: ## run every test, Rust and web; ends with "N passed, N failed, N skipped"
	@scripts/setup all
	@$(MAKE) --no-print-directory web/dist/index.html
	@cargo xtask test

services: ## start Kafka, a schema registry, an S3 store and an Iceberg REST catalog for the tests (scripts/services --help)
	@scripts/services start >/dev/null
	@scripts/services status

services-stop: ## stop them; their data stay
	@scripts/services stop

services-env: ## print their addresses and keys as KEY=VALUE lines (with make -s)
	@scripts/services env

check: ## formatting, clippy, tidy, web lint and types, licences, NOTICES, advisories
	@scripts/setup build
	@$(MAKE) --no-print-directory web/dist/index.html
	@cargo xtask check

soak: ## 1,000 kills at random moments on the real binary, as many over a real Kafka, ten minutes beside others (KILLS=n)
	@scripts/setup all
	@$(MAKE) --no-print-directory web/dist/index.html
	@scripts/services start >/dev/null
	@set -a; eval "$$(scripts/services env)"; set +a; CI=true CONTRAIL_LONG=1 CONTRAIL_KILLS=$(or $(KILLS),1000) \
		cargo test $(CARGO_LOCKED) --workspace --test it -- --nocapture --test-threads 1 kill slept

test-engines: ## Spark, DuckDB and PyIceberg read and write our tables; fetches 450 MB once (docs/iceberg.md)
	@scripts/setup build test engines
	@$(MAKE) --no-print-directory web/dist/index.html
	@CI=true cargo test $(CARGO_LOCKED) --workspace --test it -- --ignored --nocapture --test-threads 1 engines::

bench: ## measure every stage (see benches/README.md)
	@$(MAKE) --no-print-directory build
	@benches/run

fmt: ## format the Rust and the web sources
	@cargo fmt --all
	@cd web && npm run --silent format

notices: ## write NOTICES anew
	@cargo xtask notices

clean-data: ## delete the data folders of this checkout (./data, ./data-demo)
	@rm -rf data data-demo
	@echo "deleted ./data and ./data-demo"

web/dist/index.html: $(WEB_SOURCES)
	@[ -d web/node_modules ] || scripts/setup build
	@cd web && npm run --silent build
	@touch $@
