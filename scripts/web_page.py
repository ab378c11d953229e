#!/usr/bin/env python3
"""One file of a page and all that it loads, so that it opens from a disk, without a server and without a network.

Usage: web_page.py PAGE.html OUT.html SNNC.js SNNC.wasm MODEL.snn

The script is imported from an address that holds its text; module and network stand in the page in base64, in elements that the page looks for.
"""
import base64
import pathlib
import re
import sys


def main():
    page, out, script, module, network = map(pathlib.Path, sys.argv[1:])
    text = page.read_text(encoding="utf-8")
    whole = "data:text/javascript;base64," + base64.b64encode(script.read_bytes()).decode()
    text, imports = re.subn(r'(?<=^import \{ start \} from ")\./snnc\.js(?=";$)', whole, text, flags=re.MULTILINE)
    if imports != 1:
        sys.exit(f"{page}: its import of ./snnc.js cannot be replaced")
    parts = ""
    for name, path in [("module", module), ("network", network)]:
        data = base64.b64encode(path.read_bytes()).decode()
        parts += f'<script type="text/plain" id="{name}">{data}</script>\n'
    mark = "<!-- parts -->\n"
    if mark not in text:
        sys.exit(f"{page}: has no place for parts")
    out.write_text(text.replace(mark, parts), encoding="utf-8")


if __name__ == "__main__":
    main()
