#!/bin/sh
# Runs a command that writes a file, and puts the old file back if the new one has its bytes: with its old time, by which Ninja's `restat` sees
# that nothing that is made of it needs to be made again.
#
# Usage: keep_same.sh FILE COMMAND...
set -eu
file=$1
shift
[ ! -e "$file" ] || cp -p "$file" "$file.old"
"$@"
if cmp -s "$file" "$file.old"; then mv "$file.old" "$file"; else rm -f "$file.old"; fi
