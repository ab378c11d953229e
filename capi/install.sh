#!/usr/bin/env bash
# Builds libsnnc and installs it below a folder: include/snnc.h, lib/libsnnc.so (.dylib on macOS), lib/libsnnc.a,
# lib/pkgconfig/snnc.pc and lib/cmake/snnc for find_package.
#
# Usage: capi/install.sh PREFIX [PROFILE]
#   PREFIX   such as /usr/local or $HOME/.local
#   PROFILE  of cargo: release unless it is given
set -euo pipefail
prefix=${1:?usage: capi/install.sh PREFIX [PROFILE]} profile=${2:-release}
cd "$(dirname "$0")"

cargo build --quiet --package snnc-capi --profile "$profile"
# What the static library stands on, in the words of the compiler that made it.
private=$(cargo rustc --quiet --package snnc-capi --profile "$profile" --crate-type staticlib -- --print native-static-libs 2>&1 |
    sed -n 's/^note: native-static-libs: //p')
value() { cargo metadata --format-version 1 --no-deps | grep -o "\"$1\":\"[^\"]*\"" | tail -n 1 | cut -d '"' -f 4; }
version=$(cargo pkgid --package snnc-capi) version=${version##*[#@]}
built=$(value target_directory)/$([ "$profile" = dev ] && echo debug || echo "$profile")

mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/snnc"
prefix=$(cd "$prefix" && pwd)
install -m 644 include/snnc.h "$prefix/include/"
install -m 644 "$built/libsnnc.a" "$prefix/lib/"
for library in "$built"/libsnnc.so "$built"/libsnnc.dylib; do
    if [ -e "$library" ]; then install -m 755 "$library" "$prefix/lib/"; fi
done
sed -e "s|@prefix@|$prefix|" -e "s|@version@|$version|" -e "s|@url@|$(value repository)|" -e "s|@private@|$private|" snnc.pc.in \
    > "$prefix/lib/pkgconfig/snnc.pc"
install -m 644 ../cmake/*.cmake "$prefix/lib/cmake/snnc/"
sed -e "s|@version@|$version|" ../cmake/snncConfigVersion.cmake.in > "$prefix/lib/cmake/snnc/snncConfigVersion.cmake"
