"""The compiler as a toolchain: an input of every action, whose bytes count."""

SnncInfo = provider(
    doc = "The compiler.",
    fields = {"compiler": "FilesToRunProvider of the program `snnc`"},
)

def _snnc_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo(snnc = SnncInfo(compiler = ctx.attr.compiler[DefaultInfo].files_to_run))]

snnc_toolchain = rule(
    implementation = _snnc_toolchain_impl,
    doc = "Declares a compiler. For remote execution it must run on the workers: take a static one, or one whose libraries they have.",
    attrs = {
        "compiler": attr.label(
            doc = "The program `snnc`.",
            mandatory = True,
            allow_single_file = True,
            executable = True,
            cfg = "exec",
        ),
    },
)
