# Espalier's front door. `make` lists what there is to do.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

GO      ?= go
NPM     ?= npm
BUILD   := .build
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The linter is built from source into .build/bin, in the version that .golangci.yml was written for.
GOLANGCI_VERSION := v2.15.0
GOLANGCI         := $(BUILD)/bin/golangci-lint-$(GOLANGCI_VERSION)

# Engines, brokers and browsers that a test run must have used; a run without one of them fails.
REQUIRED ?= sqlite,postgres,embedded,mosquitto,chromium
# Narrow a run down: make test PKG=./internal/store/... RUN=TestClaim REQUIRED=
PKG ?= ./...
RUN ?=
FUZZTIME ?= 30s

WEB := $(wildcard web/package.json)

.PHONY: help build web run test test-deps web-test web-lint screenshots lint bench fuzz clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

build: web ## Build bin/espalier, the front end included
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/espalier ./cmd/espalier

run: build ## Build, then serve
	@exec bin/espalier serve

# The front end is built again when a file of its own changed. Its packages are installed again when their lock did.
ifneq ($(WEB),)
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path 'web/test-results/*' -not -path 'web/test/*' \
	-not -name '*.go' -not -name '*.gen.ts') internal/httpapi/testdata/openapi.golden.json

web: $(BUILD)/web.stamp

$(BUILD)/web-packages.stamp: web/package.json $(wildcard web/package-lock.json)
	@command -v $(NPM) >/dev/null || { echo "make: the front end is built with Node.js 20 or newer, which is not here" >&2; exit 1; }
	cd web && $(NPM) ci --no-audit --no-fund
	@mkdir -p $(BUILD) && touch $@

$(BUILD)/web.stamp: $(BUILD)/web-packages.stamp $(WEB_SOURCES)
	cd web && $(NPM) run build
	@touch $@
else
web:
endif

# SQLite is C turned into Go. Its pointers are as C's are; to check each of them takes 40% of its time under the race detector.
TESTFLAGS := -vet=off -race -gcflags=modernc.org/...=-d=checkptr=0 -shuffle=on -timeout 40m

# The page is tested in a browser against the program, when all is tested or the page is. Its results are counted with those of go test.
WEB_TEST := $(and $(WEB),$(filter ./... ./web/...,$(PKG)),web-test)
WEB_RESULTS := $(BUILD)/web-test.json

test: test-deps build ## Run every test, in Go and of the page; installs what they need first
	@mkdir -p $(BUILD) && rm -f $(WEB_RESULTS)
	@suites=; $(if $(WEB_TEST),web=0; $(MAKE) --no-print-directory web-test || web=$$?; suites=web=$$web;) \
	$(GO) build -o $(BUILD)/bin/summary ./internal/testenv/summary; \
	{ [ ! -e $(WEB_RESULTS) ] || cat $(WEB_RESULTS); \
		CGO_ENABLED=1 $(GO) test $(TESTFLAGS) -json $(if $(RUN),-run '$(RUN)') $(PKG); } \
		| tee $(BUILD)/test.json \
		| $(BUILD)/bin/summary -require '$(REQUIRED)' -suite "$$suites"

test-deps: ## Install the engines, brokers and browser that the tests use, where missing
	@scripts/test-deps

web-test: test-deps build ## Run the tests of the page alone; RUN narrows them down by their names
	cd web && RESULTS=$(abspath $(WEB_RESULTS)) $(NPM) test -- $(if $(RUN),--grep '$(RUN)' --pass-with-no-tests)

screenshots: test-deps build ## Take pictures of every view of the page into .build/screenshots, and those of the README
	cd web && $(NPM) run screenshots
	cp $(BUILD)/screenshots/fleet-light-1280.png docs/images/fleet.png
	cp $(BUILD)/screenshots/save-dark-1280.png docs/images/save.png
	cp $(BUILD)/screenshots/history-light-1280.png docs/images/history.png

lint: $(GOLANGCI) web-lint ## Check formatting, go vet, and the rules of .golangci.yml
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r ls 2>/dev/null | xargs -r gofmt -l); \
	[ -z "$$unformatted" ] || { echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GOLANGCI) run ./...

web-lint: $(if $(WEB),$(BUILD)/web-packages.stamp)
	$(if $(WEB),cd web && $(NPM) run --silent lint)

$(GOLANGCI):
	@mkdir -p $(@D)
	CGO_ENABLED=0 GOBIN=$(abspath $(@D)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(@D)/golangci-lint $@

# The test files of the tree, also those that are not committed yet.
TEST_FILES := git ls-files --cached --others --exclude-standard '*_test.go' | xargs -r ls 2>/dev/null

bench: test-deps ## Run the benchmarks, each of which prints a ratio against a yardstick in the same run
	@packages=$$($(TEST_FILES) | xargs -r grep -l '^func Benchmark' | xargs -r -n1 dirname | sort -u | sed 's,^,./,' || true); \
	[ -n "$$packages" ] || { echo "make bench: there are no benchmarks" >&2; exit 1; }; \
	$(GO) test -vet=off -p 1 -run '^$$' -bench '$(or $(RUN),.)' $(if $(BENCHTIME),-benchtime $(BENCHTIME)) -timeout 60m $$packages

fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@targets=$$($(TEST_FILES) | xargs -r grep -o '^func Fuzz[A-Za-z0-9_]*' /dev/null || true); \
	[ -n "$$targets" ] || { echo "make fuzz: there are no fuzz targets" >&2; exit 1; }; \
	while IFS=: read -r file target; do \
		target=$${target#func }; echo "$$target in $${file%/*}"; \
		$(GO) test -vet=off -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$${file%/*}" </dev/null; \
	done <<< "$$targets"

clean: ## Remove what was built; databases in data/ stay
	rm -rf bin $(BUILD) web/node_modules
	[ ! -d web/dist ] || find web/dist -mindepth 1 -not -name .gitkeep -delete
