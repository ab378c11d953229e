#!/usr/bin/env bash
# Builds shared objects that stand in for the CUDA driver, cuBLAS and cuRAND, and do their work on the processor: README.md beside this.
#
# Usage: build.sh DEST PROGRAM...        (programs that are linked with the libraries: what they need is what is made)
#
# Needs: a C++ compiler (CXX), nm, and the source of the crate candle-kernels (KERNELS; else it is looked for where cargo keeps it).
set -euo pipefail

[ $# -ge 2 ] || { sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
dest=$1
shift
crates=${CARGO_HOME:-$HOME/.cargo}/registry/src
kernels=${KERNELS:-$(find "$crates" -maxdepth 2 -name 'candle-kernels-*' 2> /dev/null | sort -V | tail -1)}
[ -f "$kernels/src/unary.cu" ] || { echo "build.sh: no candle-kernels are in \`$kernels\`; KERNELS says where they are" >&2; exit 1; }
compiler=${CXX:-c++}
flags=(-std=c++17 -O2 -fPIC -w -ffp-contract=off -fno-strict-aliasing -I "$here" -I "$here/include")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$dest"
objects=()

# Each file of kernels, with tables of what it defines. Threads wait for each other in reductions, but for those of a thread each.
for source in "$kernels"/src/{affine,binary,cast,conv,fill,indexing,reduce,ternary,unary}.cu "$here"/../../engine/src/cuda/*.cu; do
    name=$(basename "$source" .cu)
    "$compiler" "${flags[@]}" -x c++ -include device.h -E "$source" > "$work/$name.text"
    tr '\n' ' ' < "$work/$name.text" | grep -oE 'extern "C" +void +[A-Za-z0-9_]+' | awk '{ print $NF }' | sort -u > "$work/$name.names"
    waiting='^$'
    if [ "$name" = reduce ]; then waiting='^(fast|softmax|layernorm|rmsnorm)_'; fi
    {
        printf '#include "device.h"\n#include "%s"\n#include "kernels.h"\n' "$source"
        printf 'static const Kernels ALONE(false, {\n'
        { grep -vE "$waiting" "$work/$name.names" || true; grep '^fast_sum_small_' "$work/$name.names" || true; } | sed 's/.*/    {"&", callable(\&&)},/'
        printf '});\nstatic const Kernels TOGETHER(true, {\n'
        grep -E "$waiting" "$work/$name.names" | grep -v '^fast_sum_small_' | sed 's/.*/    {"&", callable(\&&)},/' || true
        printf '});\n'
    } > "$work/$name.cpp"
    "$compiler" "${flags[@]}" -c "$work/$name.cpp" -o "$work/$name.o"
    echo "$name: $(wc -l < "$work/$name.names") kernels"
    objects+=("$work/$name.o")
done
for name in driver fibers; do
    "$compiler" "${flags[@]}" -c "$here/$name.cpp" -o "$work/$name.o"
    objects+=("$work/$name.o")
done
"$compiler" "${flags[@]}" -c "$here/libraries.cpp" -o "$work/libraries.o"

# A function that a program is linked with and that nothing calls in a training says that it is unknown.
nm -D --undefined-only "$@" | awk '{ print $NF }' | grep -E '^(cu[A-Z]|cublas|curand)' | sort -u > "$work/wanted"
{ echo 'extern "C" {'; cat "$here/curand.c"; echo '}'; } > "$work/curand.cpp"
"$compiler" "${flags[@]}" -c "$work/curand.cpp" -o "$work/curand.o"
nm --defined-only "$work"/*.o | awk 'NF == 3 { print $3 }' | sort -u > "$work/had"
comm -23 "$work/wanted" "$work/had" | sed 's/.*/extern "C" int &() { return 999; }/' > "$work/rest.cpp"
"$compiler" "${flags[@]}" -c "$work/rest.cpp" -o "$work/rest.o"
"$compiler" -shared -Wl,-soname,libcuda.so.1 "${objects[@]}" "$work/rest.o" -o "$dest/libcuda.so.1"
"$compiler" -shared -Wl,-soname,libcublas.so.13 "$work/libraries.o" -o "$dest/libcublas.so.13"
"$compiler" -shared -Wl,-soname,libcurand.so.10 "$work/curand.o" -o "$dest/libcurand.so.10"
echo "$dest: put it into LD_LIBRARY_PATH, or into CARD_LIBRARIES of on_card.sh"
