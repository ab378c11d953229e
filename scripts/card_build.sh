#!/usr/bin/env bash
# Builds, on a machine without a graphics card, everything that `on_card.sh` needs into one folder of at most 60 MB.
#
# Usage: card_build.sh [DEST]        (DEST: target/card if none is given)
#
# Needs: cargo, git, cc, nm, and a CUDA toolkit (`nvcc`, headers, libraries to link with); docs/cuda.md says how to have one without a card.
#
# CUDA_HOME           the toolkit's folder (or CUDA_PATH, or where `nvcc` is found in PATH)
# CUDA_COMPUTE_CAP    the card's compute capability [90: H100, H200]
# MODELS              folder with aka_resnet20_opset13_fold.onnx, a classifier to train; without it, only the digits of fixtures/ are
# DATA                a small .npz of labelled images for that classifier
# CANDLE_KERNELS      a copy of the crate candle-kernels to build with; one that leaves out quantised kernels builds in a quarter of the time
# CARGO_TARGET_DIR    as ever
#
# DEST gets MANIFEST, on_card.sh, bin/ (packed), lib/, scripts/ and models/. Copy it to the machine with the card and run `./on_card.sh .` in it.
set -euo pipefail

cd "$(dirname "$0")/.."
dest=${1:-target/card}
limit=$((60 * 1000 * 1000))
model=aka_resnet20_opset13_fold.onnx

fail() {
    echo "card_build.sh: $*" >&2
    exit 1
}

# The toolkit, and what is missing of it.
toolkit=${CUDA_HOME:-${CUDA_PATH:-}}
if [ -z "$toolkit" ]; then
    found=$(command -v nvcc) || fail "there is no CUDA toolkit: set CUDA_HOME to its folder (docs/cuda.md says how to have one without a card)"
    toolkit=$(dirname "$(dirname "$(readlink -f "$found")")")
fi
[ -d "$toolkit" ] || fail "CUDA_HOME is \`$toolkit\`, which is no folder"
toolkit=$(cd "$toolkit" && pwd)
missing=()
[ -x "$toolkit/bin/nvcc" ] || missing+=("bin/nvcc")
# The first file of a name; none where there is none.
first() { # NAME
    find -L "$toolkit" -maxdepth 5 -name "$1" -print -quit 2> /dev/null || true
}
[ -n "$(first cuda.h)" ] || missing+=("include/cuda.h")
for library in cuda cublas cublasLt curand nvrtc; do
    [ -n "$(first "lib$library.so")" ] || missing+=("lib$library.so")
done
[ ${#missing[@]} -eq 0 ] || fail "the toolkit in $toolkit lacks ${missing[*]}; docs/cuda.md says what stands in for libraries"
command -v cargo > /dev/null || fail "there is no cargo"
export CUDA_HOME=$toolkit CUDA_PATH=$toolkit CUDA_ROOT=$toolkit NVCC=$toolkit/bin/nvcc PATH=$toolkit/bin:$PATH
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}
# What is measured runs on the card, or in kernels that optimise the same without: links take seconds instead of minutes.
export CARGO_PROFILE_RELEASE_LTO=${CARGO_PROFILE_RELEASE_LTO:-off}
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=${CARGO_PROFILE_RELEASE_CODEGEN_UNITS:-16}

work=$(mktemp -d)
clean_up() {
    # A patched crate is written into the lock file; the one of the tree stays as it was.
    if [ -f "$work/Cargo.lock" ]; then cp "$work/Cargo.lock" Cargo.lock; fi
    rm -rf "$work"
}
trap clean_up EXIT
patch=(--locked)
if [ -n "${CANDLE_KERNELS:-}" ]; then
    [ -f "$CANDLE_KERNELS/Cargo.toml" ] || fail "CANDLE_KERNELS is \`$CANDLE_KERNELS\`, which holds no crate"
    cp Cargo.lock "$work/Cargo.lock"
    patch=(--config "patch.crates-io.candle-kernels.path=\"$(cd "$CANDLE_KERNELS" && pwd)\"")
fi

# The program that cargo made of a target.
program() { # NAME
    sed -n "s/.*\"name\":\"$1\".*\"executable\":\"\([^\"]*\)\".*/\1/p" "$work/messages" | tail -1
}
cargo build --release --features cuda "${patch[@]}" --bin snnc --example card --message-format=json-render-diagnostics > "$work/messages"
cargo test --release -p snnc-engine --features cuda "${patch[@]}" --test cuda_card --no-run --message-format=json-render-diagnostics >> "$work/messages"

rm -rf "$dest"
mkdir -p "$dest/bin" "$dest/models" "$dest/scripts"
dest=$(cd "$dest" && pwd)
for name in snnc card cuda_card; do
    file=$(program "$name")
    [ -n "$file" ] && [ -f "$file" ] || fail "cargo did not say where it put \`$name\`"
    cp "$file" "$work/$name"
    gzip -9 -n -c "$file" > "$dest/bin/$name.gz"
done
cp scripts/on_card.sh "$dest/"
cp scripts/card_torch.py scripts/card_summary.py "$dest/scripts/"
cp fixtures/digits/digits.onnx "$dest/models/"
cp fixtures/digits/digits_test.npz "$dest/models/"
if [ -n "${MODELS:-}" ]; then
    [ -f "$MODELS/$model" ] || fail "MODELS is \`$MODELS\`, which has no $model"
    cp "$MODELS/$model" "$dest/models/aka_resnet20.onnx"
    if [ -n "${DATA:-}" ]; then
        cp "$DATA" "$dest/models/aka_resnet20_test.npz"
    fi
else
    echo "card_build.sh: MODELS is not set, so the digits are all that will be trained" >&2
fi
chmod -R u+w "$dest"

# PyTorch's libraries lack cuRAND, which candle wants to have and hardly uses: for a machine that has no other.
mkdir "$dest/lib"
"${CC:-cc}" -shared -fPIC -O2 -Wl,-soname,libcurand.so.10 -o "$dest/lib/libcurand.so.10" scripts/card_stand_in/curand.c
wanted=$(nm -D --undefined-only "$work"/{snnc,card,cuda_card} | awk '{ print $NF }' | grep '^curand' | sort -u)
had=$(nm -D --defined-only "$dest/lib/libcurand.so.10" | awk '{ print $NF }' | sort -u)
lacking=$(comm -23 <(echo "$wanted") <(echo "$had"))
[ -z "$lacking" ] || fail "scripts/card_stand_in/curand.c lacks $lacking"

commit=$(git rev-parse HEAD 2> /dev/null || echo unknown)
if [ -n "$(git status --porcelain --untracked-files=no 2> /dev/null | grep -v ' Cargo.lock$' || true)" ]; then
    commit="$commit, with changes"
fi
{
    echo "commit: $commit"
    echo "compute capability: $CUDA_COMPUTE_CAP"
    echo "compiler: $("$NVCC" --version | grep -o 'release.*' | head -1), $(rustc --version)"
    echo "link-time optimisation: $CARGO_PROFILE_RELEASE_LTO, units: $CARGO_PROFILE_RELEASE_CODEGEN_UNITS"
    if command -v readelf > /dev/null; then
        echo "libraries: $(readelf -d "$work"/{snnc,card,cuda_card} | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u | tr '\n' ' ')"
    fi
    echo "files (bytes, sha256):"
    (cd "$dest" && find . -type f ! -name MANIFEST | LC_ALL=C sort | while read -r file; do
        printf '%10d %s %s\n' "$(wc -c < "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)" "${file#./}"
    done)
} > "$dest/MANIFEST"
size=$(find "$dest" -type f -exec cat {} + | wc -c)
echo "$dest: $size bytes"
cat "$dest/MANIFEST"
[ "$size" -le "$limit" ] || fail "$size bytes are more than $limit: build with CANDLE_KERNELS, without the kernels that are not used"
