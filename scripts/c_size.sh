#!/bin/sh
# The table of docs/microcontrollers.md: what the digits classifier takes on a Cortex-M4, in bytes.
#
# Usage: c_size.sh [SNNC]    with the program of that name, by default target/debug/snnc
# Needs arm-none-eabi-gcc; no library of C.
set -eu
cd "$(dirname "$0")/.."
snnc=${1:-target/debug/snnc}
gcc=arm-none-eabi-gcc
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
printf '#define SNN_DIGITS_IMPLEMENTATION\n#include "digits.h"\n' > "$place/digits.c"
echo "| options | tables | code | static RAM | stack of a run |"
echo "|---|---:|---:|---:|---:|"
while read -r options; do
    # shellcheck disable=SC2086 # options are words
    "$snnc" fixtures/digits/digits.onnx -o "$place/digits.snn" --audit none --train none -q --emit "c=$place/digits.h" $options
    $gcc -std=c99 -ffreestanding -Wall -Wextra -Werror -Os -mcpu=cortex-m4 -mthumb -fstack-usage -c "$place/digits.c" -o "$place/digits.o"
    tables=$(sed -n 's/^#define SNN_DIGITS_FLASH_BYTES \([0-9]*\).*/\1/p' "$place/digits.h")
    text=$(arm-none-eabi-size "$place/digits.o" | awk 'NR == 2 { print $1 }')
    memory=$(arm-none-eabi-size "$place/digits.o" | awk 'NR == 2 { print $2 + $3 }')
    stack=$(awk '/digits_run/ { print $2 }' "$place/digits.su")
    echo "| \`$options\` | $tables | $((text - tables)) | $memory | $stack |"
done <<'OPTIONS'
--code radix
--code radix --timesteps 4
--code radix --weights 16
--code rate
--code rate --spikes binary
OPTIONS
