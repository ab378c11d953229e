"""The builds, and what is asserted of them."""
from .system import OPTIONS
from .tree import digest

RIGHT = "0123456789: 10 of 10 right\n"


class Checks:
    """One line for every assertion."""

    def __init__(self, name):
        self.name, self.failed, self.passed = name, 0, 0

    def that(self, what, holds, said=""):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {self.name}: {what}", flush=True)
        if not holds and said:
            print("     | " + "\n     | ".join(said.strip().splitlines()[-40:]), flush=True)
        return bool(holds)

    def note(self, what):
        print(f"     {self.name}: {what}", flush=True)


class Builds:
    """Builds a project over and over, and looks at what each build did."""

    def __init__(self, system, checks):
        self.system, self.checks, self.tree = system, checks, system.tree
        self.times = {}

    def _now(self):
        files = [self.system.path(place) for places in self.system.made.values() for place in places]
        return {file: file.stat().st_mtime_ns if file.exists() else None for file in files}

    def build(self):
        """Exit code, what was said, networks that were compiled, files that are new."""
        code, said = self.system.build()
        now = self._now()
        new = {file for file in now if now[file] != self.times.get(file)}
        self.times = now
        return code, said, self.tree.asked(), new

    def expect(self, what, networks, other=None):
        """After a change: these networks are compiled anew and no others, and what is made of them is made anew and nothing else: where the build
        stops at files that have the bytes that they had, as many files of each network as have `other` ones."""
        system = self.system
        if networks and not system.is_apart:
            networks = list(system.made)
        other = other if system.stops_at_same_bytes else None
        wanted = {system.path(place) for network in networks for place in system.made[network][:other]}
        code, said, asked, new = self.build()
        names = ", ".join(sorted(file.name for file in wanted)) or "nothing"
        holds = code == 0 and asked == sorted(networks) and new == wanted
        told = f"{said}\ncompiled: {asked}\nnew: {sorted(file.name for file in new)}"
        self.checks.that(f"{what}: {', '.join(networks) or 'nothing'} compiled, {names} made anew", holds, told)
        return said


def run(system, checks, folder):
    tree, everything = system.tree, list(system.made)
    system.prepare()
    builds = Builds(system, checks)

    code, said, asked, _ = builds.build()
    if not checks.that("clean build", code == 0 and asked == sorted(everything), said):
        return
    for network in everything:
        wanted = tree.compile(network, OPTIONS[network], folder)
        checks.that(f"{network}.snn has the bytes that the compiler alone gives it", digest(system.artifact(network)) == wanted)
    program = system.check()
    if program is not None:
        checks.that("the program is right about ten digits", program == (0, RIGHT), program[1])

    said = builds.expect("nothing changed", [])
    checks.that("nothing changed: the tool says that it did nothing", system.is_idle(said), said)

    tree.change_model()
    # The artifact says of which file it was made; its network is the same.
    builds.expect("model changed", ["digits"], other=1)
    tree.change_weights()
    builds.expect("external data changed", ["digits"])
    name, old, new = system.option
    tree.edit(system.file(name), old, new)
    builds.expect("option changed", ["digits"])
    tree.edit(tree.policy, "min-energy-gain = 1.0", "min-energy-gain = 1.1")
    builds.expect("policy changed", ["digits_int8"], other=0)
    tree.change_compiler()
    builds.expect("compiler changed", everything, other=0)
    tree.touch(tree.model)
    builds.expect("model touched", ["digits"] if system.counts_times else [], other=0)

    artifact = system.artifact("digits_int8")
    before = digest(artifact)
    tree.edit(tree.policy, "min-energy-gain = 1.1", "min-energy-gain = 1000.0")
    code, said, _, _ = builds.build()
    checks.that("a policy that is not kept fails the build, which names the rule", code != 0 and "min-energy-gain" in said, said)
    checks.that("and the artifact that it refused is not there", not artifact.exists() or digest(artifact) == before)
    tree.edit(tree.policy, "min-energy-gain = 1000.0", "min-energy-gain = 1.1")
    code, said, _, _ = builds.build()
    checks.that("with the policy as it was the build is well again", code == 0 and digest(artifact) == before, said)

    weights = tree.weights.read_bytes()
    tree.weights.unlink()
    code, said, _, _ = builds.build()
    checks.that("external data that is gone fails the build, which names the file", code != 0 and "digits.data" in said, said)
    tree.weights.write_bytes(weights)
    code, said, _, _ = builds.build()
    checks.that("with the file as it was the build is well again", code == 0, said)
    builds.expect("nothing changed since", [])
    system.further(checks)
