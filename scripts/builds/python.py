"""Python packages: wheels by setuptools and by hatch."""
import hashlib
import zipfile

from .system import System


class _Wheel(System):
    option = ("", '"digits": ["--timesteps", "8"', '"digits": ["--timesteps", "7"')
    made = {"digits": ["build/snnc/digits.snn"], "digits_int8": ["build/snnc/digits_int8.snn"]}
    counts_times = False

    def build(self):
        return self.run(self.settings.python, "-m", "pip", "wheel", "--verbose", "--disable-pip-version-check", "--no-deps", "--no-index",
                        "--no-build-isolation", "--wheel-dir", "dist", ".", SNNC=str(self.tree.compiler))

    def is_idle(self, said):
        return "digits.snn is up to date" in said and "digits_int8.snn is up to date" in said and "compiling digits" not in said

    def further(self, checks):
        (wheel,) = self.file("dist").glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            inside = {name: hashlib.sha256(files.read(f"digits_model/{name}.snn")).hexdigest() for name in self.made}
        artifacts = {name: hashlib.sha256(self.artifact(name).read_bytes()).hexdigest() for name in self.made}
        checks.that("the wheel has the artifacts as they are now", inside == artifacts)


class Setuptools(_Wheel):
    name = project = "setuptools"
    modules = ("pip", "setuptools", "wheel")
    option = ("setup.py", *_Wheel.option[1:])


class Hatch(_Wheel):
    name = project = "hatch"
    modules = ("pip", "hatchling")
    option = ("hatch_build.py", *_Wheel.option[1:])
