"""The plugin of pytest as it was installed, in tests of a project of its own. The folder of the fixtures is in SNNC_FIXTURES; scripts/wheel_test.py runs this."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import snnc

FIXTURES = Path(os.environ["SNNC_FIXTURES"])

TEST = """
def test_model(snnc_golden):
    snnc_golden("model.snn", "golden/model.json")
"""

FIRST = """
def test_model(snnc_golden):
    snnc_golden("model.snn", "golden/model.json", data="images.npz")
"""


class Plugin(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        # Tests run in the folder above theirs: paths count from the test's file.
        self.root = Path(folder.name)
        self.tests = self.root / "tests"
        (self.tests / "golden").mkdir(parents=True)
        shutil.copy(FIXTURES / "digits" / "digits.snn", self.tests / "model.snn")
        shutil.copy(FIXTURES / "digits" / "digits_test.npz", self.tests / "images.npz")
        self.golden = self.tests / "golden" / "model.json"

    def pytest(self, test: str, *options: str) -> "tuple[int, str]":
        (self.tests / "test_model.py").write_text(test)
        words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        ran = subprocess.run(words, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return ran.returncode, ran.stdout

    def test_three_lines(self) -> None:
        code, said = self.pytest(TEST)
        self.assertEqual(code, 1, said)
        self.assertIn("model.json` is not there", said)
        code, said = self.pytest(FIRST, "--snnc-bless")
        self.assertEqual(code, 0, said)
        written = self.golden.read_text()
        golden = json.loads(written)
        self.assertEqual((golden["correct"], golden["data"]["file"]), (496, "../images.npz"))
        self.assertEqual(self.pytest(TEST)[0], 0)
        self.assertEqual(self.pytest(TEST, "--snnc-bless")[0], 0)
        self.assertEqual(self.golden.read_text(), written, "the same bytes")

    def test_what_differs_is_named(self) -> None:
        self.pytest(FIRST, "--snnc-bless")
        golden = json.loads(self.golden.read_text())
        golden["spikes"]["n7"] += 1
        golden["classes"][5] = 9 - golden["classes"][5]
        self.golden.write_text(json.dumps(golden))
        code, said = self.pytest(TEST)
        self.assertEqual(code, 1, said)
        for part in ["2 differences", "spikes.n7: expected", "image 5 was", "bless it: `pytest --snnc-bless`"]:
            self.assertIn(part, said)
        self.assertNotIn("Traceback", said)

    def test_the_function(self) -> None:
        model, images = self.tests / "model.snn", self.tests / "images.npz"
        self.assertIsNone(snnc.check_golden(model, self.golden, data=images, bless=True))
        self.assertIsNone(snnc.check_golden(str(model), str(self.golden)))
        with self.assertRaises(FileNotFoundError) as raised:
            snnc.check_golden(self.tests / "none.snn", self.golden)
        self.assertEqual(raised.exception.filename, str(self.tests / "none.snn"))
        with self.assertRaisesRegex(snnc.Error, "images.npz: not a safetensors file"):
            snnc.check_golden(images, self.golden)
        self.golden.write_text("{}")
        with self.assertRaisesRegex(snnc.Error, "model.json: is no golden file"):
            snnc.check_golden(model, self.golden)


if __name__ == "__main__":
    unittest.main()
