#!/usr/bin/env python3
"""Print what `snnc explain operators` and `snnc explain` know: operators with their conditions, and the codes of refusals, in Markdown.

Needs: nothing
Usage: support_table.py [--binary target/debug/snnc] [--write docs/onnx-support.md | --check docs/onnx-support.md]

--write puts the tables between the marks of that file; --check exits 1 if they are not what stands there.
"""
import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- operators: begin -->", "<!-- operators: end -->"


def printed(binary, *arguments):
    return subprocess.run([binary, "explain", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def tables(binary):
    codes = [line.split(maxsplit=1) for line in printed(binary).splitlines()]
    rows = [f"| `{code}` | {title} |" for code, title in codes]
    return "\n".join([printed(binary, "operators"), "", "| code | means |", "|---|---|", *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(ROOT / "target/debug/snnc"))
    parser.add_argument("--write", type=pathlib.Path, help="put the tables between the marks of this file")
    parser.add_argument("--check", type=pathlib.Path, help="compare them with what stands there")
    args = parser.parse_args()
    text = tables(args.binary)
    path = args.write or args.check
    if not path:
        print(text)
        return 0
    before, rest = path.read_text().split(BEGIN)
    there, after = rest.split(END)
    if args.check:
        if there.strip() != text:
            print(f"{path} is not up to date: run scripts/support_table.py --write {path}", file=sys.stderr)
        return there.strip() != text
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
