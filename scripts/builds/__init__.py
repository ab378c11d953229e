"""Builds of the projects in examples/build, in copies of them, and what must happen in each.

| module | content |
|---|---|
| tree | a copy of a project, its models and a compiler, to be changed |
| system | what all build systems have in common here |
| make, ninja, cmake, cargo, python, bazel | a build system each |
| scenario | the builds, and what is asserted of them |
| buildbox | a cache and workers for remote execution |
| hosts | network namespaces as hosts |
"""
