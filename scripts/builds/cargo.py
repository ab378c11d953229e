"""Cargo. A build script is one step: it compiles both networks or none."""
import json
import pathlib

from .system import System
from .tree import ROOT


class Cargo(System):
    name = project = "cargo"
    needs = ("cargo",)
    option = ("build.rs", '"timesteps", "8"', '"timesteps", "7"')
    made = {"digits": ["digits.snn", "digits.rs", "program"], "digits_int8": ["digits_int8.snn"]}
    is_apart = False

    def prepare(self):
        # Our crates stay where they are.
        for crate in ("runtime", "cargo"):
            self.tree.edit(self.file("Cargo.toml"), f'"../../../{crate}"', f'"{ROOT / crate}"')
        self.target = self.settings.target
        self.out = ""

    def build(self):
        code, said = self.run("cargo", "build", "--message-format=json-render-diagnostics", SNNC=str(self.tree.compiler), CARGO_TARGET_DIR=str(self.target))
        for line in said.splitlines():
            message = json.loads(line) if line.startswith("{") else {}
            if message.get("reason") == "build-script-executed" and "out_dir" in message and "#digits@" in message["package_id"]:
                self.out = message["out_dir"]
        return code, said

    def path(self, place):
        return self.target / "debug/digits" if place == "program" else pathlib.Path(self.out, place)

    def is_idle(self, said):
        return "Compiling" not in said and "Finished" in said

    def check(self):
        return self.run(self.path("program"), "../common/digits.txt")
