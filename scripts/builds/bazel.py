"""Bazel, in a network namespace without a way out where the machine allows one."""
import subprocess

from .system import System


class Bazel(System):
    name = project = "bazel"
    needs = ("bazel",)
    option = ("BUILD.bazel", '"--timesteps", "8"', '"--timesteps", "7"')
    made = {"digits": ["digits.snn"], "digits_int8": ["digits_int8.snn"]}
    counts_times = False

    def prepare(self):
        self.base = self.tree.root / "bazel"
        # One namespace for all builds, which talk to one server: the loopback device is all that they need.
        self.keeper = subprocess.Popen(["unshare", "--net", "--map-root-user", "sh", "-c", "ip link set lo up && echo ready && exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.is_alone = self.keeper.stdout.readline() == "ready\n"
        self.inside = ("nsenter", f"--target={self.keeper.pid}", "--user", "--net", "--preserve-credentials") if self.is_alone else ()

    def build(self):
        return self.bazel("build", "//...")

    def bazel(self, *words):
        return self.run(*self.inside, "bazel", f"--output_user_root={self.base}", *words, SNNC=str(self.tree.compiler))

    def path(self, place):
        return self.file("bazel-bin") / place

    def is_idle(self, said):
        return "INFO: 1 process: 1 internal." in said

    def further(self, checks):
        checks.note("in an empty network namespace" if self.is_alone else "this machine has no network namespaces: with a network")
        self.tree.edit(self.file("BUILD.bazel"), '    policy = "@common//:policy.toml",\n', "")
        self.tree.edit(self.file("BUILD.bazel"), '"--audit", "quick"]', '"--audit", "quick", "--policy", "external/common/policy.toml"]')
        code, said = self.build()
        checks.that("a file that is not declared is not there", code != 0 and "policy.toml" in said, said)

    def finish(self):
        self.bazel("shutdown")
        self.keeper.communicate("")
