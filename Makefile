# One recipe, two images, one workload. `make` alone lists what there is.
#
# cpu and gpu targets share every recipe: $* is the word before the dash. A recipe checks what
# it needs first (engine, GPU), then builds it, then runs it in the engine.

.DEFAULT_GOAL := help
.PHONY: help doctor compare records report publish verify-image audit lint lock clean \
  $(foreach target,cpu gpu,$(target)-image $(target)-run $(target)-test $(target)-shell \
    $(target)-bench $(target)-ab $(target)-agreement $(target)-engines \
    $(target)-sbom $(target)-scan $(target)-check $(target)-ready $(target)-suite \
    $(target)-devel-image $(target)-devel-shell $(target)-devel-sbom \
    $(target)-devel-scan)

export IMAGE PYTHON B_IMAGE COMPARE

# Asked once, and only by goals that run something. PYTHON= is this host's.
asks_engine := $(filter-out %-devel-shell,$(filter compare report %-run %-test %-shell %-bench %-ab \
  %-agreement %-engines,$(MAKECMDGOALS)))
engine := $(or $(ENGINE),$(if $(PYTHON),host,$(if $(asks_engine),$(shell docker/host/choose-engine))))

device_cpu := cpu
device_gpu := cuda

build := docker/build
pytest := python -m pytest -p no:cacheprovider
counts := results/.test-counts
tests = $(pytest) --target $* --counts $(counts) --durations 20 $(ARGS)
# Two sessions: what needs no clock in parallel, then alone what measures time. The benchmarks
# only show that they work here; their numbers count in `make cpu-bench`.
parallel := -p no:benchmark --numprocesses auto --maxprocesses 4 --dist loadfile \
  -m "not clock" tests/unit tests/host
alone := -m clock --case-budget 0.2 --benchmark-quiet tests/unit tests/gpu tests/benchmarks

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z -]*:.*## / { printf "  %-34s%s\n", $$1, $$2 }' Makefile
	@echo
	@awk '/^## / { print "  " substr($$0, 4) }' Makefile

## ARGS=    options added to the command: `make cpu-run ARGS="--budget 10"` (tests: pytest's)
## IMAGE=   run or open this image, pulled or not, and build nothing
## ENGINE=  docker or host; by default docker where an engine answers, else host, which runs the
##          same thing in a .venv made from the same lock files
## PYTHON=  with host: use this interpreter and its packages as they are
## A= B=    what to compare, in results/: records, or files or folders of results/benchmarks
## RUNS=    how many pairs of processes for cpu-ab (5)
## B_ARGS=  options of side B alone: `make cpu-ab B_ARGS="--slow 'matmul 1024 float32=1.2'"`
## B_IMAGE= another test image for side B;  COMPARE= options of the comparison

doctor: ## Look at this machine before anything is pulled or built
	@docker/host/doctor $(or $(ENGINE),$(if $(PYTHON),host))

cpu-image gpu-image: %-image: ## Build the image workload:cpu or workload:gpu
	$(image)
cpu-devel-image gpu-devel-image: %-image: ## The same with a compiler, for torch.compile and extensions
	$(image)

cpu-run gpu-run: %-run: %-ready ## Run the main job; its record lands in results/
	docker/host/in-$(engine) $* python -m workload run --device $(device_$*) $(ARGS)

cpu-test gpu-test: %-test: %-check ## Run the tests; ends with the counts passed and skipped
	$(test_$(engine))

cpu-shell gpu-shell: %-shell: %-ready ## Open a shell where the main job runs
	docker/host/in-$(engine) $* $(shell_$(engine))

cpu-devel-shell gpu-devel-shell: %-devel-shell: ## Open a shell in the image with a compiler
	$(if $(filter host,$(engine)),$(error the compiler is in the image: leave ENGINE=host and PYTHON= out))
	@docker/host/check-engine docker
	$(if $(filter gpu,$*),@docker/host/check-gpu-host docker >/dev/null)
	$(if $(IMAGE),,$(build) $*-devel)
	docker/host/in-docker $*-devel bash

cpu-bench gpu-bench: %-bench: %-suite ## Benchmark; its JSON lands in results/benchmarks/
	$(suite) $(pytest) --target $* $(store)
	$(if $(filter gpu,$*),$(suite) $(pytest) --target cpu $(store))

cpu-ab gpu-ab: %-ab: %-suite ## Benchmark two sides in turns and compare them
	docker/host/ab $(engine) $* $(or $(RUNS),5) $(B_ARGS)

cpu-agreement gpu-agreement: %-agreement: %-suite ## Time one product by harness, plain loop, command line
	$(suite) python tests/benchmarks/agreement.py --target $* $(ARGS)

cpu-engines gpu-engines: %-engines: %-suite ## Time the training engines against their targets
	$(suite) python tests/benchmarks/mode_targets.py --device $(device_$*) $(ARGS)

compare: records reader ## Compare the newest CPU and GPU records in results/, or A= and B=
	docker/host/in-$(engine) cpu python -m workload compare $(ARGS) $(a) $(b)

report: reader ## Make one HTML page of all records: results/report.html
	docker/host/in-$(engine) cpu python -m workload report results $(ARGS)

cpu-sbom gpu-sbom: %-sbom: ## Write the image's SBOM; a package that is not as locked fails
	$(sbom)
cpu-devel-sbom gpu-devel-sbom: %-sbom:
	$(sbom)

cpu-scan gpu-scan: %-scan: %-sbom ## Look up the image's packages among known vulnerabilities
	$(scan)
cpu-devel-scan gpu-devel-scan: %-scan: %-sbom
	$(scan)

audit: ## Look up all locked Python packages among known vulnerabilities; for a nightly run
	docker/host/make-venv supply
	PYTHONPATH=. docker/host/in-host supply python docker/release/scan.py docker/locks/*.txt

publish: ## Build, attest and push a version of all images: REGISTRY=ghcr.io/me VERSION=1.2.3
	@docker/host/check-engine docker
	docker/release/publish.py

verify-image: ## Verify a published IMAGE=: signature (COSIGN_KEY=), labels, packages, tests
	@docker/host/check-engine docker
	docker/release/verify-image "$(IMAGE)" $(ARGS)

.PHONY: vm-user-data kubernetes-job
vm-user-data: ## Print user data for CLOUD=aws|gcp|azure|lambda|cos that runs IMAGE=name@sha256:…
	@docker/cloud/render user-data.yaml

kubernetes-job: ## Print a Job that runs IMAGE=name@sha256:… on one GPU
	@docker/cloud/render kubernetes-job.yaml

lint: ## Check style, types, Dockerfile, scripts, compose and bake files
	.ci/lint

lock: ## Rewrite the lock files (needs PyPI; PyTorch's CPU index for a new torch)
	docker/host/make-venv cpu
	docker/host/in-host cpu python docker/locks/relock.py

clean: ## Remove what was made here; records and images stay
	rm -rf .venv .venv-gpu .venv-lint .venv-page .venv-supply *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define image
@docker/host/check-engine docker
$(build) $*
endef

define sbom
$(if $(IMAGE),,$(build) $*)
docker/host/make-venv supply
PYTHONPATH=. docker/host/in-host supply python docker/release/sbom.py $* $(or $(IMAGE),workload:$*)
endef

define scan
PYTHONPATH=. docker/host/in-host supply python docker/release/scan.py \
  --image $(or $(IMAGE),workload:$*) docker/locks/$(*:-devel=).txt
endef

# Nothing is built before it is clear that it can run.
cpu-check:
	@docker/host/check-engine $(engine)
gpu-check:
	@docker/host/check-gpu-host $(engine) >/dev/null

# Records are named by kind, start time and device.
newest = $(lastword $(sort $(wildcard results/run-*-$1*.json)))
a = $(or $(A),$(call newest,cpu))
b = $(or $(B),$(call newest,cuda))
records:
	$(if $(a),,$(error no CPU record in results/: make cpu-run writes one, or name one with A=))
	$(if $(b),,$(error no GPU record in results/: make gpu-run writes one, or name one with B=))

cpu-ready gpu-ready: %-ready: %-check
	$(ready_$(engine))

# What only reads records does so in whatever image is there.
.PHONY: reader
reader: cpu-check
	$(reader_$(engine))
reader_docker = $(if $(IMAGE),,@docker image inspect workload:cpu >/dev/null 2>&1 || $(build) cpu)
reader_host = docker/host/make-venv cpu

ready_docker = $(if $(IMAGE),,$(build) $*)
ready_host = docker/host/make-venv $*

# Where pytest runs; on a GPU's machine both sides run in the same image.
suite = docker/host/in-$(engine) $*$(suite_$(engine))
suite_docker := -test
store = --store results/benchmarks $(ARGS) tests/benchmarks
cpu-suite gpu-suite: %-suite: %-check
	$(suite_ready_$(engine))
suite_ready_docker = $(if $(IMAGE),,$(build) $*-test)
suite_ready_host = docker/host/make-venv $*

shell_docker := bash
shell_host := $${SHELL:-sh}

# In docker in the image, hardened as it runs; then about the image, beside it.
define test_docker
$(if $(IMAGE),$(error IMAGE= is for run, shell and compare: the tests build their own))$(build) $*
$(build) $*-test
@mkdir -p results && rm -f $(counts)
docker/host/in-docker $*-test $(tests) $(parallel)
docker/host/in-docker $*-test $(tests) $(alone)
docker/host/test-image $* --counts $(counts) --durations 20 $(ARGS)
endef

define test_host
docker/host/make-venv $*
@mkdir -p results && rm -f $(counts)
docker/host/in-host $* $(tests) --no-engine $(parallel) tests/image
docker/host/in-host $* $(tests) $(alone)
endef
