"""What all build systems have in common here."""
import os
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
    # Where the option stands that is changed, what it is, and what it becomes.
    option = ("", "--timesteps 8", "--timesteps 7")
    # Files that are made, by the network that they are made of, in the order in which they are; the first is the artifact.
    made = {}
    # Whether one network is made anew without the other.
    is_apart = True
    # Whether a file that was touched counts as changed.
    counts_times = True
    # Whether what is made of an artifact stays if its bytes do.
    stops_at_same_bytes = False

    def __init__(self, tree, settings):
        self.tree, self.settings = tree, settings

    def file(self, name):
        """A file of the project."""
        return self.tree.project / name

    def path(self, place):
        """The file of a place in `made`."""
        return self.file(place)

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

    def run(self, *command, **environment):
        """Exit code, and standard output and error in one."""
        ran = subprocess.run([str(word) for word in command], cwd=self.tree.project, env={**os.environ, **environment},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        return ran.returncode, ran.stdout
