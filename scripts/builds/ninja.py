"""Ninja."""
from .system import System


class Ninja(System):
    name = project = "ninja"
    needs = ("ninja", "cc")
    option = ("build.ninja", "--timesteps 8", "--timesteps 7")
    made = {"digits": ["out/digits.snn", "out/digits.h", "out/classify"], "digits_int8": ["out/digits_int8.snn"]}
    stops_at_same_bytes = True

    def prepare(self):
        code, said = self.run("./configure", SNNC=str(self.tree.compiler))
        if code != 0:
            raise RuntimeError(said)

    def build(self):
        return self.run("ninja")

    def is_idle(self, said):
        return "no work to do" in said

    def check(self):
        return self.run("out/classify", "../common/digits.txt")
