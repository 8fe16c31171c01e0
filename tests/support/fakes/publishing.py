"""Stubs of docker and git for a publisher, and what their registry has."""

import json
import platform

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REMOTE = "git@github.com:me/workload.git"
REPOSITORY = "example.com/me/workload"
TARGETS = ["cpu", "gpu", "cpu-devel", "gpu-devel"]
PLATFORMS = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}
HERE = PLATFORMS[platform.machine()]
(ELSEWHERE,) = {*PLATFORMS.values()} - {HERE}

# A builder that pushes, and a registry that has the tags made so far.
DOCKER = r"""
case "$*" in
  *--print*) echo "$PLAN" ;;
  "buildx inspect"*) printf 'Driver:   %s\nPlatforms: %s, linux/386\n' "$DRIVER" "$NATIVE" ;;
  *"imagetools create"*) : >"$INDEX"; exit "$INDEX_CODE" ;;
  *"imagetools inspect"*)
    if [ -e "$INDEX" ]; then echo 'Digest:    sha256:1234'; exit; fi
    echo "ERROR: $MISSING" >&2; exit 1 ;;
  *metadata-file=*)
    for word; do case $word in --metadata-file=*) file=${word#*=} ;; esac; done
    part=$(basename "$file" .json)
    printf '{"%s": {"containerimage.digest": "sha256:%s"}}' "${part%-linux-*}" "$part" >"$file"
    exit "$BUILD_CODE" ;;
esac
"""
GIT = r"""
case "$*" in
  rev-parse*) echo "$COMMIT" ;;
  log*) echo 1750000000 ;;
  remote*) echo "$REMOTE" ;;
  status*) printf '%s' "$CHANGED" ;;
esac
"""


def plan(base: str) -> str:
    """What bake prints about the images to publish."""
    targets = {
        name: {
            "args": {"BASE": base},
            "tags": [f"{REPOSITORY}:1.2.3-{name}", f"{REPOSITORY}:1.2-{name}"],
            "labels": {"title": "workload"},
        }
        for name in TARGETS
    }
    return json.dumps({"target": targets})
