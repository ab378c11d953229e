#!/bin/sh
# Damaged and hostile .snn files through the reader and the runtime: none may panic, overflow, or take more memory or time than it may.
#
# Usage: fuzz_runtime.sh SECONDS [--seed N] [--first CASE] [--keep FOLDER]     as long as that
#        fuzz_runtime.sh --count N [..]                                        as many files, which are the same everywhere
#
# The header of runtime/examples/fuzz.rs says what is changed and what is demanded. Exits with 1 if there are findings.
set -eu
cd "$(dirname "$0")/.."
case "${1:---count}" in
    --*) ;;
    *) set -- --seconds "$@" ;;
esac
exec cargo run --quiet -p snnc-runtime --example fuzz -- "$@"
