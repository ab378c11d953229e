"""Repositories of rules that Bazel has built in, under the names by which its own packages load them."""

def _native_rules_impl(ctx):
    folder, name = ctx.attr.file.split("/")
    ctx.file("BUILD.bazel")
    ctx.file(folder + "/BUILD.bazel")
    ctx.file(folder + "/" + name, "".join(["%s = native.%s\n" % (rule, rule) for rule in ctx.attr.rules]))

native_rules = repository_rule(
    implementation = _native_rules_impl,
    doc = "A repository with one file of rules.",
    attrs = {
        "file": attr.string(doc = "Where the rules are loaded from, `FOLDER/NAME.bzl`.", mandatory = True),
        "rules": attr.string_list(doc = "Their names.", mandatory = True),
    },
)
