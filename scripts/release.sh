#!/usr/bin/env bash
# Makes the files of a release.
#
# Usage: release.sh [DEST]        (DEST: target/release-files if none is given)
#
# TARGET          what to build for [the host, linked statically on Linux, so that it runs on any distribution]
# FEATURES        of the program, as cargo takes them [none: ONNX Runtime is loaded dynamically, which a static program cannot]
# SIGNING_KEY     a secret key of minisign: SHA256SUMS is signed with it, its password read from standard input
# CARGO_PROFILE   [release]
#
# DEST gets snnc-VERSION-TARGET.tar.gz with the program, completions, manual pages, licences, README, CHANGELOG and a bill of materials (CycloneDX), the
# bill by itself, and SHA256SUMS. Files in the archive have the time of the last commit and no owner, so the same program gives the same archive.
#
# Needs: cargo, git, tar, gzip, sha256sum; cargo-cyclonedx is installed if it is not there; minisign for a signature.
set -euo pipefail
cd "$(dirname "$0")/.."

dest=${1:-target/release-files}
host=$(rustc -vV | sed -n 's/^host: //p')
target=${TARGET:-$host}
profile=${CARGO_PROFILE:-release}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=snnc-$version-$target
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v cargo-cyclonedx > /dev/null; then
    cargo install --locked --quiet cargo-cyclonedx
fi

# Static: a build of the GNU target that needs no library, where no other is asked for. Build scripts stay as they are, since --target is given.
case $target in
*-linux-gnu) if [ -z "${FEATURES:-}" ]; then export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"; fi ;;
esac
# Paths of this machine are nobody's business, and no two machines have the same.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/snnc --remap-path-prefix=$registry=/crates"
cargo build --locked --profile "$profile" --bin snnc --target "$target" ${FEATURES:+--features "$FEATURES"}
built=target/$target/$([ "$profile" = dev ] && echo debug || echo "$profile")/snnc

mkdir -p "$work/$name/completions" "$work/$name/man"
cp "$built" "$work/$name/"
cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$work/$name/"
# What the program makes is made by the program itself: nothing of another version gets in.
run=("$built")
if [ "${target%%-*}" != "${host%%-*}" ]; then
    cargo build --quiet --locked --bin snnc
    run=(target/debug/snnc)
fi
for shell in bash zsh fish powershell; do "${run[@]}" completions "$shell" > "$work/$name/completions/snnc.$shell"; done
"${run[@]}" manual "$work/$name/man"
# Without a number of its own or today's date, so that the same release has the same bill.
time=$(git log -1 --format=%ct 2> /dev/null || echo 0)
export SOURCE_DATE_EPOCH=$time
cargo cyclonedx --quiet --format json --target "$target" --manifest-path Cargo.toml --override-filename "$name.cdx"
mv "$name.cdx.json" "$dest/"
find . -name "$name.cdx.json" -not -path './target/*' -delete
cp "$dest/$name.cdx.json" "$work/$name/snnc.cdx.json"

tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C "$work" -cf - "$name" | gzip -9 -n > "$dest/$name.tar.gz"
(cd "$dest" && sha256sum "$name.tar.gz" "$name.cdx.json" > SHA256SUMS)
if [ -n "${SIGNING_KEY:-}" ]; then
    minisign -S -s "$SIGNING_KEY" -m "$dest/SHA256SUMS" -t "snnc $version"
fi
ls -l "$dest" >&2
