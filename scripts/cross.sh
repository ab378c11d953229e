#!/bin/sh
# Builds the runtime for other targets, and runs its tests on 64-bit ARM in emulation (docs/runtime.md).
#
# Usage: cross.sh [DIR]
#
# Where `rustup target add` has brought a target's standard library, that is used. Else a compiler with the sources of its standard library is
# unpacked into DIR (default: target/cross) from Debian's packages, and the library built from them. Exits with 3 where neither can be had.
#
#   aarch64-unknown-linux-gnu   tests, by qemu-aarch64, on NEON and the dot product of bytes
#   thumbv7em-none-eabihf       the crate without features: no operating system, an allocator alone
#   wasm32-unknown-unknown      scripts/wasm_build.sh: the module and its page
set -eu
cd "$(dirname "$0")/.."
dir=$(mkdir -p "${1:-target/cross}" && cd "${1:-target/cross}" && pwd)
targets="aarch64-unknown-linux-gnu thumbv7em-none-eabihf wasm32-unknown-unknown"

have() {
    ls "$("${RUSTC:-rustc}" --print target-libdir --target "$1")"/libcore-*.rlib > /dev/null 2>&1
}

std= core=
for target in $targets; do
    have "$target" || rustup target add "$target" > /dev/null 2>&1 || true
done
if ! { have aarch64-unknown-linux-gnu && have thumbv7em-none-eabihf && have wasm32-unknown-unknown; }; then
    if [ ! -x "$dir/root/usr/bin/rustc" ]; then
        apt-get update -qq || exit 3
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libllvm22 lld-19 > /dev/null || exit 3
        mkdir -p "$dir/debs" "$dir/root"
        (cd "$dir/debs" && apt-get download -qq rustc-web rust-web-src libstd-rust-web-1.96 libstd-rust-web-dev) || exit 3
        for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$dir/root"; done
    fi
    export RUSTC="$dir/root/usr/bin/rustc" RUSTC_BOOTSTRAP=1
    export LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/usr/lib"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19
    std=-Zbuild-std core=-Zbuild-std=core,alloc
fi
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v $tool > /dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user > /dev/null || exit 3
    fi
done

echo "thumbv7em-none-eabihf: the runtime without an operating system"
cargo build --quiet -p snnc-runtime --no-default-features --target thumbv7em-none-eabihf $core --target-dir "$dir/target"

echo "aarch64-unknown-linux-gnu: the runtime's tests"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
cargo test --quiet --no-run -p snnc-runtime --target aarch64-unknown-linux-gnu $std --target-dir "$dir/target"
(
    # The emulator is the machine's own program.
    unset LD_LIBRARY_PATH
    export SNNC_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
    for test in unit network bounds session open radix hostile poisson; do
        if [ $test = unit ]; then name=snnc_runtime; else name=$test; fi
        program=$(find "$dir/target/aarch64-unknown-linux-gnu/debug/deps" -name "$name-*" -perm -u+x -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
        (cd runtime && $SNNC_RUNNER "$program" --quiet)
    done
)

echo "wasm32-unknown-unknown: the module and its page"
scripts/wasm_build.sh
