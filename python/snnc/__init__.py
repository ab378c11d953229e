"""Spiking neural networks made of trained ones.

    >>> import snnc
    >>> network = snnc.load("model.snn")
    >>> network.run(images).predictions

`load` reads a network, `compile` makes one of an ONNX classifier. Docs: docs/python.md of the project.
"""

from snnc._compile import compile
from snnc._snnc import (
    FORMAT_VERSION,
    Error,
    Layer,
    Network,
    Population,
    Result,
    Trace,
    __version__,
    check_golden,
    load,
    set_threads,
    threads,
)

__all__ = [
    "FORMAT_VERSION",
    "Error",
    "Layer",
    "Network",
    "Population",
    "Result",
    "Trace",
    "__version__",
    "check_golden",
    "compile",
    "load",
    "set_threads",
    "threads",
]
