# snnc_add_model(TARGET name MODEL file.onnx [ARTIFACT file.snn] [OPTIONS option...] [POLICY file.toml] [EMBED])
#
# Compiles a model when it, anything that it reads, the options, the policy or the compiler changed.
#
#   TARGET    the target that makes the artifact. `all` includes it. Its property SNNC_ARTIFACT is the path of the artifact
#   MODEL     relative to the source folder
#   ARTIFACT  relative to the binary folder; TARGET.snn unless it is given. The report lies beside it, as TARGET.report.json
#   OPTIONS   of `snnc compile`; files in them by absolute paths
#   POLICY    rules that the audit must keep, or the build fails; relative to the source folder
#   EMBED     the target is a static library with the bytes of the artifact, declared in `TARGET.h`:
#                 extern const unsigned char TARGET_snn[];
#                 extern const size_t TARGET_snn_size;
#             for networks up to a few megabytes, since a C compiler reads every byte as a number; load larger ones from their file
#
# Needs CMake 3.20, and the Ninja or a Makefile generator.

function(snnc_add_model)
  cmake_parse_arguments(PARSE_ARGV 0 arg "EMBED" "TARGET;MODEL;ARTIFACT;POLICY" "OPTIONS")
  if(NOT arg_TARGET OR NOT arg_MODEL OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "snnc_add_model(TARGET name MODEL file.onnx [ARTIFACT file.snn] [OPTIONS option...] [POLICY file.toml] [EMBED])")
  endif()
  if(NOT SNNC_EXECUTABLE)
    message(FATAL_ERROR "snnc_add_model: no compiler: find_package(snnc COMPONENTS compiler REQUIRED)")
  endif()
  if(NOT arg_ARTIFACT)
    set(arg_ARTIFACT "${arg_TARGET}.snn")
  endif()
  get_filename_component(model "${arg_MODEL}" ABSOLUTE)
  get_filename_component(artifact "${arg_ARTIFACT}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
  get_filename_component(folder "${artifact}" DIRECTORY)
  get_filename_component(stem "${artifact}" NAME_WLE)
  file(MAKE_DIRECTORY "${folder}")
  set(options ${arg_OPTIONS})
  if(arg_POLICY)
    get_filename_component(policy "${arg_POLICY}" ABSOLUTE)
    list(APPEND options --policy "${policy}")
  endif()

  # Makefile generators do not compare commands: options are a file, which is written when they are others than last time.
  file(GENERATE OUTPUT "${artifact}.options" CONTENT "${options}\n")
  add_custom_command(
    OUTPUT "${artifact}"
    BYPRODUCTS "${folder}/${stem}.report.json"
    COMMAND "${SNNC_EXECUTABLE}" "${model}" -o "${artifact}" --depfile "${artifact}.d" --quiet ${options}
    DEPENDS "${model}" "${SNNC_EXECUTABLE}" "${artifact}.options"
    DEPFILE "${artifact}.d"
    COMMENT "Compiling ${arg_MODEL} to a spiking network"
    VERBATIM)

  if(arg_EMBED)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/${arg_TARGET}.snn.c")
    set(header "${CMAKE_CURRENT_BINARY_DIR}/snnc/${arg_TARGET}/${arg_TARGET}.h")
    add_custom_command(
      OUTPUT "${source}" "${header}"
      COMMAND "${CMAKE_COMMAND}" "-DARTIFACT=${artifact}" "-DNAME=${arg_TARGET}" "-DSOURCE=${source}" "-DHEADER=${header}"
        -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/snncEmbed.cmake"
      DEPENDS "${artifact}" "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/snncEmbed.cmake"
      COMMENT "Writing ${arg_TARGET}.snn as C"
      VERBATIM)
    add_library(${arg_TARGET} STATIC "${source}" "${header}")
    get_filename_component(include "${header}" DIRECTORY)
    target_include_directories(${arg_TARGET} PUBLIC "${include}")
  else()
    add_custom_target(${arg_TARGET} ALL DEPENDS "${artifact}")
  endif()
  set_target_properties(${arg_TARGET} PROPERTIES SNNC_ARTIFACT "${artifact}")
endfunction()
