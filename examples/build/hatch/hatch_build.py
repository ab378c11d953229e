"""Compiles two networks into the package; one must keep a policy."""
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))
from snnc_models import compile_model  # noqa: E402

MODELS, POLICY = HERE / "../../../fixtures/digits", HERE / "../common/policy.toml"
# Few samples and no audit, to be quick.
NETWORKS = {
    "digits": ["--timesteps", "8", "--samples", "16", "--audit", "none"],
    "digits_int8": ["--timesteps", "8", "--samples", "16", "--audit", "quick", "--policy", POLICY],
}


class BuildWithModels(BuildHookInterface):
    """Puts artifacts into the package. What is made stays in the folder `build`, for the next time."""

    def initialize(self, version, build_data):
        made = Path(self.root, "build/snnc")
        for name, options in NETWORKS.items():
            compile_model(MODELS / f"{name}.onnx", made / f"{name}.snn", *options)
            build_data["force_include"][str(made / f"{name}.snn")] = f"digits_model/{name}.snn"
