# find_package(snnc [COMPONENTS compiler runtime]): the compiler `snnc` (what is looked for without COMPONENTS) and the C library `libsnnc`.
#
#   SNNC_EXECUTABLE   the compiler; give -DSNNC_EXECUTABLE=/path/to/snnc where it is in no usual place
#   snnc::runtime     the library to link, shared; with -DSNNC_STATIC=ON the static one
#   snnc_add_model()  in snncAddModel.cmake
#
# These files lie in the repository as cmake/; capi/install.sh PREFIX puts them into PREFIX/lib/cmake/snnc.

cmake_policy(PUSH)
cmake_policy(VERSION 3.20)

get_filename_component(_snnc_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT snnc_FIND_COMPONENTS)
  set(snnc_FIND_COMPONENTS compiler)
  set(snnc_FIND_REQUIRED_compiler TRUE)
endif()

if("compiler" IN_LIST snnc_FIND_COMPONENTS)
  find_program(SNNC_EXECUTABLE snnc HINTS "${_snnc_prefix}/bin" DOC "The compiler of spiking neural networks")
  if(EXISTS "${SNNC_EXECUTABLE}")
    set(snnc_compiler_FOUND TRUE)
  endif()
endif()

if("runtime" IN_LIST snnc_FIND_COMPONENTS)
  option(SNNC_STATIC "Link libsnnc.a instead of the shared library" OFF)
  find_path(SNNC_INCLUDE_DIR snnc.h HINTS "${_snnc_prefix}/include" DOC "The folder of snnc.h")
  find_library(SNNC_LIBRARY NAMES snnc HINTS "${_snnc_prefix}/lib" DOC "libsnnc, shared")
  find_library(SNNC_STATIC_LIBRARY NAMES "${CMAKE_STATIC_LIBRARY_PREFIX}snnc${CMAKE_STATIC_LIBRARY_SUFFIX}" HINTS "${_snnc_prefix}/lib" DOC "libsnnc, static")
  mark_as_advanced(SNNC_INCLUDE_DIR SNNC_LIBRARY SNNC_STATIC_LIBRARY)
  set(_snnc_library "${SNNC_LIBRARY}")
  if(SNNC_STATIC)
    set(_snnc_library "${SNNC_STATIC_LIBRARY}")
  endif()
  if(SNNC_INCLUDE_DIR AND _snnc_library)
    set(snnc_runtime_FOUND TRUE)
  endif()
  if(snnc_runtime_FOUND AND NOT TARGET snnc::runtime)
    add_library(snnc::runtime UNKNOWN IMPORTED)
    set_target_properties(snnc::runtime PROPERTIES IMPORTED_LOCATION "${_snnc_library}" INTERFACE_INCLUDE_DIRECTORIES "${SNNC_INCLUDE_DIR}")
    if(SNNC_STATIC)
      # What the static library stands on is known to pkg-config.
      get_filename_component(_snnc_folder "${_snnc_library}" DIRECTORY)
      file(STRINGS "${_snnc_folder}/pkgconfig/snnc.pc" _snnc_private REGEX "^Libs.private:")
      string(REGEX REPLACE "^Libs.private: *" "" _snnc_private "${_snnc_private}")
      separate_arguments(_snnc_private UNIX_COMMAND "${_snnc_private}")
      set_target_properties(snnc::runtime PROPERTIES INTERFACE_LINK_LIBRARIES "${_snnc_private}")
    endif()
  endif()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/snncAddModel.cmake")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(snnc HANDLE_COMPONENTS
  REASON_FAILURE_MESSAGE "give -DSNNC_EXECUTABLE=/path/to/snnc for the compiler, and -DCMAKE_PREFIX_PATH=PREFIX for a library that capi/install.sh PREFIX has installed")

cmake_policy(POP)
