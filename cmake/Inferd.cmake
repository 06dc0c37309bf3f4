# How every target of the project is made: language level, warnings, sanitizers, and the three kinds of target.
include_guard()
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
find_program(INFERD_CCACHE ccache)
if(INFERD_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${INFERD_CCACHE})
endif()

add_library(inferd_flags INTERFACE)
target_include_directories(inferd_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(inferd_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own and Boost's headers: for inlined optional/variant moves, and at -O3 (release) for
  # `"x" + std::string(...)` (restrict, GCC bug 105651).
  target_compile_options(inferd_flags INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-restrict)
endif()
if(INFERD_ASSERTIONS)
  string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  string(REPLACE "-g " "-g1 " CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO} ")
endif()
if(INFERD_SANITIZE)
  # -O1: the instrumented programs compile in two thirds of the time that -O2 takes, and their tests run about as long.
  add_compile_options(-O1 -fsanitize=${INFERD_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${INFERD_SANITIZE})
  add_compile_definitions(INFERD_SANITIZED)
  if(INFERD_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(INFERD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# inferd_library(NAME SOURCES a.cc... [DEPS lib...] [PRIVATE lib...])
function(inferd_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC inferd_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE})
endfunction()

# inferd_compile_together(TARGET N): N sources at a time are one for the compiler, unless the preset has a number of its own. clang-tidy
# wants each by itself.
option(INFERD_COMPILE_TOGETHER "Compile several sources of tests and of inferctl as one" ON)
function(inferd_compile_together target number)
  if(INFERD_COMPILE_TOGETHER AND NOT CMAKE_UNITY_BUILD)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${number})
    set_property(GLOBAL APPEND PROPERTY INFERD_TOGETHER ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
endfunction()

# inferd_test(NAME SOURCES a_test.cc... [DEPS lib...]): one GoogleTest program, each of its cases a CTest test.
function(inferd_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE inferd_flags ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE INFERD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # What is tested is optimised, the tests are not: they compile in two thirds of the time. Several files are compiled as one, because
  # most of a test's time is GoogleTest's headers.
  target_compile_options(${name} PRIVATE -O0)
  inferd_compile_together(${name} 4)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  foreach(source IN LISTS ARG_SOURCES)
    cmake_path(ABSOLUTE_PATH source)
    set_property(GLOBAL APPEND PROPERTY INFERD_TEST_SOURCES ${source})
  endforeach()
endfunction()

# Fails the configure when a *_test.cc exists that no target builds.
function(inferd_check_all_tests_are_built)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*_test.cc)
  get_property(built GLOBAL PROPERTY INFERD_TEST_SOURCES)
  foreach(source IN LISTS found)
    if(NOT source IN_LIST built)
      message(FATAL_ERROR "${source} is in no test target: add it to an inferd_test() in its folder's CMakeLists.txt")
    endif()
  endforeach()
endfunction()
