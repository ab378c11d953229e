#!/usr/bin/env python3
"""Follows the pages of the book as a new user would: in an empty folder, with what the page says and nothing else, every command is typed, and what it
prints is held against what the page prints. docs/contributing.md says how a page is written.

Usage: scripts/book.py [--snnc FILE] [--wheel FILE] [--packages FOLDER] [--bless] [--exact] [--keep FOLDER] [PAGE..]
       scripts/book.py --html FOLDER
  --snnc      the archive of a release, or a program, which becomes one [default: target/debug/snnc]
  --wheel     the Python package [default: a page that starts with it is skipped]
  --packages  keep virtual environments here, and take those that are there [default: every page installs what it says anew]
  --bless     write what is printed into the pages
  --exact     no number may differ (scripts/pages/alike.py says how much one may)
  --keep      follow the pages in FOLDER/NAME, which stay
  --html      build the book with mdBook, as HTML
  PAGE        pages [default: all that have blocks of `console`]

Exits with 1 if a page is not as it says, with 2 if one cannot be followed.
"""
import argparse
import difflib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages.alike import alike
from pages.folder import ROOT, Packages, archive_of, environment, fill
from pages.page import File, Page
from pages.shell import Shell

MDBOOK = "0.5.4"
EXIT_CODE = "echo $?"


def pages():
    """All pages that are followed."""
    return [path for path in sorted((ROOT / "docs").rglob("*.md")) if "\n```console\n" in path.read_text()]


def follow(path, folder, given, packages, args):
    """Follows a page in a folder. Returns what is wrong, as text, or None if the page cannot be followed here."""
    page = Page(path.read_text())
    missing = fill(folder, page.needs, given)
    if missing:
        print(f"skip {path.relative_to(ROOT)}: it starts with `{missing}`, which was not given", flush=True)
        return None
    commands = ["" if isinstance(step, File) else step.command for step in page.steps]
    ready = packages.prepare(commands, folder) if packages else set()
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    variables = environment(home)
    if not page.needs or page.needs[0] not in ("archive", "wheel"):
        variables["PATH"] = f"{given['program'].parent}:{variables['PATH']}"
    shell, wrong, outputs = Shell(folder, variables), [], []
    for number, step in enumerate(page.steps):
        if isinstance(step, File):
            place = folder / step.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(step.text)
            continue
        code, said = (0, "") if number in ready else shell.type(step.command)
        outputs.append((step, said))
        # A command that fails is followed by one that shows the exit code.
        if code != 0 and commands[number + 1 : number + 2] != [EXIT_CODE]:
            wrong.append(f"{path.relative_to(ROOT)}:{step.line}: `{step.command}` exits with {code}:\n{said}")
            break
        if not args.bless and not alike(step.expected, said, step.differs, args.exact or step.command == EXIT_CODE):
            lines = difflib.unified_diff(step.expected.splitlines(), said.splitlines(), "the page", "printed", lineterm="")
            wrong.append(f"{path.relative_to(ROOT)}:{step.line}: `{step.command}` prints something else:\n" + "\n".join(lines))
    shell.end()
    if args.bless and not wrong:
        path.write_text(page.with_outputs(outputs))
    return "\n".join(wrong)


def build_html(folder):
    """Builds the book; mdBook is installed where it is not there."""
    program = shutil.which("mdbook") or str(ROOT / "target/mdbook/bin/mdbook")
    if not Path(program).exists():
        subprocess.run(["cargo", "install", "--quiet", "--locked", "mdbook", "--version", MDBOOK, "--no-default-features", "--root", ROOT / "target/mdbook"], check=True)
    ran = subprocess.run([program, "build", "--dest-dir", folder.absolute(), ROOT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(ran.stdout, end="")
    # What mdBook warns of is broken in the book.
    sys.exit(1 if ran.returncode or "WARN" in ran.stdout or "ERROR" in ran.stdout else 0)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--snnc", type=Path, default=ROOT / "target/debug/snnc")
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--html", type=Path)
    args = parser.parse_args()
    if args.html:
        build_html(args.html)
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        if args.snnc.name.endswith(".tar.gz"):
            archive = args.snnc.resolve()
            shutil.unpack_archive(archive, work)
            program = work / archive.name.removesuffix(".tar.gz") / "snnc"
        else:
            archive = archive_of(args.snnc, work)
            program = work / "bin/snnc"
            program.parent.mkdir()
            shutil.copy(args.snnc, program)
        given = {"archive": archive, "wheel": args.wheel and args.wheel.resolve(), "program": program}
        packages = Packages(args.packages.absolute()) if args.packages else None
        followed = 0
        for path in [page.resolve() for page in args.pages] or pages():
            folder = (args.keep.absolute() if args.keep else work / "pages") / path.stem
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            before = time.monotonic()
            try:
                wrong = follow(path, folder, given, packages, args)
            except (ValueError, subprocess.CalledProcessError) as error:
                sys.exit(f"{path.relative_to(ROOT)}: {error}")
            if wrong is None:
                continue
            followed += 1
            print(f"{'FAIL' if wrong else 'ok  '} {path.relative_to(ROOT)}: {time.monotonic() - before:.0f} s{chr(10) if wrong else ''}{wrong}", flush=True)
            failed += bool(wrong)
    print(f"{followed - failed} passed, {failed} failed")
    sys.exit(1 if failed or not followed else 0)


if __name__ == "__main__":
    main()
