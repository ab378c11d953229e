#!/usr/bin/env bash
# Tests and measures training and attacks on a graphics card within eight minutes, on a machine that has nothing but the card's driver and, for
# cuBLAS, the CUDA libraries of the system or of PyTorch. What it runs was built by card_build.sh.
#
# Usage: on_card.sh FOLDER [RESULTS]        (FOLDER: what card_build.sh made; RESULTS: `results` if none is given)
#
# Each part has a time limit; one that fails or is late does not stop the next, and what no time is left for is said to be skipped.
# Results are appended to RESULTS/results.jsonl as they come, what programs say to RESULTS/logs. At the end, and when it is asked to stop
# (SIGTERM, SIGINT), RESULTS/summary.md has them as tables.
#
# BUDGET             seconds in all [480]
# PYTHON             a Python, for PyTorch's libraries, the same step in PyTorch, and the tables [the first found that has torch]
# CARD_LIBRARIES     a folder of libraries to look in first
# SIZE               `full`, or `small`: networks that a processor can stand in for a card with (see scripts/card_stand_in) [full]
set -u

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2
    exit 2
fi
folder=$(cd "$1" && pwd) || exit 2
mkdir -p "${2:-results}/logs" || exit 2
results=$(cd "${2:-results}" && pwd) || exit 2
budget=${BUDGET:-480}
size=${SIZE:-full}
lines=$results/results.jsonl
# Programs, what the driver compiles, and what trainings write: nothing that is worth keeping.
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
# For the tables at the end.
reserve=6
child=

left() {
    echo $((budget - reserve - SECONDS))
}

# A string of JSON.
quoted() {
    printf '"%s"' "$(printf '%s' "$1" | tr '\n\t\r' '   ' | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')"
}

say() { # one line of JSON
    printf '%s\n' "$1" >> "$lines"
}

summarise() {
    if [ -n "$python" ]; then
        "$python" "$folder/scripts/card_summary.py" "$lines" > "$results/summary.md" 2> "$results/logs/summary.err" && return
    fi
    { echo "No Python made tables of these:"; echo '```'; cat "$lines"; echo '```'; } > "$results/summary.md"
}

stop() {
    if [ -n "$child" ]; then
        kill -TERM "$child" 2> /dev/null
    fi
    say "{\"part\": \"end\", \"why\": \"asked to stop\", \"seconds\": $SECONDS}"
    summarise
    exit 143
}

# Runs a part for at most so many seconds. What it prints goes to logs/NAME.out, or, if it prints lines of JSON, to the results.
part() { # json|text NAME LIMIT COMMAND...
    local form=$1 name=$2 limit=$3 began=$SECONDS rc why
    shift 3
    if [ "$limit" -gt "$(left)" ]; then limit=$(left); fi
    if [ "$limit" -lt 4 ]; then
        say "{\"part\": \"status\", \"name\": $(quoted "$name"), \"outcome\": \"skipped: no time was left\"}"
        return 1
    fi
    if [ "$form" = json ]; then
        timeout -k 8 "$limit" "$@" >> "$lines" 2> "$results/logs/$name.err" < /dev/null &
    else
        timeout -k 8 "$limit" "$@" > "$results/logs/$name.out" 2> "$results/logs/$name.err" < /dev/null &
    fi
    child=$!
    wait "$child"
    rc=$?
    child=
    case $rc in
        0) why='done' ;;
        124 | 137) why="late: stopped after $limit s" ;;
        *) why="failed with exit code $rc: $(tail -n 3 "$results/logs/$name.err" | cut -c 1-400)" ;;
    esac
    # A line that was cut off must not swallow the next.
    if [ -s "$lines" ] && [ -n "$(tail -c 1 "$lines")" ]; then echo >> "$lines"; fi
    say "{\"part\": \"status\", \"name\": $(quoted "$name"), \"outcome\": $(quoted "$why"), \"seconds\": $((SECONDS - began))}"
    echo "$SECONDS s: $name: $why" >&2
    return "$rc"
}

# A Python, best one with torch.
find_python() {
    local candidate first=
    for candidate in ${PYTHON:-} python3 python /opt/*/bin/python3 /usr/local/bin/python3 /root/*/bin/python3; do
        command -v "$candidate" > /dev/null 2>&1 || continue
        first=${first:-$candidate}
        if timeout 10 "$candidate" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' 2> /dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "$first"
}

# Folders of CUDA's libraries: those that a Python brings along, then those of the system that a program would not look in by itself.
find_libraries() {
    if [ -n "$python" ]; then
        timeout 10 "$python" -c '
import glob, os, site, sys
folders = [*site.getsitepackages(), site.getusersitepackages(), *sys.path]
print("\n".join(dict.fromkeys(l for f in folders for l in sorted(glob.glob(os.path.join(f, "nvidia", "*", "lib")), reverse=True))))' 2> /dev/null
    fi
    local path
    for path in /usr/local/cuda*/lib64 /usr/local/cuda*/targets/*/lib /usr/local/nvidia/lib64; do
        if [ -d "$path" ]; then echo "$path"; fi
    done
}

python=$(find_python)
trap stop TERM INT HUP
: >> "$lines"
commit=$(sed -n 's/^commit: //p' "$folder/MANIFEST" 2> /dev/null)
say "{\"part\": \"begin\", \"commit\": $(quoted "${commit:-unknown}"), \"date\": $(quoted "$(date -u +%FT%TZ)"), \"size\": $(quoted "$size")}"

path=${CARD_LIBRARIES:-}
while read -r library; do
    if [ -n "$library" ]; then path=${path:+$path:}$library; fi
done < <(find_libraries)
given=${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH=$path${given:+:$given}
# The driver compiles kernels when they are first used; programs that follow find them here.
export CUDA_CACHE_PATH=$work/compiled CUDA_CACHE_MAXSIZE=1073741824
for packed in "$folder"/bin/*.gz; do
    program=$work/$(basename "$packed" .gz)
    gzip -dc "$packed" > "$program" && chmod +x "$program"
done
lacking() {
    ldd "$work/card" 2>&1 | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u | tr '\n' ' '
}
absent=$(lacking)
case $absent in
    *libcurand*) export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder/lib; absent=$(lacking) ;;
esac
say "{\"part\": \"libraries\", \"path\": $(quoted "$LD_LIBRARY_PATH"), \"missing\": $(quoted "$absent"), \"python\": $(quoted "$python")}"
if [ -n "$absent" ]; then echo "missing libraries: $absent" >&2; fi

card=$work/card
if [ "$size" = small ]; then
    batch=4 large=tiny small=tiny few=2 samples=4 easy=96 shots=16 epochs=1 rows=8 curve=4 judged=32 torch_on=cpu
else
    batch=128 large=vgg16 small=peer few=16 samples=768 easy=768 shots=96 epochs=6 rows=64 curve=60 judged=256 torch_on=cuda
fi

# One training by the compiler, of which one line says how it went: the curve, and how long it all took. It stops by itself in time to
# tell. Where there are images with labels, another line says how many are classified rightly.
train() { # NAME MODEL TIMESTEPS DEVICE LIMIT OPTIONS...
    local name=$1 model=$2 steps=$3 device=$4 limit=$5 began seconds
    shift 5
    if [ ! -f "$folder/models/$model.onnx" ]; then return; fi
    if [ "$limit" -gt "$(left)" ]; then limit=$(left); fi
    began=$(date +%s%N)
    part text "$name" "$limit" "$work/snnc" "$folder/models/$model.onnx" -o "$work/$name.snn" --report "$results/$name.json" \
        --timesteps "$steps" --device "$device" --train temporal --synthesis prior --samples "$shots" --audit none --seed 0 --timings -v \
        --budget "$((limit > 20 ? limit - 12 : 8))" "$@"
    seconds=$(($(date +%s%N) - began))
    if [ ! -f "$results/$name.json" ]; then return; fi
    part json "$name-curve" 10 "$python" "$folder/scripts/card_summary.py" --training "$results/$name.json" "$results/logs/$name.err" \
        "$model" "$steps" "$((seconds / 1000000))"
    if [ -f "$folder/models/${model}_test.npz" ] && [ -f "$work/$name.snn" ]; then
        part text "$name-eval" 20 "$work/snnc" eval "$work/$name.snn" --data "$folder/models/${model}_test.npz" \
            --limit "$judged" --json -q || return
        say "{\"part\": \"eval\", \"name\": $(quoted "$name"), $(sed 's/^{//' "$results/logs/$name-eval.out")"
    fi
}
resnet() { # TIMESTEPS DEVICE LIMIT
    train "resnet20-T$1-${2%:*}" aka_resnet20 "$1" "$2" "$3" --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 \
        --code rate --epochs "$epochs" --train-samples "$samples" --batch 32
}
radix() { # DIGITS DEVICE LIMIT
    train "resnet20-radix-$1-${2%:*}" aka_resnet20 "$1" "$2" "$3" --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 \
        --code radix --epochs "$epochs" --train-samples "$samples" --batch 32
}
digits() { # DEVICE LIMIT
    train "digits-T4-${1%:*}" digits 4 "$1" "$2" --code rate --epochs "$epochs" --train-samples "$easy" --batch 32
}
# Attacks on what a training made, of which one line says how many reconstructions were recognised.
attack() { # TRAINING MODEL DEVICE LIMIT
    local name="$1-attacked-${3%:*}" limit=$4 began seconds
    if [ ! -f "$work/$1.snn" ]; then return; fi
    if [ "$limit" -gt "$(left)" ]; then limit=$(left); fi
    began=$(date +%s%N)
    part text "$name" "$limit" "$work/snnc" audit "$work/$1.snn" --ann "$folder/models/$2.onnx" --device "$3" \
        --only reconversion,through-time,adaptive --json "$results/$name.json" -q
    seconds=$(($(date +%s%N) - began))
    if [ ! -f "$results/$name.json" ]; then return; fi
    part json "$name-rows" 10 "$python" "$folder/scripts/card_summary.py" --attacks "$results/$name.json" "$1" "${3%:*}" "$((seconds / 1000000))"
}
step() { # NAME LIMIT OPTIONS...
    local name=$1 limit=$2
    shift 2
    part json "$name" "$limit" "$card" step --timesteps 8 --seconds 6 "$@"
}

# The card.
part text nvidia-smi 15 nvidia-smi
part text nvidia-smi-row 15 nvidia-smi --query-gpu=name,driver_version,memory.total,memory.free,clocks.max.sm,power.limit --format=csv,noheader
if [ -s "$results/logs/nvidia-smi-row.out" ]; then
    say "{\"part\": \"driver\", \"says\": $(quoted "$(head -n 1 "$results/logs/nvidia-smi-row.out")")}"
fi
part json facts 40 "$card" facts

# Whether it computes what the processor does. A test that would skip without a card fails here.
SNNC_CARD=1 part text tests 100 "$work/cuda_card" --test-threads=1
sed -n 's/^test \(.*\) \.\.\. \([a-zA-Z]*\)$/{"part": "test", "name": "\1", "outcome": "\2"}/p' "$results/logs/tests.out" >> "$lines"
panicked=$(grep -A 1 '^thread .* panicked at' "$results/logs/tests.out" 2> /dev/null | grep -v '^thread\|^--' | cut -c 1-300 | tr '\n' ';')
if [ -n "$panicked" ]; then
    say "{\"part\": \"test\", \"name\": \"what failed\", \"outcome\": $(quoted "$panicked")}"
fi

# What a step costs.
step step-f32 40 --network "$large" --batch "$batch"
step step-kept 30 --network "$large" --batch "$batch" --keep-memory
step step-bf16 30 --network "$large" --batch "$batch" --keep-memory --products bf16
step step-tf32 30 --network "$large" --batch "$batch" --keep-memory --products tf32
step step-small 30 --network "$small" --batch "$batch" --keep-memory
step step-small-bf16 25 --network "$small" --batch "$batch" --keep-memory --products bf16
step step-few 25 --network "$small" --batch "$few" --keep-memory

# Gradients beside the processor's, and what fewer bits change.
part json precision 45 "$card" precision --network "$small" --batch "$rows" --timesteps 8 --keep-memory --rounds "$curve" --seconds 12

# Trainings as a user runs them.
resnet 8 cuda:0 70
digits cuda:0 30
radix 3 cuda:0 40

# Attacks on two of them, here and on the processor.
attack digits-T4-cuda digits cuda:0 30
attack digits-T4-cuda digits cpu 30
attack resnet20-T8-cuda aka_resnet20 cuda:0 60

# Where the time goes, and the same step in PyTorch.
part json kinds-f32 30 "$card" kinds --network "$large" --batch "$batch" --timesteps 8 --keep-memory
part json kinds-bf16 25 "$card" kinds --network "$large" --batch "$batch" --timesteps 8 --keep-memory --products bf16
if [ -n "$python" ]; then
    part json torch 70 env LD_LIBRARY_PATH="$given" "$python" "$folder/scripts/card_torch.py" --device "$torch_on" --batch "$batch" --networks "$large,$small" --seconds 5
fi

# What the processor does meanwhile.
part json processor 20 "$card" processor --network "$large" --batch "$batch" --rounds 3 --seconds 8

# The same trainings on the processor, as long as there is time.
digits cpu 40
resnet 8 cpu 90
resnet 4 cuda:0 50
resnet 4 cpu 60
radix 3 cpu 60
attack resnet20-T8-cuda aka_resnet20 cpu 60

say "{\"part\": \"end\", \"why\": \"all parts had their turn\", \"seconds\": $SECONDS}"
summarise
echo "$SECONDS s: $results/summary.md" >&2
