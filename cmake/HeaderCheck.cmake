# Every header compiles alone. A header whose source file includes it first (tests/contract/test_files.py holds that) is proven by the
# build already, unless its folder's sources are compiled together; for each of the others this makes one small source that includes nothing
# else.
include_guard()

function(inferd_check_headers)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
    ${CMAKE_SOURCE_DIR}/runtime/*.h ${CMAKE_SOURCE_DIR}/metrics/*.h ${CMAKE_SOURCE_DIR}/config/*.h ${CMAKE_SOURCE_DIR}/daemon/*.h
    ${CMAKE_SOURCE_DIR}/logging/*.h ${CMAKE_SOURCE_DIR}/alerts/*.h ${CMAKE_SOURCE_DIR}/scaling/*.h ${CMAKE_SOURCE_DIR}/cli/*.h
    ${CMAKE_SOURCE_DIR}/tests/*.h)
  set(sources)
  get_property(together GLOBAL PROPERTY INFERD_TOGETHER)
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "\\.h$" ".cc" own ${header})
    cmake_path(GET header PARENT_PATH folder)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${own} OR ${CMAKE_SOURCE_DIR}/${folder} IN_LIST together)
      string(MAKE_C_IDENTIFIER ${header} name)
      set(source ${CMAKE_BINARY_DIR}/header_check/${name}.cc)
      file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"  // IWYU pragma: keep\n")
      list(APPEND sources ${source})
    endif()
  endforeach()
  add_library(header_check OBJECT EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(header_check PRIVATE inferd_flags)
endfunction()
