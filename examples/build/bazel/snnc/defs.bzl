"""snnc_model: a trained network (ONNX) as a spiking network. snnc_audit: what attackers get of it."""

SnncModelInfo = provider(
    doc = "A compiled model.",
    fields = {"artifact": "File: the spiking network, .snn", "report": "File: what the compiler says of it, JSON"},
)

def _snnc_model_impl(ctx):
    artifact = ctx.actions.declare_file(ctx.label.name + ".snn")
    report = ctx.actions.declare_file(ctx.label.name + ".report.json")
    inputs = [ctx.file.src] + ctx.files.data
    args = ctx.actions.args()
    args.add("compile")
    args.add(ctx.file.src)
    args.add("-o", artifact)
    args.add("--report", report)
    args.add("--quiet")
    args.add("--threads", ctx.attr.threads)
    args.add_all([ctx.expand_location(option, targets = ctx.attr.data) for option in ctx.attr.options])
    if ctx.file.policy:
        inputs.append(ctx.file.policy)
        args.add("--policy", ctx.file.policy)
    ctx.actions.run(
        executable = ctx.toolchains["//snnc:toolchain_type"].snnc.compiler,
        arguments = [args],
        inputs = inputs,
        outputs = [artifact, report],
        mnemonic = "SnncCompile",
        progress_message = "Compiling %s to a spiking network" % ctx.label,
        env = {},
        execution_requirements = {"block-network": "1", "cpu:%d" % ctx.attr.threads: ""},
    )
    return [
        DefaultInfo(files = depset([artifact]), runfiles = ctx.runfiles([artifact])),
        OutputGroupInfo(report = depset([report])),
        SnncModelInfo(artifact = artifact, report = report),
    ]

snnc_model = rule(
    implementation = _snnc_model_impl,
    doc = "Compiles a model to NAME.snn. The output group `report` has NAME.report.json.",
    attrs = {
        "src": attr.label(doc = "The ONNX file.", mandatory = True, allow_single_file = [".onnx"]),
        "data": attr.label_list(
            doc = "Whatever else is read: external data, which lies where the model says, and files of options. The compiler sees nothing that is not declared.",
            allow_files = True,
        ),
        "options": attr.string_list(doc = "Options of `snnc compile`; `$(location LABEL)` is the path of a file in `data`."),
        "policy": attr.label(doc = "Rules that the audit must keep, or the build fails.", allow_single_file = [".toml"]),
        "threads": attr.int(doc = "Threads, which Bazel reserves. The bytes do not depend on them.", default = 1),
    },
    toolchains = ["//snnc:toolchain_type"],
)

def _audit_arguments(ctx):
    args = ctx.actions.args()
    args.add("audit")
    args.add(ctx.attr.model[SnncModelInfo].artifact)
    args.add("--ann", ctx.file.ann)
    args.add_all(["--audit", "full", "--quiet", "--threads", str(ctx.attr.threads)])
    args.add_all([ctx.expand_location(option, targets = ctx.attr.data) for option in ctx.attr.options])
    return args

def _snnc_audit_impl(ctx):
    compiler = ctx.toolchains["//snnc:toolchain_type"].snnc.compiler
    inputs = [ctx.attr.model[SnncModelInfo].artifact, ctx.file.ann] + ctx.files.data
    parts = []
    for number in range(1, ctx.attr.shards + 1):
        part = ctx.actions.declare_directory("%s.parts/%d" % (ctx.label.name, number))
        args = _audit_arguments(ctx)
        args.add("--shard", "%d/%d" % (number, ctx.attr.shards))
        args.add("--checkpoint", part.path)
        ctx.actions.run(
            executable = compiler,
            arguments = [args],
            inputs = inputs,
            outputs = [part],
            mnemonic = "SnncAttack",
            progress_message = "Attacking %s, part %d of %d" % (ctx.label, number, ctx.attr.shards),
            env = {},
            execution_requirements = {"block-network": "1", "cpu:%d" % ctx.attr.threads: ""},
        )
        parts.append(part)
    report = ctx.actions.declare_file(ctx.label.name + ".json")
    page = ctx.actions.declare_file(ctx.label.name + ".html")
    args = _audit_arguments(ctx)
    args.add_all("--merge", parts, expand_directories = False)
    args.add("--json", report)
    args.add("--html", page)
    judged = inputs + parts
    if ctx.file.policy:
        judged = judged + [ctx.file.policy]
        args.add("--policy", ctx.file.policy)
    ctx.actions.run(
        executable = compiler,
        arguments = [args],
        inputs = judged,
        outputs = [report, page],
        mnemonic = "SnncAudit",
        progress_message = "Judging what attackers got of %s" % ctx.label,
        env = {},
        execution_requirements = {"block-network": "1", "cpu:%d" % ctx.attr.threads: ""},
    )
    return [DefaultInfo(files = depset([report, page]))]

snnc_audit = rule(
    implementation = _snnc_audit_impl,
    doc = "Makes a full audit of a snnc_model, its attacks in parts that do not wait for each other: NAME.json and NAME.html.",
    attrs = {
        "model": attr.label(doc = "The snnc_model.", mandatory = True, providers = [SnncModelInfo]),
        "ann": attr.label(doc = "The ONNX file that it was compiled from.", mandatory = True, allow_single_file = [".onnx"]),
        "data": attr.label_list(doc = "Whatever else is read: external data, judges, images.", allow_files = True),
        "options": attr.string_list(doc = "Options of `snnc audit`; `$(location LABEL)` is the path of a file in `data`."),
        "policy": attr.label(doc = "Rules that the audit must keep, or the build fails.", allow_single_file = [".toml"]),
        "shards": attr.int(doc = "How many parts there are.", default = 4),
        "threads": attr.int(doc = "Threads of each, which Bazel reserves. The bytes do not depend on them.", default = 1),
    },
    toolchains = ["//snnc:toolchain_type"],
)
