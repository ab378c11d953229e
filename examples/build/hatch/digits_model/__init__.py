"""Spiking networks that read digits: `snnc.load(digits_model.artifact("digits"))`."""
from importlib.resources import files


def artifact(name):
    """The bytes of a network: `digits` or `digits_int8`."""
    return files(__name__).joinpath(f"{name}.snn").read_bytes()
