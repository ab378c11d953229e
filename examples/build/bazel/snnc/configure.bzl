"""The compiler of this machine as a repository with a toolchain."""

_BUILD = """
load("@{workspace}//snnc:toolchain.bzl", "snnc_toolchain")

exports_files(["snnc"])

snnc_toolchain(name = "compiler", compiler = ":snnc")

toolchain(
    name = "toolchain",
    toolchain = ":compiler",
    toolchain_type = "@{workspace}//snnc:toolchain_type",
)
"""

def _snnc_configure_impl(ctx):
    named = ctx.os.environ.get("SNNC") or "snnc"
    program = ctx.path(named) if named.startswith("/") else ctx.which(named)
    if program == None or not program.exists:
        fail("there is no compiler `%s`: install snnc, or set the environment variable SNNC to its absolute path" % named)
    ctx.symlink(program, "snnc")
    ctx.file("BUILD.bazel", _BUILD.format(workspace = ctx.attr.workspace))

snnc_configure = repository_rule(
    implementation = _snnc_configure_impl,
    doc = "Looks for the compiler: the variable SNNC, an absolute path, or else `snnc` on the PATH.",
    attrs = {"workspace": attr.string(doc = "The workspace in which the folder `snnc` of these rules lies.", default = "digits")},
    environ = ["SNNC", "PATH"],
    local = True,
)
