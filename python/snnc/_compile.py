"""Compiling, by the command `snnc` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from snnc._command import command
from snnc._snnc import Error, Network, load

# Exit codes of the command.
_REFUSED, _ERROR = 1, 2


class _ModelProto(Protocol):
    """What `onnx.ModelProto` has that is needed of it."""

    def SerializeToString(self) -> bytes: ...


def compile(
    model: str | os.PathLike[str] | bytes | _ModelProto,
    out: str | os.PathLike[str] | None = None,
    *,
    quiet: bool = False,
    **options: object,
) -> Network:
    """Compiles an ONNX classifier.

    model: its path, its bytes, or an `onnx.ModelProto`.
    out: where the artifact goes, and beside it the report. Without it, nothing is left on disk.
    quiet: whether nothing is printed unless it fails.
    options: those of `snnc compile --help`, with `_` for `-`: `code="rate"`, `timesteps=16`, `mean=[0.5, 0.5, 0.5]`, `keep_names=True`. One
        that is None or False is left out.

    Raises `Error` with what the command says where the model does not compile, `OSError` for files.
    """
    if any(name.startswith("encrypt_") and value not in (None, False) for name, value in options.items()):
        raise Error("what is compiled is loaded, and could not be if it were encrypted: run the command, `python -m snnc`")
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "model.snn") if out is None else os.fspath(out)
        silent = ["--quiet"] if quiet else []
        _run([command(), "compile", "-o", target, *silent, *_words(options), "--", _model(model, Path(folder))], quiet)
        return load(target)


def _model(model: str | os.PathLike[str] | bytes | _ModelProto, folder: Path) -> str:
    """The path of a model."""
    if isinstance(model, (str, os.PathLike)):
        # A file that is not there is no mistake of the model's.
        with open(model, "rb"):
            return str(os.fspath(model))
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return str(path)


def _words(options: Mapping[str, object]) -> Iterable[str]:
    """Options as they are typed."""
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            yield option
        elif value is not None and value is not False:
            text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            yield f"{option}={text}"


def _run(words: list[str], quiet: bool) -> None:
    """Runs the command, and hands on what it says as it says it: a notebook does not show what a process writes by itself."""
    said = []
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace") as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line)
                if not quiet:
                    sys.stdout.write(line)
        except BaseException:
            # The interpreter was interrupted. The command takes a file into place when it is complete, and not before.
            process.kill()
            raise
    if process.returncode in (_REFUSED, _ERROR):
        raise Error("".join(said).strip())
    if process.returncode != 0:
        raise RuntimeError(f"`snnc` ended with {process.returncode}:\n{''.join(said).strip()}")
