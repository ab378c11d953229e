"""A copy of a project, its models and a compiler, to be changed."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Moves the weights of a model out of its file, into `digits.data` beside it.
_EXTERNAL = """
import onnx, sys
model = onnx.load(sys.argv[1])
onnx.save(model, sys.argv[1], save_as_external_data=True, location="digits.data", size_threshold=0)
"""


def move_weights(python, model):
    """Moves the weights of a model into `digits.data` beside it, with the package onnx of that Python."""
    subprocess.run([python, "-c", _EXTERNAL, model], check=True)
    # onnx makes it for its owner alone; who builds in a sandbox is another.
    (model.parent / "digits.data").chmod(0o644)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Tree:
    """Lies as the repository does, so that the paths of the projects lead from one to the other.

    The compiler is a script that writes down what it is asked for and hands over to the real one."""

    def __init__(self, folder, project, compiler, python):
        self.root, self.real = folder, compiler
        self.project = folder / "examples/build" / project
        ignored = shutil.ignore_patterns("out", "build", "target", "bazel-*", "__pycache__", "*.egg-info", ".ninja*", "config.ninja")
        for name in ("common", project):
            shutil.copytree(ROOT / "examples/build" / name, folder / "examples/build" / name, ignore=ignored)
        self.models = folder / "fixtures/digits"
        self.models.mkdir(parents=True)
        for name in ("digits.onnx", "digits_int8.onnx"):
            shutil.copy(ROOT / "fixtures/digits" / name, self.models)
        self.model, self.weights = self.models / "digits.onnx", self.models / "digits.data"
        self.policy = folder / "examples/build/common/policy.toml"
        move_weights(python, self.model)
        self.compiler, self.log = folder / "bin/snnc", folder / "log"
        self.compiler.parent.mkdir()
        self.compiler.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{self.log}"\nexec "{compiler}" "$@"\n')
        self.compiler.chmod(0o755)

    def asked(self):
        """The names of the artifacts that the compiler was asked for since the last call, in order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        words = [line.split() for line in lines]
        return sorted(pathlib.Path(w[w.index("-o") + 1]).stem for w in words if "-o" in w and w[0] != "emit")

    def append(self, path, data):
        _tick()
        with open(path, "ab") as file:
            file.write(data)

    def edit(self, path, old, new):
        text = path.read_text()
        if text.count(old) == 0:
            raise ValueError(f"{path} does not have `{old}`")
        _tick()
        path.write_text(text.replace(old, new, 1))

    def touch(self, path):
        _tick()
        os.utime(path)

    def change_model(self):
        """A field that changes nothing but the file: an entry of the metadata."""
        self.append(self.model, b"\x72\x06\x0a\x01k\x12\x01v")

    def change_weights(self):
        """The lowest bit of the first weight."""
        data = bytearray(self.weights.read_bytes())
        data[0] ^= 1
        _tick()
        self.weights.write_bytes(data)

    def change_compiler(self):
        self.append(self.compiler, b"# another compiler\n")

    def compile(self, name, options, folder):
        """What the compiler makes of a model when nothing is between: the digest of the artifact."""
        out = folder / f"{name}.snn"
        subprocess.run([self.real, self.models / f"{name}.onnx", "-o", out, "--quiet", *options], check=True)
        return digest(out)


def _tick():
    """Times of files are as fine as the ticks of the system's clock, some milliseconds."""
    time.sleep(0.02)
