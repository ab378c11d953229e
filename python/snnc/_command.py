"""Where the command `snnc` of this package is."""

import os
import shutil
import sysconfig
from pathlib import Path


def command() -> str:
    """The command that was installed with the package; else one that the shell would find."""
    name = "snnc" + (sysconfig.get_config_var("EXE") or "")
    schemes = [sysconfig.get_default_scheme() if hasattr(sysconfig, "get_default_scheme") else None, f"{os.name}_user"]
    folders = [Path(sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts")) for scheme in schemes]
    # `pip install --target FOLDER` puts it into FOLDER/bin.
    folders.append(Path(__file__).parent.parent / "bin")
    for folder in folders:
        if (folder / name).is_file():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"the command `{name}` is in none of {', '.join(map(str, folders))}, nor on the PATH: install the package again")
    return found
