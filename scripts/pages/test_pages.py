"""Tests of the pages' machinery: python3 -m unittest discover -s scripts -p 'test_*.py'"""
import tempfile
import unittest

from pages.alike import alike
from pages.page import File, Page
from pages.shell import Shell

TEXT = """# A page

<!-- starts with: archive digits/digits.onnx -->

```python
# train.py
print(1)
```

```python
# not a file, a remark
```

<!-- differs -->
```console
$ python train.py \\
    --fast
1
2
$ echo $?
0
```

```
$ not typed
```
"""


class Pages(unittest.TestCase):
    def test_a_page_has_files_and_commands(self):
        page = Page(TEXT)
        self.assertEqual(page.needs, ["archive", "digits/digits.onnx"])
        file, train, code = page.steps
        self.assertEqual((file.name, file.text), ("train.py", "# train.py\nprint(1)\n"))
        self.assertEqual((train.command, train.expected, train.differs), ("python train.py \\\n    --fast", "1\n2", True))
        self.assertEqual((code.command, code.expected), ("echo $?", "0"))
        self.assertIsInstance(file, File)

    def test_outputs_are_put_in_their_places(self):
        page = Page(TEXT)
        typed = page.steps[1:]
        self.assertEqual(page.with_outputs([(step, step.expected) for step in typed]), TEXT)
        changed = page.with_outputs([(typed[0], ""), (typed[1], "3\n4")])
        self.assertEqual(changed, TEXT.replace("1\n2\n$", "$").replace("0\n```\n\n```\n$", "3\n4\n```\n\n```\n$"))

    def test_blocks_must_end_and_begin_with_a_command(self):
        for text in ("```console\n$ ls\n", "```console\nls\n```\n"):
            with self.assertRaisesRegex(ValueError, "line"):
                Page(text)

    def test_measured_numbers_may_differ_and_nothing_else(self):
        self.assertTrue(alike("500 images  99.20 %", "500 images 97.60 %"))
        self.assertTrue(alike("a 1.45 spikes", "a 1.20 spikes"))
        self.assertTrue(alike("sha 0123456789abcdef", "sha fedcba9876543210"))
        self.assertTrue(alike("Transpose__38", "Transpose__40"))
        self.assertTrue(alike("compiled in 652.9 ms", "compiled in 1.20 s"))
        self.assertTrue(alike("name     1.0\n---------", "name 1.1\n-----"))
        self.assertTrue(alike("483 of 500 right", "487 of 500 right"))
        self.assertFalse(alike("483 of 500 right", "387 of 500 right"))
        self.assertFalse(alike("8 digits", "9 digits"))
        self.assertTrue(alike("6 of 7", "5 of 7", differs=True))
        self.assertTrue(alike("a\nb\nc\nd 100 %", "a\nb\nx\nd 5 %", differs=True))
        self.assertFalse(alike("a\nb\nc\nd", "a\nx\ny\nd", differs=True))
        self.assertFalse(alike("99.20 %", "80.00 %"))
        self.assertFalse(alike("1.45 spikes", "14.5 spikes"))
        self.assertFalse(alike("1.45 nJ", "1.45 pJ"))
        self.assertFalse(alike("one", "one\ntwo"))
        self.assertFalse(alike("99.20 %", "99.21 %", exact=True))

    def test_a_shell_keeps_what_is_set(self):
        with tempfile.TemporaryDirectory() as folder:
            shell = Shell(folder, {"PATH": "/usr/bin:/bin"})
            self.assertEqual(shell.type("A=1; printf x"), (0, "x"))
            self.assertEqual(shell.type("echo $A; echo b >&2; false"), (1, "1\nb"))
            self.assertEqual(shell.type("echo $?"), (0, "1"))
            self.assertEqual(shell.type("cat"), (0, ""))
            with self.assertRaisesRegex(RuntimeError, "ended"):
                shell.type("exit 3")
            shell.end()
