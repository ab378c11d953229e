#!/usr/bin/env python3
"""Builds the Bazel example by remote execution on this machine, and asserts that results are those of a local build and come from the cache
the second time.

A client, Bazel, sends actions to a service that keeps files by their content, keeps the results of actions, and has workers, BuildBox. The
workers see declared inputs and nothing else: no files, no environment, no network. Many networks are compiled, which differ in their seed; the model
has its weights in a file of external data.

Needs: bazel 4.2.3, bubblewrap and pip (scripts/build_systems_setup.sh), a Python with the package onnx, and, with --hosts, root.
Usage: remote_build.py [--snnc PROGRAM] [--python PYTHON] [--networks N] [--jobs N] [--full] [--hosts] [--keep FOLDER]
  --snnc      the compiler [default: target/debug/snnc]; where it is not linked statically, workers get the folders of this machine's libraries
  --python    the Python that has onnx [default: the variable SNNC_PYTHON, or the one that runs this]
  --networks  how many are compiled [default: 8]
  --jobs      how many each worker compiles at a time [default: 2, with --hosts 1]
  --full      all attacks of a full audit, in 16 parts, instead of two, in 4
  --hosts     the client and two workers are hosts of their own, network namespaces
  --keep      where BuildBox is kept for the next time [default: target/buildbox]

Prints a line for every assertion, and the times; exits with 1 if one fails.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from builds import buildbox
from builds.hosts import HERE, Network
from builds.scenario import Checks
from builds.system import OPTIONS
from builds.tree import ROOT, Tree, digest

PORT = 18980

# Of a full audit, what takes seconds; and all of it.
AUDIT = ["--only", "weights,reconversion", "--seed", "0"]
FULL = ["--seed", "0"]
SHARDS = 4


class Workspace:
    """The example with many networks, and Bazel in it."""

    def __init__(self, tree, client, networks, audit):
        self.audit, self.shards = audit, SHARDS if audit == AUDIT else 4 * SHARDS
        self.tree, self.client, self.base = tree, client, tree.root / "bazel"
        self.names = [f"seed{number}" for number in range(networks)]
        options = {name: [*OPTIONS["digits"], "--seed", str(number)] for number, name in enumerate(self.names)}
        rules = [f'snnc_model(name = "{name}", src = "@models//:digits.onnx", data = ["@models//:weights"], options = {json.dumps(options[name])})' for name in self.names]
        audit = (f'snnc_audit(name = "audit", model = ":{self.names[0]}", ann = "@models//:digits.onnx", data = ["@models//:weights"], options = {json.dumps(audit)}, '
                 f'shards = {self.shards}, tags = ["manual"])')
        (tree.project / "BUILD.bazel").write_text("\n".join(['load("//snnc:defs.bzl", "snnc_audit", "snnc_model")', *rules, audit]) + "\n")
        self.options = options

    def bazel(self, *words):
        """Exit code and what was said."""
        ran = subprocess.run([*self.client.inside, "bazel", f"--output_user_root={self.base}", *words], cwd=self.tree.project, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "SNNC": str(self.tree.real)})
        return ran.returncode, ran.stdout

    def build(self, *options, what="//..."):
        """Builds everything, or something, from nothing. Returns exit code, what was said, the actions as Bazel logs them, and seconds."""
        log = self.tree.root / "actions.json"
        log.unlink(missing_ok=True)
        self.bazel("clean")
        start = time.monotonic()
        code, said = self.bazel("build", f"--execution_log_json_file={log}", *options, what)
        seconds = time.monotonic() - start
        return code, said, list(_values(log.read_text())) if log.exists() else [], seconds

    def digests(self):
        return {name: digest(self.tree.project / "bazel-bin" / f"{name}.snn") for name in self.names}


def _values(text):
    """JSON values one behind the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        value, end = decoder.raw_decode(text, at)
        yield value
        at = end + len(text[end:]) - len(text[end:].lstrip())


def carry_out(workspace, services, checks, folder):
    """What is asserted."""
    names = workspace.names
    wanted = {name: workspace.tree.compile("digits", workspace.options[name], folder) for name in names}
    checks.that("the networks differ", len(set(wanted.values())) == len(names))
    # As many at a time as there is room for, so that every worker has some.
    remote = [f"--remote_executor=grpc://{services[0].address}", "--spawn_strategy=remote", f"--jobs={sum(service.jobs for service in services)}"]

    code, said, actions, first = workspace.build(*remote)
    runners = [action["runner"] for action in actions]
    hits = [action["remoteCacheHit"] for action in actions]
    if not checks.that(f"{len(names)} networks compiled by the workers, none from the cache", code == 0 and runners == ["remote"] * len(names) and not any(hits), said):
        return
    checks.that("their bytes are those that the compiler gives here", workspace.digests() == wanted)
    shares = [service.executed() for service in services]
    checks.that(f"each worker has compiled some of them: {' and '.join(map(str, shares))}", sum(shares) == len(names) and all(shares))

    code, said, actions, second = workspace.build(*remote)
    checks.that(f"again from nothing: {len(names)} from the cache", code == 0 and [action["remoteCacheHit"] for action in actions] == [True] * len(names), said)
    checks.that("no worker has done anything", [service.executed() for service in services] == shares)
    checks.that("with the same bytes", workspace.digests() == wanted)

    audit(workspace, services, remote, checks, folder)

    build = workspace.tree.project / "BUILD.bazel"
    workspace.tree.edit(build, '"--seed", "0"', '"--seed", "1000"')
    code, said, actions, third = workspace.build(*remote)
    missed = [action["listedOutputs"] for action in actions if not action["remoteCacheHit"]]
    checks.that("one option changed: one network compiled, the others from the cache", code == 0 and len(actions) == len(names) and len(missed) == 1, said)

    workspace.tree.edit(build, 'data = ["@models//:weights"], ', "")
    code, said, _, _ = workspace.build(*remote)
    checks.that("external data that is not declared is not there", code != 0 and "digits.data" in said, said)
    checks.note(f"{len(names)} networks: {first:.1f} s by the workers, {second:.1f} s from the cache, {third:.1f} s with one changed")


def audit(workspace, services, remote, checks, folder):
    """A full audit, its attacks by the workers in parts."""
    files = [folder / name for name in ("audit.json", "audit.html")]
    artifact = workspace.tree.project / "bazel-bin" / f"{workspace.names[0]}.snn"
    whole = [workspace.tree.real, "audit", artifact, "--ann", workspace.tree.model, "--audit", "full", "--quiet", *workspace.audit, "--json", files[0], "--html", files[1]]
    start = time.monotonic()
    ran = subprocess.run([str(word) for word in whole], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    here = time.monotonic() - start
    if not checks.that("a full audit here", ran.returncode == 0, ran.stderr):
        return
    wanted = [digest(file) for file in files]
    before, parts = [service.executed() for service in services], workspace.shards
    code, said, actions, first = workspace.build(*remote, what="//:audit")
    made = [action for action in actions if not action["remoteCacheHit"]]
    if not checks.that(f"{parts} parts and what joins them by the workers, the network from the cache", code == 0 and len(actions) == parts + 2 and len(made) == parts + 1, said):
        return
    found = [digest(workspace.tree.project / "bazel-bin" / file.name) for file in files]
    checks.that("report and page have the bytes that the whole audit gives here", found == wanted)
    shares = [service.executed() - had for service, had in zip(services, before)]
    checks.that(f"each worker has made some of it: {' and '.join(map(str, shares))}", sum(shares) == parts + 1 and all(shares))
    code, said, actions, second = workspace.build(*remote, what="//:audit")
    checks.that("again from nothing: all of it from the cache", code == 0 and all(action["remoteCacheHit"] for action in actions), said)
    checks.note(f"audit in {parts} parts: {first:.1f} s by the workers, {second:.1f} s from the cache; {here:.1f} s whole, here")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--snnc", type=pathlib.Path, default=ROOT / "target/debug/snnc")
    # Not resolved: the Python of a virtual environment is a link.
    parser.add_argument("--python", type=os.path.abspath, default=os.environ.get("SNNC_PYTHON", sys.executable))
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--hosts", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / "target/buildbox")
    args = parser.parse_args()
    missing = [program for program in ("bazel", "bwrap", *(("ip",) if args.hosts else ())) if shutil.which(program) is None]
    if missing:
        sys.exit(f"{', '.join(missing)} not installed (scripts/build_systems_setup.sh)")
    compiler = args.snnc.resolve()
    args.keep.mkdir(parents=True, exist_ok=True)
    box = buildbox.programs(args.keep.resolve())
    is_static = buildbox.is_static(compiler)
    checks = Checks("remote")
    checks.note(f"the compiler is linked {'statically' if is_static else 'dynamically: workers have the libraries of this machine'}")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            network = Network(2) if args.hosts else None
        except subprocess.CalledProcessError as error:
            sys.exit(f"this machine does not allow hosts of their own: `{' '.join(error.cmd)}`: {error.stdout.strip()}")
        client, hosts = (network.client, network.workers) if network else (HERE, [HERE])
        services, workspace = [], Workspace(Tree(folder / "tree", "bazel", compiler, args.python), client, args.networks, FULL if args.full else AUDIT)
        mounts, jobs = {} if is_static else buildbox.libraries(), args.jobs or (1 if network else 2)
        try:
            # The last one keeps files and results for all; the first, which Bazel talks to, hands on to it what its own worker is too busy for.
            for host in reversed(hosts):
                services.insert(0, buildbox.Service(box, folder / host.address, host, PORT, jobs, mounts, *services[:1]))
                services[0].wait(client)
            carry_out(workspace, services, checks, folder)
        finally:
            workspace.bazel("shutdown")
            for service in services:
                service.stop()
            if network:
                network.close()
    print(f"{checks.passed + checks.failed} assertions, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


main()
