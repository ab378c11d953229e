"""The package as it was installed. The folder of the fixtures is in SNNC_FIXTURES; scripts/wheel_test.py runs this."""

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

import snnc
from snnc._command import command

FIXTURES = Path(os.environ["SNNC_FIXTURES"])
DIGITS = FIXTURES / "digits" / "digits.snn"
VECTORS = sorted((FIXTURES / "vectors").glob("*.snn"))


def digits() -> "tuple[NDArray[np.uint8], NDArray[np.int64]]":
    data = np.load(FIXTURES / "digits" / "digits_test.npz")
    return data["x"], data["y"]


def busy(network: snnc.Network) -> "NDArray[np.float32]":
    """Images for at least a second."""
    count = 256
    while True:
        images = np.zeros((count, *network.input_shape), np.float32)
        start = time.perf_counter()
        network.run(images)
        taken = time.perf_counter() - start
        if taken > 0.05:
            return np.zeros((int(count * 1.5 / taken), *network.input_shape), np.float32)
        count *= 4


class Vectors(unittest.TestCase):
    """What was recorded of the runtime and confirmed by two independent readers."""

    def test_everything_recorded(self) -> None:
        self.assertGreater(len(VECTORS), 10)
        for path in VECTORS:
            recorded = json.loads(path.with_suffix(".json").read_text())
            network = snnc.load(path)
            shape = (recorded["images"], *network.input_shape)
            images = np.array(recorded["input"], np.float32).reshape(shape)
            first = recorded["first_image_index"]
            for run in recorded["runs"]:
                with self.subTest(path.stem, timesteps=run["timesteps"]):
                    result = network.run(images, run["timesteps"], first_image=first)
                    self.same(result, run, shape)
                    trace = network.trace(images, run["timesteps"], first_image=first)
                    self.same(trace.result, run, shape)
                    for name, spikes in trace.spikes.items():
                        np.testing.assert_array_equal(np.abs(spikes).sum(axis=(0, *range(2, spikes.ndim))), result.spikes[name])
            with self.subTest(path.stem, trains=True):
                self.trains(recorded, trace)

    def same(self, result: snnc.Result, run: "dict[str, object]", shape: "tuple[int, ...]") -> None:
        np.testing.assert_array_equal(result.logits, np.array(run["logits"], np.float32))
        np.testing.assert_array_equal(result.predictions, np.argmax(result.logits, axis=1))
        for name in ["spikes", "synaptic_ops"]:
            found = {key: value.tolist() for key, value in getattr(result, name).items()}
            self.assertEqual({key: value for key, value in found.items() if key in run[name]}, run[name])  # type: ignore[operator]
        self.assertEqual((len(result), result.timesteps), (shape[0], run["timesteps"]))

    def trains(self, recorded: "dict[str, dict[str, list[list[str]]]]", trace: snnc.Trace) -> None:
        """`trains` has a line for each image and step, `-` for -1."""
        values = {"-": -1, "0": 0, "1": 1}
        for name, images in recorded["trains"].items():
            spikes = trace.spikes[name]
            for image, lines in enumerate(images):
                found = spikes[:, image].reshape(len(spikes), -1)
                np.testing.assert_array_equal(found, [[values[sign] for sign in line] for line in lines])


class Arrays(unittest.TestCase):
    def setUp(self) -> None:
        self.network = snnc.load(DIGITS)
        self.images, self.classes = digits()
        self.result = self.network.run(self.images)

    def test_digits(self) -> None:
        self.assertGreater((self.result.predictions == self.classes).mean(), 0.98)
        self.assertEqual(self.result.logits.shape, (500, 10))
        types = [self.result.logits.dtype, self.result.predictions.dtype, *(a.dtype for a in self.result.spikes.values())]
        self.assertEqual(types, [np.float32, np.int64, *[np.uint64] * len(self.network.populations)])
        self.assertEqual(list(self.result.spikes), [population.name for population in self.network.populations])
        self.assertEqual(list(self.result.synaptic_ops), [layer.name for layer in self.network.layers])
        for population in self.network.populations:
            spikes = self.result.spikes[population.name]
            steps = population.digits or self.result.timesteps
            self.assertAlmostEqual(self.result.rates[population.name], spikes.sum() / (population.size * steps * len(self.result)))

    def test_every_way_in_is_the_same(self) -> None:
        floats = (self.images[:, None] / 255).astype(np.float32)
        turned = np.asfortranarray(floats)
        self.assertFalse(turned.flags.c_contiguous)
        read_only = self.images.copy()
        read_only.flags.writeable = False
        ways: "list[NDArray[np.float32] | NDArray[np.uint8]]" = [floats, turned, np.repeat(floats, 2, axis=0)[::2], read_only]
        ways += [self.images[..., None], np.asfortranarray(self.images)]
        for images in ways:
            np.testing.assert_array_equal(self.network.run(images).logits, self.result.logits)
        part = self.network.run(self.images[100:103])
        np.testing.assert_array_equal(part.logits, self.result.logits[100:103])

    def test_no_images(self) -> None:
        result = self.network.run(np.zeros((0, 8, 8), np.uint8))
        self.assertEqual((len(result), result.logits.shape, len(self.network.trace(np.zeros((0, 1, 8, 8), np.float32)))), (0, (0, 10), 0))
        self.assertTrue(result._repr_html_())

    def test_arrays_are_not_copied(self) -> None:
        # A gigabyte of which nothing is ever written: the system gives them no memory until somebody reads them.
        images = np.zeros((1 << 22, 1, 8, 8), np.float32)
        images[0, 0, 0, 3] = np.nan
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with self.assertRaisesRegex(snnc.Error, "value 3 of image 0 is not finite"):
            self.network.run(images)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 200 << 10)
        # What comes out is a view of what the runtime filled: all columns of one table.
        bases = {id(column.base) for column in self.result.spikes.values()}
        self.assertEqual(len(bases), 1)
        self.assertIsNotNone(self.result.logits.base)
        self.assertIs(self.result.logits, self.result.logits)

    def test_results_outlive_their_network(self) -> None:
        logits = snnc.load(DIGITS).run(self.images).logits
        np.testing.assert_array_equal(logits, self.result.logits)
        logits[0, 0] = 1

    def test_what_does_not_fit(self) -> None:
        zeros = np.zeros
        cases = [
            (snnc.Error, r"an array of \[2, 8, 8\] does not fit: the network reads \[N, 1, 8, 8\]", zeros((2, 8, 8), np.float32)),
            (snnc.Error, r"images of 1x8 with 8 channels", zeros((2, 1, 8, 8), np.uint8)),
            (snnc.Error, r"pixels of \[8\] do not fit", zeros(8, np.uint8)),
            (TypeError, "float32, or of uint8 for pixels, not an array of float64", zeros((2, 1, 8, 8))),
            (TypeError, "not an array of >f4", zeros((2, 1, 8, 8), ">f4")),
            (TypeError, "not list", [[0.0]]),
        ]
        for error, words, images in cases:
            with self.subTest(words), self.assertRaisesRegex(error, words):
                self.network.run(images)  # type: ignore[arg-type]
            with self.subTest(words), self.assertRaisesRegex(error, words):
                self.network.trace(images)  # type: ignore[arg-type]
        late = np.zeros((100, 1, 8, 8), np.float32)
        late[77, 0, 1, 0] = np.inf
        with self.assertRaisesRegex(snnc.Error, "value 8 of image 77 is not finite"):
            self.network.run(late)
        with self.assertRaisesRegex(snnc.Error, "8 time steps, one for each digit"):
            self.network.run(self.images, 3)
        self.assertRaises(OverflowError, self.network.run, self.images, -1)

    def test_trace(self) -> None:
        trace = self.network.trace(self.images[:3])
        np.testing.assert_array_equal(trace.result.logits, self.result.logits[:3])
        image = trace.spikes[self.network.populations[0].name]
        self.assertEqual((image.dtype, image.shape), (np.dtype(np.int8), (8, 3, 1, 8, 8)))
        # The input of the radix code is the digits of the pixels.
        weights = 2 ** np.arange(7, -1, -1)
        np.testing.assert_array_equal(np.tensordot(weights, image.astype(int), axes=1)[:, 0], self.images[:3])


class Loading(unittest.TestCase):
    def test_from_where(self) -> None:
        data = DIGITS.read_bytes()
        sources: "list[Path | str | bytes | bytearray]" = [DIGITS, str(DIGITS), data, bytearray(data)]
        for source in sources:
            self.assertEqual(snnc.load(source).classes, 10)

    def test_errors(self) -> None:
        self.assertTrue(issubclass(snnc.Error, ValueError))
        with self.assertRaises(FileNotFoundError) as caught:
            snnc.load("no/such.snn")
        self.assertEqual((caught.exception.filename, caught.exception.errno), ("no/such.snn", 2))
        with self.assertRaises(IsADirectoryError):
            snnc.load(FIXTURES)
        with self.assertRaisesRegex(snnc.Error, "README.md: not a safetensors file"):
            snnc.load(FIXTURES / "README.md")
        with self.assertRaisesRegex(snnc.Error, "^not a safetensors file"):
            snnc.load(b"")
        self.assertRaises(TypeError, snnc.load, 1.5)

    def test_encrypted_and_signed(self) -> None:
        keys = FIXTURES / "keys"
        path = keys / "digits.snn.age"
        data, signature = path.read_bytes(), (keys / "digits.snn.age.minisig").read_text()
        identity, other = (keys / "age.key").read_text(), (keys / "other.age.key").read_text()
        signer, stranger = (keys / "minisign.pub").read_text(), (keys / "password.pub").read_text()
        images = digits()[0][:20]
        expected = snnc.load(DIGITS).run(images).logits
        for network in [
            snnc.load(path, identity=identity),
            snnc.load(path, identity=identity, require_signature=signer),
            snnc.load(path, identity=identity, require_signature=signer.splitlines()[1]),
            snnc.load(data, identity=other + identity),
            snnc.load(data, identity=identity, require_signature=signer, signature=signature),
        ]:
            np.testing.assert_array_equal(network.run(images).logits, expected)
        sources: "list[Path | bytes]" = [path, data]
        for source in sources:
            with self.assertRaisesRegex(snnc.Error, "it is encrypted: `identity` or `passphrase` opens it"):
                snnc.load(source)
            with self.assertRaisesRegex(snnc.Error, "none of the keys given opens it"):
                snnc.load(source, identity=other)
            with self.assertRaisesRegex(snnc.Error, "none of the keys given opens it"):
                snnc.load(source, passphrase="correct horse")
        with self.assertRaisesRegex(snnc.Error, "another key than the one that is required"):
            snnc.load(path, identity=identity, require_signature=stranger)
        with self.assertRaisesRegex(snnc.Error, "a signature is required, and there is none$"):
            snnc.load(data, identity=identity, require_signature=signer)
        with self.assertRaisesRegex(snnc.Error, "digits.snn.minisig"):
            snnc.load(DIGITS, require_signature=signer)
        with self.assertRaisesRegex(snnc.Error, "was changed"):
            snnc.load(data[:-1], identity=identity, require_signature=signer, signature=signature)
        for place in range(0, len(data), len(data) // 100):
            damaged = bytearray(data)
            damaged[place] ^= 1
            self.assertRaises(snnc.Error, snnc.load, damaged, identity=identity)
        with self.assertRaisesRegex(snnc.Error, "line 1 is no identity") as caught:
            snnc.load(path, identity=identity.splitlines()[-1][:-1])
        self.assertNotIn(identity.splitlines()[-1][20:40], str(caught.exception))
        self.assertRaises(snnc.Error, snnc.load, path, require_signature=identity)
        self.assertRaises(TypeError, snnc.load, path, identity=identity, signature=signature)

    def test_what_a_network_says(self) -> None:
        network = snnc.load(DIGITS)
        self.assertEqual((network.input_shape, network.layout, network.classes), ((1, 8, 8), "nchw", 10))
        self.assertEqual((network.code, network.coding, network.digits, network.timesteps, network.max_timesteps), ("radix", "digits", 8, 8, 8))
        self.assertEqual((network.latency, network.interval, network.head), (40, 8, "none"))
        self.assertRegex(network.compiler, r"^snnc \d")
        self.assertEqual([layer.is_input for layer in network.layers].count(True), 1)
        self.assertEqual(network.populations[0].kind, "input")
        self.assertEqual(repr(network), "<snnc.Network: [1, 8, 8] to 10 classes, radix code, 8 time steps>")
        self.assertRegex(repr(network.layers[0]), r"^<snnc.Layer \w+: \d+ connections, driven by spikes, 8 digits>$")
        self.assertRegex(repr(network.populations[0]), r"^<snnc.Population \w+: 64 input, 8 digits>$")
        with self.assertRaises(AttributeError):
            network.classes = 3  # type: ignore[misc]
        self.assertRaises(TypeError, pickle.dumps, network)

    def test_notebooks(self) -> None:
        images, _ = digits()
        for path in [DIGITS, *VECTORS]:
            network = snnc.load(path)
            zeros = np.zeros((2, *network.input_shape), np.float32)
            shown: "list[snnc.Network | snnc.Result | snnc.Trace]" = [network, network.run(zeros), network.trace(zeros)]
            if path == DIGITS:
                shown += [network.run(images), network.trace(images[:4])]
            for each in shown:
                page = ElementTree.fromstring(each._repr_html_())
                self.assertIsNotNone(page.find(".//{http://www.w3.org/2000/svg}rect"), each)
            text = "".join(ElementTree.fromstring(network._repr_html_()).itertext())
            self.assertTrue(all(layer.name in text for layer in network.layers), text)


class Threads(unittest.TestCase):
    def tearDown(self) -> None:
        snnc.set_threads()

    def test_any_number(self) -> None:
        network, images = snnc.load(DIGITS), digits()[0]
        expected = network.run(images).logits
        for count in [1, 2, 5]:
            snnc.set_threads(count)
            self.assertEqual(snnc.threads(), count)
            np.testing.assert_array_equal(network.run(images).logits, expected)
        snnc.set_threads(None)
        self.assertGreaterEqual(snnc.threads(), 1)
        with self.assertRaisesRegex(snnc.Error, "at least one"):
            snnc.set_threads(0)

    def test_many_at_a_time(self) -> None:
        network, images = snnc.load(DIGITS), digits()[0]
        expected = network.run(images).logits
        with ThreadPoolExecutor(8) as pool:
            for logits in pool.map(lambda _: network.run(images).logits, range(32)):
                np.testing.assert_array_equal(logits, expected)

    def test_others_run_meanwhile(self) -> None:
        network = snnc.load(DIGITS)
        images = busy(network)
        snnc.set_threads(1)
        worker = threading.Thread(target=network.trace, args=(images[: len(images) // 4],))
        start = last = time.perf_counter()
        longest = 0.0
        worker.start()
        while worker.is_alive():
            time.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        # With the interpreter held there would be one gap as long as the run.
        self.assertGreater(last - start, 0.1)
        self.assertLess(longest, (last - start) / 2)

    def test_interrupted(self) -> None:
        network = snnc.load(DIGITS)
        images = np.concatenate([busy(network)] * 20)
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        start = time.perf_counter()
        with self.assertRaises(KeyboardInterrupt):
            network.run(images)
        self.assertLess(time.perf_counter() - start, 5)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork")
    def test_forked(self) -> None:
        network, images = snnc.load(DIGITS), digits()[0]
        expected = network.run(images).logits
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            # Threads of the parent are not here.
            signal.alarm(20)
            os._exit(0 if (network.run(images).logits == expected).all() else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        np.testing.assert_array_equal(network.run(images).logits, expected)


class Command(unittest.TestCase):
    def run_it(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def test_is_the_command(self) -> None:
        for command_words in [[command()], [sys.executable, "-m", "snnc"]]:
            version = self.run_it(*command_words, "--version")
            self.assertEqual((version.returncode, version.stdout.strip(), version.stderr), (0, f"snnc {snnc.__version__}", ""))
            failed = self.run_it(*command_words, "no/such.onnx", "-o", "x.snn")
            self.assertEqual((failed.returncode, failed.stdout), (2, ""))
            self.assertIn("no/such.onnx", failed.stderr)
        # The one of this environment.
        self.assertEqual(Path(command()).parent, Path(sys.executable).parent)

    def test_compile(self) -> None:
        model = FIXTURES / "digits" / "digits.onnx"
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "digits.snn"
            network = snnc.compile(model, out, quiet=True, code="rate", timesteps=4, train="none", audit="none", keep_names=True, weights=None)
            self.assertEqual((network.code, network.timesteps), ("rate", 4))
            self.assertEqual(sorted(os.listdir(folder)), ["digits.report.json", "digits.snn"])
            self.assertEqual(snnc.load(out).timesteps, 4)
        kept = [layer.name for layer in network.layers]
        self.assertNotEqual(kept, [layer.name for layer in snnc.load(DIGITS).layers])

        with self.assertRaisesRegex(snnc.Error, "could not be if it were encrypted"):
            snnc.compile(model, encrypt_to="age15q7p0mj6zyvgx945arjl9gglhh0nv6hm3wl4kl8r0th5f2d6wdds2wms5s")

        class Proto:
            def SerializeToString(self) -> bytes:
                return model.read_bytes()

        sources: "list[bytes | Proto]" = [model.read_bytes(), Proto()]
        for source in sources:
            made = snnc.compile(source, quiet=True, audit="none", mean=[0], std=(1,))
            self.assertEqual((made.code, made.input_shape), ("radix", (1, 8, 8)))
            self.assertGreater((made.run(digits()[0]).predictions == digits()[1]).mean(), 0.98)

    def test_compile_interrupted(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
            start = time.perf_counter()
            with self.assertRaises(KeyboardInterrupt):
                snnc.compile(FIXTURES / "digits" / "digits.onnx", Path(folder) / "digits.snn", quiet=True, code="rate", train="temporal", audit="full")
            self.assertLess(time.perf_counter() - start, 5)
            self.assertEqual(os.listdir(folder), [])

    def test_what_does_not_compile(self) -> None:
        reject = json.loads((FIXTURES / "onnx" / "index.json").read_text())["reject"][0]
        with self.assertRaisesRegex(snnc.Error, "^error"):
            snnc.compile(FIXTURES / "onnx" / reject["file"], quiet=True)
        with self.assertRaisesRegex(snnc.Error, "--timesteps"):
            snnc.compile(FIXTURES / "digits" / "digits.onnx", quiet=True, timesteps="many")
        with self.assertRaises(FileNotFoundError):
            snnc.compile("no/such.onnx")


if __name__ == "__main__":
    unittest.main()
