#!/usr/bin/env bash
# A full audit as a Slurm array: each task makes a part of the attacks, and a last job judges all of them.
#
# Usage: audit.sh MODEL.snn MODEL.onnx PARTS [OPTIONS OF snnc audit..]
#
# Writes MODEL.parts/1 .. PARTS, and from them MODEL.audit.json and MODEL.audit.html. The files must be where all nodes see them. A task that was cut off goes on where
# it was when it is queued again. What the judges need (--judge, --reference ..) is needed by every part: one attacker lets them choose.
#
# SBATCH_OPTIONS   for the array: partition, time, memory, as sbatch takes them
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2
    exit 2
fi
artifact=$1 ann=$2 parts=$3
shift 3
folder=${artifact%.snn}.parts
mkdir -p "$folder"

quoted=$(printf ' %q' "$artifact" --ann "$ann" --audit full "$@")
# shellcheck disable=SC2086
job=$(sbatch --parsable ${SBATCH_OPTIONS:-} --job-name snnc-audit --array "1-$parts" --requeue --output "$folder/%a.log" --wrap \
    "snnc audit$quoted --shard \$SLURM_ARRAY_TASK_ID/$parts --checkpoint $(printf %q "$folder")/\$SLURM_ARRAY_TASK_ID --resume --threads \${SLURM_CPUS_PER_TASK:-1}")
# shellcheck disable=SC2086
sbatch --parsable ${SBATCH_OPTIONS:-} --job-name snnc-audit-merge --dependency "afterok:${job%%;*}" --output "$folder/merge.log" --wrap \
    "snnc audit$quoted --merge $(for k in $(seq "$parts"); do printf ' %q' "$folder/$k"; done) --json $(printf %q "${artifact%.snn}.audit.json") --html $(printf %q "${artifact%.snn}.audit.html")"
