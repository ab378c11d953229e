"""The folder that a page starts in, and where its Python packages come from."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# What a page finds on a machine beside what it brings: Python, and no Rust, which who uses the program need not have.
PATH = f"{Path(sys.executable).resolve().parent}:/usr/local/bin:/usr/bin:/bin"
# Versions of the frameworks that pages were printed with.
VERSIONS = ROOT / "docs/tutorial/versions.txt"
ENVIRONMENT = re.compile(r"^python3 -m venv (?P<folder>\S+)$")
INSTALL = re.compile(r"^pip install (?P<words>.*)$")


def environment(home):
    """Environment variables of a new user: a home of its own, and what programs need to reach package registries."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_", "http", "HTTP")) or name.endswith("_proxy")}
    return {**kept, "PATH": PATH, "HOME": str(home), "LANG": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
            "PIP_CONSTRAINT": str(VERSIONS)}


def archive_of(program, folder):
    """An archive as scripts/release.sh makes them, of a program alone."""
    said = subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    name = f"{said[0]}-{said[1]}-{os.uname().machine}-unknown-linux-gnu"
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(program, arcname=f"{name}/snnc")
    return path


def fill(folder, needs, given):
    """Puts into the folder what a page starts with; `given` has the archive and the wheel. Returns what is missing."""
    for need in needs:
        source = given.get(need, ROOT / "fixtures" / need)
        if source is None or not source.exists():
            return need
        shutil.copy(source, folder / source.name)
    return None


class Packages:
    """Virtual environments that are kept for the next time: frameworks take minutes to install.

    A page's environment becomes a link to a kept one, which has what the page installs first; wheels that lie in the page's folder are installed every time."""

    def __init__(self, kept):
        self.kept = kept

    def prepare(self, steps, folder):
        """Makes the environments that the commands make, and returns the commands that need not be typed."""
        done, path = set(), None
        for number, command in enumerate(steps):
            made = ENVIRONMENT.match(command)
            if made:
                path = folder / made["folder"]
                done.add(number)
            installs = INSTALL.match(command)
            if installs and path and not path.exists():
                name = hashlib.sha256((installs["words"] + VERSIONS.read_text()).encode()).hexdigest()[:12]
                path.symlink_to(self._environment(self.kept / name, installs["words"].split()))
                done.add(number)
        return done

    def _environment(self, place, words):
        complete = place / "complete"
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run(["python3", "-m", "venv", place], check=True)
            subprocess.run([place / "bin/pip", "install", *words], check=True, env=environment(place))
            complete.touch()
        subprocess.run([place / "bin/pip", "uninstall", "--yes", "--quiet", "snnc"], check=True, env=environment(place), stderr=subprocess.DEVNULL)
        return place.resolve()
