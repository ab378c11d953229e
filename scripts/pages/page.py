"""A page: blocks of code in Markdown.

Three kinds of block are followed, in the order of the page:

- `console`: a line that begins with `$ ` is typed, with the lines that follow one which ends with a backslash; what stands below it is what it prints.
- another language, whose first line is a comment with the name of a file and nothing else (`# train.py`, `/* main.c */`): the block is that file.
- all else is for people.

`<!-- starts with: archive -->` says what lies in the folder at the beginning: `archive`, `wheel`, or files of fixtures/ by their path there.
`<!-- differs -->` in front of a console block says that it tells what hangs on single weights, which differ between processors: what attacks get, which images
a network gets wrong.
"""
import dataclasses
import re

FENCE = re.compile(r"^```(\w*)\s*$")
NAMED = re.compile(r"^(?:#|//|/\*|;|<!--)\s*([\w.-]+(?:/[\w.-]+)*\.\w+)\s*(?:\*/|-->)?$")
STARTS = re.compile(r"^<!-- starts with: (.*) -->$", re.MULTILINE)
DIFFERS = "<!-- differs -->"


@dataclasses.dataclass
class File:
    """A file that the page shows."""

    line: int
    name: str
    text: str


@dataclasses.dataclass
class Typed:
    """A command that the page types; `first` and `last` are the lines of what it prints, the last not included."""

    line: int
    command: str
    expected: str
    first: int
    last: int
    differs: bool


class Page:
    """A page that was read; `steps` are its files and commands, `needs` what it starts with."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.needs = [word for found in STARTS.findall(text) for word in found.split()]
        self.steps = []
        number = 0
        while number < len(self.lines):
            opened = FENCE.match(self.lines[number])
            if not opened:
                number += 1
                continue
            end = next((n for n in range(number + 1, len(self.lines)) if self.lines[n] == "```"), None)
            if end is None:
                raise ValueError(f"line {number + 1}: a block without an end")
            if opened[1] == "console":
                self._console(number, end)
            elif opened[1]:
                named = NAMED.match(self.lines[number + 1])
                if named:
                    self.steps.append(File(number + 1, named[1], "\n".join(self.lines[number + 1 : end]) + "\n"))
            number = end + 1

    def _console(self, start, end):
        differs = start > 0 and self.lines[start - 1] == DIFFERS
        number = start + 1
        if not self.lines[number].startswith("$ "):
            raise ValueError(f"line {number + 1}: a console block begins with a command, `$ ..`")
        while number < end:
            line, command = number + 1, [self.lines[number][2:]]
            number += 1
            while command[-1].endswith("\\") and number < end:
                command.append(self.lines[number])
                number += 1
            first = number
            while number < end and not self.lines[number].startswith("$ "):
                number += 1
            self.steps.append(Typed(line, "\n".join(command), "\n".join(self.lines[first:number]), first, number, differs))

    def with_outputs(self, outputs):
        """The text of the page with other outputs: pairs of a command and what it printed."""
        lines = list(self.lines)
        for typed, said in sorted(outputs, key=lambda pair: pair[0].first, reverse=True):
            lines[typed.first : typed.last] = said.split("\n") if said else []
        return "\n".join(lines) + "\n"
