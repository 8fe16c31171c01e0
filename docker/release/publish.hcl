# What a published image has besides docker-bake.hcl: its origin as labels and annotations, an SBOM
# and provenance, zstd layers. It is pushed by digest; the tags are those of the index that joins
# its platforms. docker/release/publish.py sets the variables.

# With the registry, such as ghcr.io/me/workload.
variable "REPOSITORY" {
  default = ""
}

variable "VERSION" {
  default = ""
}

# The web address of the code.
variable "SOURCE" {
  default = ""
}

# The time of the commit, in seconds since 1970.
variable "SOURCE_DATE_EPOCH" {
  default = "0"
}

group "published" {
  targets = ["cpu", "gpu", "cpu-devel", "gpu-devel"]
}

# The digest of a base without one is empty, which publish.py refuses.
function "origin" {
  params = [base]
  result = {
    "org.opencontainers.image.title"       = "workload"
    "org.opencontainers.image.licenses"    = "MIT"
    "org.opencontainers.image.version"     = VERSION
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.created"     = timeadd("1970-01-01T00:00:00Z", "${SOURCE_DATE_EPOCH}s")
    "org.opencontainers.image.source"      = SOURCE
    "org.opencontainers.image.base.name"   = element(split("@", base), 0)
    "org.opencontainers.image.base.digest" = element(split("@", "${base}@"), 1)
  }
}

# The first is never replaced; the others follow the newest version.
function "tags" {
  params = [target]
  result = [
    "${REPOSITORY}:${VERSION}-${target}",
    "${REPOSITORY}:${regex("^[0-9]+[.][0-9]+", VERSION)}-${target}",
    "${REPOSITORY}:sha-${substr(REVISION, 0, 12)}-${target}",
  ]
}

target "_published" {
  output = [join(",", [
    "type=image,name=${REPOSITORY},push=true,push-by-digest=true,name-canonical=true",
    "oci-mediatypes=true,compression=zstd,force-compression=true,rewrite-timestamp=true",
  ])]
  attest = ["type=provenance,mode=max", "type=sbom"]
}

target "cpu" {
  inherits    = ["_published"]
  labels      = origin(CPU_BASE)
  annotations = [for key, value in origin(CPU_BASE) : "manifest:${key}=${value}"]
  tags        = tags("cpu")
}

target "gpu" {
  inherits    = ["_published"]
  labels      = origin(GPU_BASE)
  annotations = [for key, value in origin(GPU_BASE) : "manifest:${key}=${value}"]
  tags        = tags("gpu")
}

target "cpu-devel" {
  tags = tags("cpu-devel")
}

target "gpu-devel" {
  tags = tags("gpu-devel")
}
