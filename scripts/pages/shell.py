"""One shell for a page, so that what a command sets is there for the next."""
import subprocess

MARK = "--- end of a command:"


class Shell:
    """Bash in a folder; nothing can be typed into its commands."""

    def __init__(self, folder, environment):
        self.bash = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=folder, env=environment, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def type(self, command):
        """Runs a command, which sees the exit code of the one before as `$?`. Returns its exit code and what it printed, errors included."""
        self.bash.stdin.write(f"{{ {command}\n}} < /dev/null; code=$?; printf '\\n{MARK} %d\\n' $code; (exit $code)\n")
        self.bash.stdin.flush()
        lines = []
        for line in self.bash.stdout:
            if line.startswith(MARK):
                return int(line[len(MARK) :]), "".join(lines).rstrip("\n")
            lines.append(line)
        raise RuntimeError(f"the shell ended in: {command}\n{''.join(lines)}")

    def end(self):
        """Ends the shell."""
        self.bash.stdin.close()
        self.bash.stdout.close()
        self.bash.wait()
