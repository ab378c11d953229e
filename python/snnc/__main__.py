"""`python -m snnc` is the command `snnc`."""

import os
import subprocess
import sys

from snnc._command import command


def main() -> None:
    words = [command(), *sys.argv[1:]]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(words[0], words)
    sys.exit(subprocess.run(words).returncode)


if __name__ == "__main__":
    main()
