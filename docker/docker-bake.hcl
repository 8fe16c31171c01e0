# What to build: targets cpu and gpu, and of each a variant with a toolchain and one with the
# tests. One Dockerfile; cpu and gpu differ in base image and lock file only.
#
#   docker buildx bake -f docker/docker-bake.hcl cpu
#
# Every variable can be set in the environment.

# Ubuntu 24.04: the distribution, and so the Python, of NVIDIA's image below.
variable "CPU_BASE" {
  default = "ubuntu:24.04@sha256:561618e2c15bf2397621dd04f96926663a3b5616c189cf7e38db7e82f5c538ea"
}

# "base", not "cudnn-runtime": CUDA's driver check and compat libraries and nothing that
# torch's wheels bring themselves. 13.0: torch's CUDA; a newer one would need a newer driver.
# Digests, because tags get deleted.
variable "GPU_BASE" {
  default = "nvidia/cuda:13.0.3-base-ubuntu24.04@sha256:7c7413a56200486f71f181cad9310f6fd31b6bb21816ade15fc9c1e1e927a5c1"
}

# A folder of wheels, searched before the package index; for builds without an index too.
variable "WHEELHOUSE" {
  default = ""
}

# 1: ask no index, everything is in the wheelhouse.
variable "OFFLINE" {
  default = "0"
}

# The certificates of a proxy that intercepts TLS, a PEM file. Never ends up in a layer.
variable "CA_FILE" {
  default = ""
}

# Distribution packages as they were at a time, such as 20261101T000000Z; empty: the newest.
variable "APT_SNAPSHOT" {
  default = ""
}

# Another platform than the engine's, such as linux/arm64: built under emulation, and tagged
# workload:cpu-arm64, so that workload:cpu stays one that runs here.
variable "PLATFORM" {
  default = ""
}

# The commit the images are built from, for their label.
variable "REVISION" {
  default = ""
}

group "default" {
  targets = ["cpu", "gpu"]
}

function "names" {
  params = [target]
  result = ["workload:${target}${replace(replace(PLATFORM, "linux", ""), "/", "-")}"]
}

target "_common" {
  context    = "."
  platforms  = PLATFORM != "" ? [PLATFORM] : []
  dockerfile = "docker/Dockerfile"
  target     = "runtime"
  contexts   = WHEELHOUSE != "" ? { wheelhouse = WHEELHOUSE } : {}
  secret     = CA_FILE != "" ? ["id=ca,\"src=${replace(CA_FILE, "\"", "\"\"")}\""] : [] # the value is CSV
  args       = { REVISION = REVISION, OFFLINE = OFFLINE, APT_SNAPSHOT = APT_SNAPSHOT }
}

target "cpu" {
  inherits = ["_common"]
  args     = { BASE = CPU_BASE, VARIANT = "cpu" }
  tags     = names("cpu")
}

target "gpu" {
  inherits = ["_common"]
  args     = { BASE = GPU_BASE, VARIANT = "gpu" }
  tags     = names("gpu")
}

# With a compiler: for torch.compile, Triton and extensions.
target "_devel" {
  args = { LIBRARIES = "libraries-devel" }
}

target "cpu-devel" {
  inherits = ["cpu", "_devel"]
  tags     = names("cpu-devel")
}

target "gpu-devel" {
  inherits = ["gpu", "_devel"]
  tags     = names("gpu-devel")
}

target "cpu-test" {
  inherits = ["cpu"]
  target   = "test"
  tags     = names("cpu-test")
}

target "gpu-test" {
  inherits = ["gpu"]
  target   = "test"
  tags     = names("gpu-test")
}

# With a compiler and the tests: tests/lab compiles stand-ins for the driver's libraries.
target "gpu-lab" {
  inherits = ["gpu-test", "_devel"]
  tags     = names("gpu-lab")
}
