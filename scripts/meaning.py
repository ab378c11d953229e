"""What a model means to the compiler: drives the program `examples/meaning.rs`.

Needs: numpy
"""
import json
import pathlib
import resource
import select
import subprocess
import tempfile

import numpy as np

# The results of an answer, in the order of the stages.
STAGES = ["imported", "canonical", "float", "rates"]

# Address space of the program: a file of a few kilobytes that asks for more is a finding.
MEMORY = 8 << 30


class Meaning:
    """A running program; one that crashed or hung is started again for the next question."""

    def __init__(self, binary, seconds=20, memory=MEMORY):
        self.binary, self.seconds, self.memory = str(binary), seconds, memory
        self.folder = tempfile.TemporaryDirectory(prefix="meaning-")
        self.model = pathlib.Path(self.folder.name, "model.onnx")
        self.input = pathlib.Path(self.folder.name, "input.npy")
        self.child = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def stop(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child.stdin.close()
            self.child.stdout.close()
            self.child = None

    def start(self):
        bound = lambda: resource.setrlimit(resource.RLIMIT_AS, (self.memory, self.memory))
        self.child = subprocess.Popen([self.binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      text=True, preexec_fn=bound)

    def ask(self, model, images, output=None, rates=False):
        """The answer for a model (bytes) and images (any numbers, batch first): see the program.

        Scores come back as arrays. A program that ends or takes too long is a crash too.
        """
        self.model.write_bytes(model)
        np.save(self.input, np.ascontiguousarray(images, dtype=np.float32))
        if self.child is None:
            self.start()
        question = {"model": str(self.model), "input": str(self.input), "output": output, "rates": rates}
        try:
            self.child.stdin.write(json.dumps(question) + "\n")
            self.child.stdin.flush()
            ready, _, _ = select.select([self.child.stdout], [], [], self.seconds)
            line = self.child.stdout.readline() if ready else None
        except BrokenPipeError:
            line = ""
        if line is None:
            self.stop()
            return {"crash": f"no answer after {self.seconds} s"}
        if not line:
            code = self.child.wait()
            self.stop()
            return {"crash": f"the program ended with {code}"}
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return {key: np.array(value, dtype=np.float64) if key in STAGES else value for key, value in answer.items()}


def add_binary(parser):
    """The option that says where the program is."""
    default = pathlib.Path(__file__).resolve().parent.parent / "target/debug/examples/meaning"
    parser.add_argument("--meaning", type=pathlib.Path, default=default, metavar="BINARY",
                        help="the program `cargo build --example meaning` (default: %(default)s)")
