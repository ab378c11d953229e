"""What all build systems have in common here."""
import os
import pathlib
import subprocess

# What each network is compiled with; the projects say the same.
OPTIONS = {
    "digits": ["--timesteps", "8", "--samples", "16", "--audit", "none"],
    "digits_int8": ["--timesteps", "8", "--samples", "16", "--audit", "quick"],
}


class System:
    """A project under a build system. Subclasses say how it is built and what comes of what."""

    name = ""
    # Its folder in examples/build.
    project = ""
    # Programs that must be there.
    needs = ()
    # Packages that Python must have.
    modules = ()
    # What the option that is changed looks like, and where it stands.
    option = ("project file", "--timesteps 8", "--timesteps 7")
    # Files that are made, by the network that they are made of: paths from the folder of the project. The first is the artifact.
    made = {}
    # Whether one network is made anew without the other.
    is_apart = True
    # Whether the compiler sees files as symbolic links to where they are.
    has_links = False
    # Whether a file that was touched counts as changed.
    counts_times = True
    # Whether what is made of an artifact stays if its bytes do.
    stops_at_same_bytes = False

    def __init__(self, tree, settings):
        self.tree, self.settings = tree, settings

    def path(self, place):
        """The file of a place in `made`."""
        return self.tree.project / place

    def artifact(self, network):
        return self.path(self.made[network][0])

    def prepare(self):
        """Before the first build."""

    def build(self):
        """Exit code, and what was said."""
        raise NotImplementedError

    def is_idle(self, said):
        """Whether the tool says that it did nothing."""
        raise NotImplementedError

    def check(self):
        """What the program says that was built, or None if there is none."""
        return None

    def further(self, checks):
        """What is asserted of this build system alone, at the end."""

    def finish(self):
        """After the last build, whatever happened."""

    def run(self, *command, folder=None, **environment):
        """Exit code, and standard output and error in one."""
        ran = subprocess.run([str(word) for word in command], cwd=folder or self.tree.project, env={**os.environ, **environment},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        return ran.returncode, ran.stdout

    def file(self, name):
        return self.tree.project / pathlib.Path(name)
