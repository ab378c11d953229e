"""What the scripts here share: commands that are measured, npz files that are cut, results that are kept.

Needs: nothing. (Linux counts the memory of the parent into a child's peak, so this module stays small too, and imports
neither numpy nor pillow.)
"""
import ast
import hashlib
import json
import math
import os
import shlex
import subprocess
import tempfile
import threading
import zipfile

# Options that make of a network what simulators of spikes run: integrate-and-fire neurons, threshold 1, soft reset, start potential 0, constant currents.
REFERENCE_STEPS, REFERENCE_SCALE = 32, 256
REFERENCE = (f"--code rate --spikes binary --threshold fixed=1 --v-init zero --train none --audit none --timesteps {REFERENCE_STEPS} "
             f"--scale {REFERENCE_SCALE}").split()


class Failed(Exception):
    """A command failed; `code` is its exit code."""

    def __init__(self, what, code, message):
        super().__init__(f"{what}: exit code {code}\n{message.strip()}")
        self.code, self.message = code, message.strip()


def run(command, folder):
    """Runs a command. Returns exit code, stdout, stderr, CPU seconds, peak MiB."""
    with tempfile.TemporaryFile(dir=folder) as out, tempfile.TemporaryFile(dir=folder) as err:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return child.returncode, *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def numbers(value):
    return ",".join(str(v) for v in (value if isinstance(value, list) else [value]))


def manifest(models):
    return json.loads((models / "manifest.json").read_text())


def named(models, names, error):
    """The manifest's entries of these names, in this order; `error` is called where one is missing."""
    entries = {m["name"]: m for m in manifest(models)}
    for name in names:
        if name not in entries:
            error(f"no model is called `{name}`")
    return [entries[name] for name in names]


def compile_model(args, model, steps, options, folder):
    """Compiles a model for a number of time steps, or for the default, without an audit. Returns the artifact's path, CPU seconds and peak MiB."""
    pre, snn = model["preprocess"], f"{folder}/{model['name']}.snn"
    options = shlex.split(options) if isinstance(options, str) else options
    command = [args.binary, str(args.models / model["file"]), "-o", snn, *([] if steps is None else ["--timesteps", str(steps)]), "--scale",
               str(pre["scale"]), "--mean", numbers(pre["mean"]), "--std", numbers(pre["std"]), "--audit", "none", *options]
    code, _, err, cpu, peak = run(command, folder)
    if code != 0:
        raise Failed("compile", code, err)
    return snn, cpu, peak


def evaluate(args, model, snn, data, folder):
    """Evaluates an artifact at its own number of steps on the first images of a file. Returns `n`, `ann_top1` and what was measured, with
    the energy of the ANN, `ann_energy`, where the compiler says it."""
    command = [args.binary, "eval", snn, "--data", str(data), "--ann", str(args.models / model["file"]), "--limit",
               str(args.limit), "--json"]
    code, out, err, cpu, peak = run(command, folder)
    if code != 0:
        raise Failed("eval", code, err)
    measured = json.loads(out)
    return measured["n"], measured["ann_top1"], dict(measured["snn"][-1], ann_energy=measured.get("ann_energy"), eval_cpu_s=round(cpu, 2), eval_peak_mib=round(peak, 1))


def measure(args, model, steps, options, data, folder):
    """Compiles for a number of time steps and evaluates at it. Returns `n`, `ann_top1` and what was measured."""
    snn, cpu, peak = compile_model(args, model, steps, options, folder)
    n, ann, point = evaluate(args, model, snn, data, folder)
    os.remove(snn)
    return n, ann, dict(point, compile_cpu_s=round(cpu, 2), compile_peak_mib=round(peak, 1))


def cut(source, target, start, stop=None):
    """Copies images `start` to `stop` of an npz file, `x` and `y`. Returns how many the file has in all."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in ("x.npy", "y.npy"):
            with old.open(name) as reader, new.open(name, "w") as writer:
                major = reader.read(8)[6]
                length = int.from_bytes(reader.read(2 if major == 1 else 4), "little")
                header = ast.literal_eval(reader.read(length).decode())
                if header["fortran_order"]:
                    raise ValueError(f"{source}: {name} is in Fortran's order")
                n, *shape = header["shape"]
                first, last, _ = slice(start, stop).indices(n)
                count, item = max(last - first, 0), int(header["descr"][2:]) * math.prod(shape)
                text = repr(dict(header, shape=(count, *shape)))
                text += " " * (-(10 + len(text) + 1) % 64) + "\n"
                writer.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
                reader.seek(first * item, os.SEEK_CUR)
                left = count * item
                while left:
                    block = reader.read(min(left, 1 << 16))
                    if not block:
                        raise ValueError(f"{source}: {name} ends too early")
                    writer.write(block)
                    left -= len(block)
    return n


def digest(path):
    """SHA-256 of a file: results of another compiler are other results."""
    with open(path, "rb") as file:
        sha = hashlib.sha256()
        for block in iter(lambda: file.read(1 << 16), b""):
            sha.update(block)
    return sha.hexdigest()


class Results:
    """Results under names, kept in a JSON file as they come, where there is one."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.known = json.loads(path.read_text()) if path and path.exists() else {}

    def get(self, name, settings):
        """The result of an earlier run, unless it failed or had other settings."""
        row = self.known.get(name)
        return row if row and row["settings"] == settings and row["status"] != "failed" else None

    def put(self, name, row):
        with self.lock:
            self.known[name] = row
            if self.path:
                new = self.path.with_name(self.path.name + ".new")
                new.write_text(json.dumps(self.known, indent=1) + "\n")
                new.replace(self.path)
        return row


def markdown(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("| --- |", "|---|").replace(" ---: |", "---:|")
