# `make` alone prints the verbs.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ROOT    := $(CURDIR)
TOOLS   := $(ROOT)/.tools
BINARY  := dist/otelcol-datadogoauth
CTL     := dist/datadogoauthctl
MODULES := . testbed testbed/oracle
# The oracle module pulls in Datadog's own code; its tests run under `make conformance`, not under `make test`.
TEST_MODULES := . testbed
COMPONENTS := extension/datadogoauthext exporter/datadogoauthexporter
FAULT   ?=
FUZZTIME ?= 30s
# Generated cases of each signal in make conformance.
CASES   ?= 100000
BENCHTIME ?= 1s
BENCHCOUNT ?= 1
RUN     ?=
GRANTS  ?=
ROUNDS  ?=
SEED    ?=
SIGNAL  ?=
RUNS    ?=
ITEMS   ?=
TENANTS ?=
SHORT   ?=
SIZES   ?=
RATE    ?=
TIME    ?=
KINDS   ?=
STORAGE ?=
METRICS ?=

GO_SOURCES := $(shell find . -name '*.go' -not -path './dist/*' -not -path './.tools/*' 2>/dev/null)
PRODUCT_SOURCES := $(shell find site credential extension exporter internal/boltfile internal/flatconfig internal/peertext -type f -not -name '*_test.go' -not -path '*/testdata/*' 2>/dev/null)

.PHONY: help build test race lint fmt tidy generate golden picture shots fuzz bench bench-e2e bench-scale bench-poison soak demo up long isolation faults conformance mutants vuln deps check clean

help: ## print the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(BINARY) $(CTL) ## build the collector and datadogoauthctl into dist/

$(BINARY): builder-config.yaml go.mod go.sum internal/tools/go.mod $(wildcard internal/noeks/*) $(PRODUCT_SOURCES)
	@$(MAKE) --no-print-directory --quiet $(TOOLS)/builder
	@echo "build: compiling the collector with ocb; the first time takes two to three minutes"
	@mkdir -p dist
	@$(TOOLS)/builder --config builder-config.yaml --ldflags "-s -w" > dist/ocb.log 2>&1 & pid=$$!; \
		n=0; while kill -0 $$pid 2>/dev/null; do sleep 1; n=$$((n+1)); \
		if (( n % 10 == 0 )); then echo "build: $${n}s, still compiling"; fi; done; \
		wait $$pid || { cat dist/ocb.log; echo "build: ocb failed, its log is above"; exit 1; }
	@touch $(BINARY)
	@echo "build: $(BINARY), $$(( $$(stat -c %s $(BINARY)) / 1000000 )) MB"

$(CTL): go.mod go.sum $(PRODUCT_SOURCES) $(shell find cmd -name '*.go' -not -name '*_test.go')
	@mkdir -p dist
	@go build -trimpath -ldflags "-s -w" -o $(CTL) ./cmd/datadogoauthctl

$(TOOLS)/builder: TOOL := go.opentelemetry.io/collector/cmd/builder
$(TOOLS)/mdatagen: TOOL := go.opentelemetry.io/collector/cmd/mdatagen
$(TOOLS)/staticcheck: TOOL := honnef.co/go/tools/cmd/staticcheck
$(TOOLS)/benchstat: TOOL := golang.org/x/perf/cmd/benchstat
$(TOOLS)/govulncheck: TOOL := golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/%: internal/tools/go.mod internal/tools/go.sum
	@echo "build: compiling $*"
	@mkdir -p $(TOOLS) && cd internal/tools && go build -o $@ $(TOOL)

TESTBED_SOURCES := $(shell find testbed -type f -not -name '*_test.go' -not -path 'testbed/oracle/*' 2>/dev/null)

dist/demo: $(TESTBED_SOURCES)
	@mkdir -p dist
	@echo "build: compiling the stand-in for Datadog and the demo"
	@cd testbed && go build -o $(ROOT)/dist/demo ./cmd/demo

dist/faults: $(TESTBED_SOURCES)
	@mkdir -p dist
	@cd testbed && go build -o $(ROOT)/dist/faults ./cmd/faults

dist/bench: $(TESTBED_SOURCES)
	@mkdir -p dist
	@cd testbed && go build -o $(ROOT)/dist/bench ./cmd/bench

dist/scale dist/poison dist/soak: dist/%: $(TESTBED_SOURCES)
	@mkdir -p dist
	@cd testbed && go build -o $(ROOT)/$@ ./cmd/$*

demo: build dist/demo ## connect three customers to a stand-in Datadog, send from an SDK, read back (FAULT=drop|swap_key|wrong_site breaks the world)
	@dist/demo -collector $(BINARY) -ctl $(CTL) -config examples/demo/collector.yaml -fault "$(FAULT)"

up: build dist/demo ## the same world, left running for a person to click through; Ctrl-C ends it
	@dist/demo -up -collector $(BINARY) -ctl $(CTL) -config examples/demo/collector.yaml

test: build dist/demo ## all tests, with the real collector binary; at most 10 minutes
	@for m in $(TEST_MODULES); do DATADOGOAUTH_DIST=$(ROOT)/dist internal/tools/gotest $$m -timeout 9m; done

race: build dist/demo ## the same under the race detector
	@for m in $(TEST_MODULES); do DATADOGOAUTH_DIST=$(ROOT)/dist internal/tools/gotest $$m -race -timeout 20m; done

long: build dist/demo ## what takes too long for every commit
	@DATADOGOAUTH_DIST=$(ROOT)/dist DATADOGOAUTH_LONG=1 internal/tools/gotest testbed -timeout 80m
	@$(MAKE) --no-print-directory soak
	@$(MAKE) --no-print-directory isolation
	@$(MAKE) --no-print-directory conformance

isolation: ## do tenants ever mix? A million random batches under the race detector, and then faults that mix them, which must be seen (ISOLATION_SEED=n, SHORT=1)
	@$(if $(SHORT),,DATADOGOAUTH_LONG=1) go test -race -count=1 -timeout 180m -v -run '^TestTenantsNeverMix$$' ./internal/isolation
	@go run ./internal/isolation/mutants $(if $(SHORT),-short)

faults: build dist/faults ## kill, freeze and starve the collector, and count what that costs; forty minutes (RUN=names, SHORT=1, GRANTS=n, ROUNDS=n, SEED=n)
	@dist/faults -collector $(BINARY) -ctl $(CTL) $(if $(RUN),-run $(RUN)) $(if $(SHORT),-short) $(if $(GRANTS),-grants $(GRANTS)) $(if $(ROUNDS),-rounds $(ROUNDS)) \
		$(if $(SEED),-seed $(SEED))

conformance: ## compare our wire bytes with Datadog's own Go code, and see that it finds faults five minutes (CASES=10000 for a short form)
	@mkdir -p dist; status=0; \
		{ cd testbed/oracle && ORACLE_CASES=$(CASES) go test -count=1 -timeout 120m -v . && go run ./mutants; } 2>&1 | tee dist/conformance.log || status=1; \
		awk '/: [0-9]+ passed, [0-9]+ failed$$/ { passed += $$(NF-3); failed += $$(NF-1) } \
			END { printf "%d passed, %d failed\n", passed, failed; exit (failed > 0 || passed == 0) }' dist/conformance.log && exit $$status

mutants: ## put faults into the encoders, one at a time: does the comparison see them?
	@cd testbed/oracle && go run ./mutants

lint: $(TOOLS)/staticcheck ## gofmt, go vet, staticcheck, and that no Datadog Agent module entered the product
	@out=$$(gofmt -l $(GO_SOURCES)); if [ -n "$$out" ]; then echo "lint: gofmt would change:"; echo "$$out"; exit 1; fi
	@for m in $(TEST_MODULES) testbed/oracle; do echo "lint: module $$m"; (cd $$m && go vet ./... && $(TOOLS)/staticcheck ./...); done
	@if go list -m all | grep -q 'github.com/DataDog/datadog-agent'; then echo "lint: the product requires a datadog-agent module"; exit 1; fi
	@size=$$(stat -c %s $(BINARY) 2>/dev/null || echo 0); if (( size > 42000000 )); then echo "lint: $(BINARY) has $$size bytes, more than 42 MB"; exit 1; fi

vuln: build $(TOOLS)/govulncheck ## govulncheck: known vulnerabilities in what the code and the distribution call; needs a route to vuln.go.dev
	@internal/tools/vuln $(TOOLS)/govulncheck $(TEST_MODULES) dist

fmt: ## gofmt every module
	@gofmt -w $(GO_SOURCES)

tidy: ## go mod tidy in every module
	@for m in $(MODULES) internal/tools internal/noeks; do (cd $$m && go mod tidy); done

generate: $(TOOLS)/mdatagen ## write what mdatagen makes from metadata.yaml
	@for c in $(COMPONENTS); do (cd $$c && PATH=$(TOOLS):$$PATH go generate ./...); done

golden: ## rewrite the golden files from what the code does; read the diff
	@go test ./exporter/... -run Golden -update

picture: build ## draw the dashboard of deploy/ from a run of some minutes; look at it
	@cd testbed && DATADOGOAUTH_DIST=$(ROOT)/dist go test -count=1 -timeout 15m ./deploy -run TestAgainstARealPrometheus -update

shots: build ## pictures of the pages into dist/shots, and those of the README into docs/; ten minutes; look at them
	@mkdir -p dist/shots
	@cd testbed && DATADOGOAUTH_DIST=$(ROOT)/dist DATADOGOAUTH_SHOTS=$(ROOT)/dist/shots DATADOGOAUTH_PICTURES=$(ROOT)/dist/shots \
		go test -count=1 -timeout 20m ./e2e -run 'RealBrowser|TestACustomer|TestTicketConnect|TestTheOperatorsPages'
	@install -m 644 dist/shots/customer.png dist/shots/status-list.png docs/

fuzz: ## every fuzz target for FUZZTIME each (RUN=names)
	@internal/tools/fuzz $(FUZZTIME) '$(RUN)'

bench: ## ns, bytes and allocations per item of each signal
	@go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(BENCHCOUNT) ./credential/... ./exporter/... ./extension/...

bench-e2e: build dist/bench ## CPU and wire bytes beside otlp_http, 1 and 1,000 tenants; forty minutes (SIGNAL=names, RUNS=, ITEMS=, TENANTS=, SHORT=1)
	@dist/bench -collector $(BINARY) -ctl $(CTL) -json dist/bench-e2e.json $(if $(SIGNAL),-signal $(SIGNAL)) $(if $(RUNS),-runs $(RUNS)) \
		$(if $(ITEMS),-items $(ITEMS)) $(if $(TENANTS),-tenants $(TENANTS)) $(if $(SHORT),-short)

bench-scale: build dist/scale ## items/s, memory, p99, connections, goroutines with 1 to 10,000 tenants; half an hour (SIZES=1,100, RATE=, RUNS=, SHORT=1, STORAGE=1: a durable queue, ten minutes, METRICS=1: with its own metrics)
	@dist/scale -collector $(BINARY) -ctl $(CTL) -json dist/bench-scale$(if $(STORAGE),-storage)$(if $(METRICS),-metrics).json -svg $(if $(SHORT)$(STORAGE)$(METRICS),dist/scale.svg,docs/scale.svg) \
		$(if $(SIZES),-sizes $(SIZES)) $(if $(RATE),-rate $(RATE)) $(if $(RUNS),-runs $(RUNS)) $(if $(STORAGE),-storage) $(if $(METRICS),-metrics) $(if $(SHORT),-short)

bench-poison: build dist/poison ## what the trouble of a tenth of 1,000 tenants changes for the others; 20 minutes (KINDS='hang;500', DIRECT=1, TENANTS=, RATE=, RUNS=, SHORT=1)
	@dist/poison -collector $(BINARY) -ctl $(CTL) -json dist/bench-poison.json $(if $(KINDS),-kinds '$(KINDS)') $(if $(DIRECT),-direct) $(if $(TENANTS),-tenants $(TENANTS)) \
		$(if $(RATE),-rate $(RATE)) $(if $(RUNS),-runs $(RUNS)) $(if $(SHORT),-short)

soak: build dist/soak ## 20,000 items/s for half an hour while faults come and go; then everybody's books must agree (TIME=10m, SHORT=1: two minutes)
	@dist/soak -collector $(BINARY) -ctl $(CTL) -json dist/soak.json $(if $(TIME),-time $(TIME)) $(if $(SHORT),-short)

deps: build ## write the list of packages in the distribution; commit its diff with its cause
	@cd dist && go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' . | grep -v '^github.com/datadogoauth/otelcol-datadogoauth/dist$$' | sort > $(ROOT)/docs/packages.txt
	@echo "deps: $$(wc -l < docs/packages.txt) packages, $$(go list -m all | wc -l) modules in the product's graph"

check: ## what must pass before a commit
	@before=$$(git status --porcelain | sha1sum; git diff | sha1sum); $(MAKE) --no-print-directory fmt generate tidy; \
		after=$$(git status --porcelain | sha1sum; git diff | sha1sum); \
		if [ "$$before" != "$$after" ]; then echo "check: fmt, generate or tidy changed files; look at git diff"; exit 1; fi
	@$(MAKE) --no-print-directory build lint test

clean: ## remove what make built
	@rm -rf dist .tools
