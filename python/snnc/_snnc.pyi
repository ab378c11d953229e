"""The runtime. Arrays that come out are made without copying."""

from os import PathLike
from typing import Final, Literal, final

from numpy import float32, int8, int64, uint8, uint64
from numpy.typing import NDArray

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
    "load",
    "set_threads",
    "threads",
]

__version__: Final[str]
FORMAT_VERSION: Final[int]
"""The version of the .snn format that can be loaded; no other can."""

class Error(ValueError):
    """What was given is no artifact, or does not fit the network, or does not compile."""

def load(
    source: str | PathLike[str] | bytes | bytearray,
    /,
    *,
    identity: str | None = None,
    passphrase: str | None = None,
    require_signature: str | None = None,
    signature: str | None = None,
) -> Network:
    """Loads a network from a path or from the bytes of a file.

    An encrypted one is opened, in memory alone, with `identity`, the content of a key file of age, or with `passphrase`.
    `require_signature`, a public key of minisign, refuses every network without a signature by it: that of a file lies beside it in
    `PATH.minisig`, that of bytes is the text `signature`.

    Raises `OSError` if the file cannot be read, `Error` if it is no artifact that this version can run or the keys do not open it.
    """

def check_golden(
    artifact: str | PathLike[str],
    golden: str | PathLike[str],
    /,
    *,
    data: str | PathLike[str] | None = None,
    report: str | PathLike[str] | None = None,
    bless: bool = False,
) -> str | None:
    """Holds an artifact against a golden file: what differs, as text for people, or None. With `bless` the file is written anew.

    `data` names the images and `report` the report of attacks, where they are not where the golden file says. docs/golden.md of the project
    says what is in the file. Tests have the fixture `snnc_golden`.

    Raises `OSError` if a file cannot be read or written, `Error` if one is not what it should be.
    """

def threads() -> int:
    """How many threads networks run on."""

def set_threads(count: int | None = None, /) -> None:
    """Sets how many threads networks run on, from the next run on; None for as many as the process may use processors."""

@final
class Network:
    """A network that is ready to run. Several threads may run it at a time."""

    @property
    def timesteps(self) -> int:
        """Number of time steps that a run takes unless it is told otherwise; in the radix code the digits of the longest window."""
    @property
    def max_timesteps(self) -> int:
        """Most time steps of a run; in the radix code the only number."""
    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image, without the batch."""
    @property
    def layout(self) -> Literal["nchw", "nhwc", "flat"]:
        """What the dimensions of an image mean."""
    @property
    def classes(self) -> int:
        """Number of logits of an image."""
    @property
    def code(self) -> Literal["radix", "rate"]:
        """What spikes stand for: digits of numbers, or a share of them each."""
    @property
    def coding(self) -> Literal["digits", "direct", "poisson"]:
        """How images come in."""
    @property
    def digits(self) -> int:
        """Binary digits of the numbers that the values of an image are read as."""
    @property
    def head(self) -> Literal["none", "relu", "softmax", "log_softmax", "sigmoid"]:
        """What the source network did to its output. Logits have it only if it is "relu"."""
    @property
    def latency(self) -> int:
        """Time steps until the answer of an image is there."""
    @property
    def interval(self) -> int:
        """Time steps from one image to the next in a pipeline."""
    @property
    def compiler(self) -> str:
        """Name and version of the compiler."""
    @property
    def populations(self) -> tuple[Population, ...]:
        """What makes spikes."""
    @property
    def layers(self) -> tuple[Layer, ...]:
        """What has synapses."""
    def run(self, images: NDArray[float32] | NDArray[uint8], /, timesteps: int | None = None, *, first_image: int = 0) -> Result:
        """Runs images.

        images: float32 `[N, *input_shape]` in the units of the source network, or uint8 pixels `[N, height, width, channels]` or gray
            `[N, height, width]`, which the network normalises itself. Read where they are if they are contiguous.
        timesteps: for how long; the network's own number unless it is given.
        first_image: number of the first image among those that are to have random spikes of their own (Poisson coding).

        Other threads run meanwhile. Raises `Error` if images or time steps do not fit, `TypeError` for another type of array.
        """
    def trace(self, images: NDArray[float32] | NDArray[uint8], /, timesteps: int | None = None, *, first_image: int = 0) -> Trace:
        """As `run`, and keeps every spike. All images run together, and memory grows with their number."""
    def _repr_html_(self) -> str: ...

@final
class Population:
    """Something that makes spikes."""

    @property
    def name(self) -> str:
        """The node of the artifact, or the input."""
    @property
    def kind(self) -> Literal["neurons", "count_max_pool", "digit_max_pool", "input"]:
        """What it is."""
    @property
    def size(self) -> int:
        """Number of entries for one image."""
    @property
    def digits(self) -> int | None:
        """Digits of its window; None in the rate code."""

@final
class Layer:
    """Something that has synapses."""

    @property
    def name(self) -> str:
        """The node of the artifact."""
    @property
    def drive(self) -> Literal["analog", "spikes", "current"]:
        """What its operand carries."""
    @property
    def connections(self) -> int:
        """Connections from operand to result."""
    @property
    def is_input(self) -> bool:
        """Whether no neuron lies before it."""
    @property
    def digits(self) -> int | None:
        """Digits of the window of its operand; None in the rate code."""

@final
class Result:
    """What a network made of some images; its length is their number."""

    @property
    def timesteps(self) -> int:
        """Number of time steps."""
    @property
    def logits(self) -> NDArray[float32]:
        """`[N, classes]`: what the last layer read out."""
    @property
    def predictions(self) -> NDArray[int64]:
        """`[N]`: the place of the largest logit, the first of several."""
    @property
    def spikes(self) -> dict[str, NDArray[uint64]]:
        """`[N]` for each population: how often its entries have fired."""
    @property
    def corrections(self) -> dict[str, NDArray[uint64]]:
        """`[N]` for each population: how many of these spikes were corrections, -1, of neurons with signed spikes."""
    @property
    def synaptic_ops(self) -> dict[str, NDArray[uint64]]:
        """`[N]` for each layer: accumulations that spikes drove; 0 for layers that they do not drive."""
    @property
    def rates(self) -> dict[str, float]:
        """Spikes per entry and time step of each population, over all images."""
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...

@final
class Trace:
    """Every spike that a network made of some images; its length is their number."""

    @property
    def result(self) -> Result:
        """What the run came to."""
    @property
    def spikes(self) -> dict[str, NDArray[int8]]:
        """`[steps, N, ...]` for each population, -1, 0 or 1. In the radix code a step is a digit, most significant first."""
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...
