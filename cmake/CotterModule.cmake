# SPDX-License-Identifier: Apache-2.0
#
# cotter_module(NAME [USES ROOM…] [THIRD_PARTY TARGET…]) makes the room src/NAME a static library cotter_NAME from every
# .cc file below it. A new file needs no line here; a new arrow does, and one in tools/layers.toml with its reason.
function(cotter_module name)
  cmake_parse_arguments(ARG "" "" "USES;THIRD_PARTY" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_library(cotter_${name} STATIC ${sources})
  target_include_directories(cotter_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(cotter_${name} PUBLIC cotter_build)
  foreach(room ${ARG_USES})
    if(TARGET cotter_${room})
      target_link_libraries(cotter_${name} PUBLIC cotter_${room})
    endif()
  endforeach()
  target_link_libraries(cotter_${name} PUBLIC ${ARG_THIRD_PARTY})
endfunction()

# cotter_unit_tests(ROOM [LINKS TARGET…]) makes one GoogleTest program cotter_ROOM_test of every tests/ROOM/*_test.cc, and
# registers each of its tests with ctest.
function(cotter_unit_tests room)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${room}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(cotter_${room}_test ${sources})
  target_include_directories(cotter_${room}_test PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(cotter_${room}_test PRIVATE COTTER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(cotter_${room}_test PRIVATE cotter_${room} ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(cotter_${room}_test TEST_PREFIX ${room}/ DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
endfunction()
