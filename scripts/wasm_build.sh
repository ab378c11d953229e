#!/bin/sh
# Builds the runtime for WebAssembly, web/snnc.wasm, and the page that shows it, target/web/digits.html (docs/web.md).
#
# Needs the target, `rustup target add wasm32-unknown-unknown`; or a compiler that has the sources of its standard library, which is then built
# from these: RUSTC names it, CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER a linker such as wasm-ld. Exits with 3 if there is neither.
set -eu
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown
rustc=${RUSTC:-rustc}
more=
if ! ls "$("$rustc" --print target-libdir --target $target)"/libstd-*.rlib > /dev/null 2>&1; then
    if [ ! -d "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library" ]; then
        echo "there is no standard library for $target: rustup target add $target" >&2
        exit 3
    fi
    export RUSTC_BOOTSTRAP=1
    more=-Zbuild-std=std,panic_abort
fi
# A folder of its own: another compiler would build everything anew for both.
RUSTFLAGS="-C target-feature=+simd128" cargo build --quiet --release -p snnc-web --target $target $more --target-dir target/wasm
cp target/wasm/$target/release/snnc_web.wasm web/snnc.wasm

# The network is compiled with the machine's own compiler of Rust.
unset RUSTC RUSTC_BOOTSTRAP LD_LIBRARY_PATH
mkdir -p target/web
cargo run --quiet ${SNNC_FEATURES:+--features "$SNNC_FEATURES"} -- fixtures/digits/digits.onnx -o target/web/digits.snn --audit none -q
python3 scripts/web_page.py web/index.html target/web/digits.html web/snnc.js web/snnc.wasm target/web/digits.snn
ls -l web/snnc.wasm target/web/digits.html
