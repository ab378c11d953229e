"""Make."""
from .system import System


class Make(System):
    name = project = "make"
    needs = ("make", "cc")
    option = ("Makefile", "OPTIONS_digits := --timesteps 8", "OPTIONS_digits := --timesteps 7")
    made = {"digits": ["out/digits.snn", "out/digits.h", "out/classify"], "digits_int8": ["out/digits_int8.snn"]}

    def build(self):
        return self.run("make", f"SNNC={self.tree.compiler}")

    def is_idle(self, said):
        return "Nothing to be done for 'all'" in said

    def check(self):
        return self.run("out/classify", "../common/digits.txt")
