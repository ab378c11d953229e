#!/usr/bin/env python3
"""A preprocessor of mdBook: links from pages of the book to files of the project outside of it lead to the repository.

Usage: as `command` of a preprocessor in book.toml
"""
import json
import posixpath
import re
import sys

REPOSITORY = "https://github.com/snnc/snnc/blob/main/"
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")


def lead_out(content, page, source):
    """The text of a page with links that leave the folder `source` replaced."""

    def replaced(found):
        target = posixpath.normpath(posixpath.join(source, posixpath.dirname(page), found[1]))
        return found[0] if target.startswith(source + "/") else f"]({REPOSITORY}{target})"

    return LINK.sub(replaced, content)


def walk(items, source):
    """Replaces links in chapters and those below them."""
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter.get("path"):
                chapter["content"] = lead_out(chapter["content"], chapter["path"], source)
            walk(chapter["sub_items"], source)


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    context, book = json.load(sys.stdin)
    walk(book["items"], context["config"]["book"]["src"])
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
