"""Compiles two networks into the package; one must keep a policy."""
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))
from snnc_models import compile_model  # noqa: E402

MODELS, POLICY = HERE / "../../../fixtures/digits", HERE / "../common/policy.toml"
# Few samples and no audit, to be quick.
NETWORKS = {
    "digits": ["--timesteps", "8", "--samples", "16", "--audit", "none"],
    "digits_int8": ["--timesteps", "8", "--samples", "16", "--audit", "quick", "--policy", POLICY],
}


class BuildWithModels(build_py):
    """Builds the modules, and artifacts beside them. What is made stays in the folder `build`, for the next time."""

    def run(self):
        super().run()
        made, package = HERE / "build/snnc", Path(self.build_lib, "digits_model")
        for name, options in NETWORKS.items():
            compile_model(MODELS / f"{name}.onnx", made / f"{name}.snn", *options)
            self.copy_file(str(made / f"{name}.snn"), str(package / f"{name}.snn"))

    def get_outputs(self, include_bytecode=True):
        return super().get_outputs(include_bytecode) + [str(Path(self.build_lib, "digits_model", f"{name}.snn")) for name in NETWORKS]


setup(cmdclass={"build_py": BuildWithModels})
