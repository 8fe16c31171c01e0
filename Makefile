# Every command. `make` alone lists them; each recipe is what runs.
#
# docker/host/run chooses the engine, checks it (and the GPU), builds what is missing and runs.

.DEFAULT_GOAL := help

# Podman takes Docker's commands.
ifeq ($(ENGINE),podman)
override export ENGINE := docker
export PATH := $(CURDIR)/docker/host/podman:$(PATH)
endif

# A line end in options separates them, as a blank does: it would end the command.
define newline


endef
override export ARGS := $(subst $(newline), ,$(ARGS))
override B_ARGS := $(subst $(newline), ,$(B_ARGS))

pytest := python -m pytest -p no:cacheprovider
store := --store results/benchmarks $(ARGS) tests/benchmarks

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  %-24s%s\n", $$1, $$2 }' Makefile
	@echo
	@awk '/^## / { print "  " substr($$0, 4) }' Makefile

## ARGS=    options added to the command: make cpu-run ARGS="--budget 10"
## ENGINE=  docker, podman (with IMAGE=) or host (a .venv of the locked packages); by default docker if it answers
## IMAGE=   run this image, and build nothing
## LIMITS=  more options of docker run: LIMITS="--memory 3g --cpus 1"
## RANKS=   how many processes share the CPUs in cpu-run: make cpu-run RANKS=2
## GPUS=    one of them in gpu-run, by its number: make gpu-run GPUS=0 (default: all)
## PYTHON=  run on this host with this interpreter and its packages
## A= B=    what to compare: records, or files or folders of results/benchmarks
## RUNS=    how many pairs of processes cpu-ab runs (5)
## BUDGET= seconds of gpu-proof (600);  OUT= its folder;  WHEELS= wheels of packages missing in PYTHON=
## PLATFORM=  of the image goals: linux/arm64 builds workload:gpu-arm64, by emulation elsewhere
## FILE=    what gpu-proof-read reads: the folder or the archive of a proof
## B_ARGS=  options of the candidate alone in cpu-ab;  B_IMAGE= its image;  COMPARE= its comparison

.PHONY: doctor cpu-run gpu-run cpu-test gpu-test cpu-shell gpu-shell compare report
doctor: ## Check this machine before anything is pulled or built
	@docker/host/doctor "$${ENGINE:-$${PYTHON:+host}}"
cpu-run: ## Run the main job on the CPU; its record lands in results/
	@docker/host/check-settings RANKS
	@docker/host/run cpu python -m workload run --device cpu $(if $(RANKS),--ranks $(RANKS)) $(ARGS)
gpu-run: ## Run the main job on all GPUs at the same time, a process for each
	@docker/host/check-settings GPUS
	@docker/host/run gpu python -m workload run --device $(if $(filter-out all,$(GPUS)),cuda:$(GPUS),all) $(ARGS)
cpu-test: ## Run the tests; ends with the counts passed and skipped
	@docker/host/run-tests cpu $(ARGS)
gpu-test: ## Run the tests on a machine with a GPU
	@docker/host/run-tests gpu $(ARGS)
cpu-shell: ## Open a shell where cpu-run runs
	@docker/host/run cpu shell
gpu-shell: ## Open a shell where gpu-run runs
	@docker/host/run gpu shell
compare: ## Compare the newest CPU and GPU records, the two newest of one kind, or A= and B=
	@docker/host/compare $(ARGS)
report: ## Make one HTML page of all records: results/report.html
	@docker/host/run --any cpu python -m workload report results $(ARGS)

.PHONY: cpu-image gpu-image cpu-devel-image gpu-devel-image cpu-devel-shell gpu-devel-shell
cpu-image: ## Build the image workload:cpu
	@docker/host/check-engine docker
	docker/build cpu
gpu-image: ## Build the image workload:gpu
	@docker/host/check-engine docker
	docker/build gpu
cpu-devel-image: ## Build workload:cpu-devel: with a compiler, for torch.compile and extensions
	@docker/host/check-engine docker
	docker/build cpu-devel
gpu-devel-image: ## Build workload:gpu-devel
	@docker/host/check-engine docker
	docker/build gpu-devel
cpu-devel-shell: ## Open a shell in workload:cpu-devel
	@docker/host/run cpu-devel shell
gpu-devel-shell: ## Open a shell in workload:gpu-devel
	@docker/host/run gpu-devel shell

.PHONY: cpu-bench gpu-bench cpu-ab gpu-ab cpu-agreement gpu-agreement cpu-modes gpu-modes
cpu-bench: ## Run the benchmarks; their JSON lands in results/benchmarks/
	@docker/host/run cpu-test $(pytest) --target cpu $(store)
gpu-bench: ## Run the benchmarks on the GPU, then on the CPU in the same image
	@docker/host/run gpu-test $(pytest) --target gpu $(store)
	@docker/host/run gpu-test $(pytest) --target cpu $(store)
cpu-ab: ## Benchmark a baseline and a candidate alternately and compare them
	@docker/host/ab cpu "$${RUNS:-5}" $(B_ARGS)
gpu-ab: ## The same on the GPU
	@docker/host/ab gpu "$${RUNS:-5}" $(B_ARGS)
cpu-agreement: ## Time one matmul by the harness, a plain loop and the command line
	@docker/host/run cpu-test python tests/benchmarks/agreement.py --target cpu $(ARGS)
gpu-agreement: ## The same on the GPU
	@docker/host/run gpu-test python tests/benchmarks/agreement.py --target gpu $(ARGS)
cpu-modes: ## Time the training modes against their targets
	@docker/host/run cpu-test python tests/benchmarks/mode_targets.py --device cpu $(ARGS)
gpu-modes: ## The same on the GPU
	@docker/host/run gpu-test python tests/benchmarks/mode_targets.py --device cuda $(ARGS)

.PHONY: gpu-proof gpu-proof-read
gpu-proof: ## Prove everything on a machine with a GPU, in ten minutes; its archive lands in results/
	@docker/host/gpu-proof $(ARGS)
gpu-proof-read: ## Print what a proof shows, as Markdown: FILE=; ARGS=--place copies its records here
	@"$${PYTHON:-python3}" tests/tools/gpu_proof/read.py "$$FILE" $(ARGS)

.PHONY: cpu-sbom gpu-sbom cpu-devel-sbom gpu-devel-sbom cpu-scan gpu-scan cpu-devel-scan gpu-devel-scan
cpu-sbom: ## Write the image's SBOM; a package that is not as locked fails
	@docker/release/sbom cpu
gpu-sbom:
	@docker/release/sbom gpu
cpu-devel-sbom:
	@docker/release/sbom cpu-devel
gpu-devel-sbom:
	@docker/release/sbom gpu-devel
cpu-scan: ## Look up the image's packages among known vulnerabilities
	@docker/release/scan cpu
gpu-scan:
	@docker/release/scan gpu
cpu-devel-scan:
	@docker/release/scan cpu-devel
gpu-devel-scan:
	@docker/release/scan gpu-devel

.PHONY: audit publish verify-image vm-user-data kubernetes-job kubernetes-indexed-job
audit: ## Look up all locked Python packages among known vulnerabilities
	@docker/release/scan
publish: ## Build, attest and push a version of all images: REGISTRY=ghcr.io/me VERSION=1.2.3
	@docker/host/check-engine docker
	@docker/release/publish.py
verify-image: ## Verify a published IMAGE=: signature (COSIGN_KEY=), labels, packages, tests
	@docker/host/check-engine docker
	docker/release/verify-image "$$IMAGE" $(ARGS)
vm-user-data: ## Print user data for CLOUD=aws|gcp|azure|lambda|cos that runs IMAGE=name@sha256:…
	@docker/cloud/render user-data.yaml
kubernetes-job: ## Print a Job that runs IMAGE=name@sha256:… on one GPU
	@docker/cloud/render kubernetes-job.yaml
kubernetes-indexed-job: ## The same on all GPUS= (8) of each of NODES= (2) nodes, and between them
	@docker/cloud/render kubernetes-indexed-job.yaml

.PHONY: lint lock clean
lint: ## Check style, types, imports, words, Dockerfile, scripts and workflows
	.ci/lint
lock: ## Rewrite the lock files (needs PyPI; PyTorch's CPU index for a new torch)
	docker/host/in-host cpu python docker/locks/relock.py
clean: ## Remove what was made here; records and images stay
	rm -rf .venvs $(patsubst %/recipe,%,$(wildcard .venv*/recipe)) *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
