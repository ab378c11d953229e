#!/usr/bin/env python3
"""Linters over what is not run here: the action and the workflow for GitHub, the container file, and shell scripts of the build examples.

Needs: actionlint, check-jsonschema, hadolint and shellcheck, on the PATH or beside PYTHON (scripts/build_systems_setup.sh)
Usage: packaging_lint.py [--python PYTHON]
  --python  the Python that they were installed with [default: the variable SNNC_PYTHON, or the one that runs this]

Prints what they say; exits with 1 if they find something or one is missing.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACTION, WORKFLOW = ".github/actions/snnc", "examples/build/github/digits.yml"
SCRIPTS = ["scripts/build_systems_setup.sh", "examples/build/ninja/configure", "examples/build/ninja/keep_same.sh", "capi/install.sh"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--python", type=pathlib.Path, default=pathlib.Path(os.environ.get("SNNC_PYTHON", sys.executable)))
    args = parser.parse_args()
    # Not resolved: the Python of a virtual environment is a link.
    path = os.pathsep.join([str(args.python.absolute().parent), os.environ["PATH"]])
    failed = []

    def lint(program, *words, folder=ROOT):
        found = shutil.which(program, path=path)
        if found is None:
            print(f"FAIL {program}: not installed (scripts/build_systems_setup.sh)")
            failed.append(program)
            return
        ran = subprocess.run([found, *words], cwd=folder, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(f"{'FAIL' if ran.returncode else 'ok  '} {program}: {' '.join(words)}".rstrip())
        if ran.returncode:
            print(ran.stdout.strip())
            failed.append(program)

    lint("check-jsonschema", "--builtin-schema", "vendor.github-actions", f"{ACTION}/action.yml")
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW)
    with tempfile.TemporaryDirectory() as folder:
        # Where the linter looks for a workflow, and with the action as a neighbour, whose inputs it then holds against those that are given.
        folder = pathlib.Path(folder)
        (folder / ".github/workflows").mkdir(parents=True)
        (folder / ".git").mkdir()
        shutil.copytree(ROOT / ACTION, folder / ACTION)
        workflow = (ROOT / WORKFLOW).read_text()
        there = f"snnc/snnc/{ACTION}@main"
        if there not in workflow:
            sys.exit(f"{WORKFLOW} does not use `{there}`")
        (folder / ".github/workflows/digits.yml").write_text(workflow.replace(there, f"./{ACTION}"))
        lint("actionlint", "-color=false", folder=folder)
    lint("hadolint", "Containerfile")
    lint("shellcheck", *SCRIPTS)
    sys.exit(1 if failed else 0)


main()
