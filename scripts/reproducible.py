#!/usr/bin/env python3
"""Compile the same network under many circumstances, and compare the bytes.

Needs: nothing
Usage: reproducible.py [--binary target/debug/snnc] [--model fixtures/digits/digits.onnx] [--options ".."]

Circumstances: another folder, locales, time zones, another user, no environment, umasks, numbers of threads, instruction sets of the runtime, another host name
and another user's rights where this is root, another year where `faketime` is there. Every compilation must give the same artifact, report, page, samples and C. Prints a line
for each; exits with 1 if bytes differ.
"""
import argparse
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

OUTPUTS = ["m.snn", "m.report.json", "m.html", "m.npz", "m.h"]
ISAS = ["portable", "avx2", "avx-vnni", "avx512", "avx512-vnni", "amx", "neon", "dotprod"]


def circumstances():
    """Name, options of subprocess.run, folder, words before the command, options of the compiler."""
    def case(name, env=None, folder="p", before=(), options=(), **more):
        return dict(name=name, env=env or {}, folder=folder, before=list(before), options=list(options), more=more)

    yield case("as it is")
    yield case("a longer folder with spaces", folder="another folder/with a name/that is longer")
    for locale in ["C", "de_DE.UTF-8", "tr_TR.UTF-8", "ar_EG.UTF-8"]:
        yield case(f"locale {locale}", dict(LC_ALL=locale, LANG=locale))
    for zone in ["Pacific/Kiritimati", "America/St_Johns"]:
        yield case(f"time zone {zone}", dict(TZ=zone))
    yield case("another user", dict(USER="somebody", LOGNAME="somebody", HOME="/nonexistent", TMPDIR="/tmp"))
    yield case("no environment", before=["env", "-i"])
    for mask in [0o000, 0o077]:
        yield case(f"umask {mask:03o}", umask=mask)
    for threads in [1, 2, 3, 7]:
        yield case(f"{threads} threads", options=["--threads", str(threads)])
    for isa in ISAS:
        yield case(f"instructions {isa}", dict(SNNC_ISA=isa))
    if os.geteuid() == 0 and shutil.which("unshare"):
        yield case("another host name", before=["unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh"])
    if shutil.which("setpriv") and os.geteuid() == 0:
        yield case("user 65534", before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], mode=0o777)
    if shutil.which("faketime"):
        yield case("ten years later", before=["faketime", "+10y"])


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=pathlib.Path, default=root / "target/debug/snnc", help="the program (default: %(default)s)")
    parser.add_argument("--model", type=pathlib.Path, default=root / "fixtures/digits/digits.onnx", help="the network (default: %(default)s)")
    parser.add_argument("--options", default="--samples 8 --code rate --timesteps 4 --epochs 1 --train temporal --train-samples 32", help="how (default: %(default)s)")
    args = parser.parse_args()
    first, wrong, skipped = None, 0, 0
    for case in circumstances():
        with tempfile.TemporaryDirectory() as base:
            os.chmod(base, 0o755)
            folder = pathlib.Path(base, case["folder"])
            folder.mkdir(parents=True)
            mode = case["more"].pop("mode", None)
            if mode:
                folder.chmod(mode)
            shutil.copy(args.model, folder / "m.onnx")
            command = [*case["before"], str(args.binary.resolve()), "m.onnx", "-o", "m.snn", "--html", "m.html", "--save-samples", "m.npz", "--emit", "c=m.h", "-q",
                       *shlex.split(args.options), *case["options"]]
            done = subprocess.run(command, cwd=folder, env={**os.environ, **case["env"]}, capture_output=True, text=True, **case["more"])
            if done.returncode != 0:
                if "SNNC_ISA" in done.stderr:
                    skipped += 1
                    print(f"{case['name']:<32} skipped: this processor has no such instructions")
                    continue
                sys.exit(f"{case['name']}: {done.stderr}")
            found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in OUTPUTS}
        first = first or found
        differ = [name for name in OUTPUTS if found[name] != first[name]]
        wrong += bool(differ)
        print(f"{case['name']:<32} {'differs: ' + ', '.join(differ) if differ else 'the same'}", flush=True)
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
