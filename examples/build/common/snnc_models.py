"""Models compiled in the build of a Python package: what the hooks of setuptools and hatch share."""
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path


def compile_model(model, artifact, *options):
    """Compiles `model` to `artifact` with these options of `snnc compile`, unless that was done before, of the same files with the same compiler.

    What counts is what is in the files: the model, everything else that the compiler has read, and the compiler. It is the program that the variable
    SNNC names, or else `snnc` on the PATH. Raises `CalledProcessError` where it refuses; what it says stands on standard error.
    """
    named = os.environ.get("SNNC", "snnc")
    compiler = shutil.which(named)
    if compiler is None:
        raise FileNotFoundError(f"there is no compiler `{named}`: install snnc, or set SNNC to its path")
    artifact = Path(artifact)
    done, rule = artifact.with_suffix(".json"), artifact.with_suffix(".d")
    options = [str(option) for option in options]
    if artifact.exists() and done.exists():
        before = json.loads(done.read_text())
        if before == _state(options, [compiler, *before["files"]]):
            print(f"{artifact.name} is up to date")
            return
    print(f"compiling {artifact.name}", flush=True)
    artifact.parent.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    subprocess.run([compiler, str(model), "-o", str(artifact), "--depfile", str(rule), *options], check=True)
    done.write_text(json.dumps(_state(options, [compiler, str(model), *_dependencies(rule.read_text())])))


def _state(options, files):
    digest = lambda file: hashlib.sha256(Path(file).read_bytes()).hexdigest() if Path(file).exists() else None
    return {"options": options, "files": {file: digest(file) for file in files}}


def _dependencies(rule):
    """The files behind the colon of a rule for make: backslashes before a space or `#` are doubled, and one more keeps that character."""
    behind = re.split(r"(?<!\\):", rule, maxsplit=1)[1].strip("\n")
    unescape = lambda m: "\\" * (len(m[1]) // 2) + (m[2] if len(m[1]) % 2 else "\0")
    words = re.sub(r"(\\*)([ \t#])", unescape, behind).split("\0")
    return [word.replace("\\:", ":").replace("$$", "$") for word in words if word]
