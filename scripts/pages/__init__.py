"""Pages of docs/ as a reader follows them.

| module | content |
|---|---|
| page | what a page types, which files it shows, and the page with other outputs |
| shell | one shell that types all of it |
| alike | whether what was printed is what the page prints |
| folder | the folder that a page starts in, and the Python packages that it installs |
| test_pages | tests of these |
"""
