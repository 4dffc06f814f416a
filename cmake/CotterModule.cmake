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

# cotter_registry(ROOM FOLDER FOLDER SUFFIX WORD LIST FILE) adds FILE.cc to the room, made from its FILE.cc.in: each file
# FOLDER/SOME_NAME.cc of the room defines kSomeNameWORD, and the list knows them all by the files' names.
function(cotter_registry room)
  cmake_parse_arguments(ARG "" "FOLDER;SUFFIX;LIST" "" ${ARGN})
  set(source ${PROJECT_SOURCE_DIR}/src/${room})
  file(GLOB files CONFIGURE_DEPENDS ${source}/${ARG_FOLDER}/*.cc)
  list(SORT files)
  set(declarations "")
  set(pointers "")
  foreach(file ${files})
    get_filename_component(words ${file} NAME_WE)
    string(REPLACE "_" ";" words ${words})
    set(symbol "k")
    foreach(word ${words})
      string(SUBSTRING ${word} 0 1 first)
      string(SUBSTRING ${word} 1 -1 rest)
      string(TOUPPER ${first} first)
      string(APPEND symbol ${first}${rest})
    endforeach()
    string(APPEND declarations "extern const ${ARG_SUFFIX} ${symbol}${ARG_SUFFIX};\n")
    list(APPEND pointers "&${symbol}${ARG_SUFFIX}")
  endforeach()
  list(JOIN pointers ", " pointers)
  set(list_file ${CMAKE_CURRENT_BINARY_DIR}/registry/${room}/${ARG_LIST}.cc)
  configure_file(${source}/${ARG_LIST}.cc.in ${list_file} @ONLY)
  target_sources(cotter_${room} PRIVATE ${list_file})
endfunction()

# cotter_embed(FOLDER FOLDER ENDING md TEMPLATE FILE.cc.in OUTPUT FILE.cc) makes FILE.cc from its template at build time, with
# the texts of the folder's files in it (cmake/EmbedText.cmake). FOLDER and TEMPLATE are relative to the project.
function(cotter_embed)
  cmake_parse_arguments(ARG "" "FOLDER;ENDING;TEMPLATE;OUTPUT" "" ${ARGN})
  set(script ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake)
  file(GLOB texts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${ARG_FOLDER}/*.${ARG_ENDING})
  add_custom_command(
    OUTPUT ${ARG_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${PROJECT_SOURCE_DIR}/${ARG_FOLDER} -DENDING=${ARG_ENDING}
            -DTEMPLATE=${PROJECT_SOURCE_DIR}/${ARG_TEMPLATE} -DOUTPUT=${ARG_OUTPUT} -P ${script}
    DEPENDS ${texts} ${script} ${PROJECT_SOURCE_DIR}/${ARG_TEMPLATE}
    COMMENT "Embedding ${ARG_FOLDER}")
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
  # The tests of a release are about its code; their own is not worth the compiler's time.
  target_compile_options(cotter_${room}_test PRIVATE $<$<CONFIG:Release>:-O1>)
  cotter_time_out(time_out 120)
  gtest_discover_tests(cotter_${room}_test TEST_PREFIX ${room}/ DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${time_out})
endfunction()

# cotter_script_test(NAME SCRIPT [ARGS ARG…] [TIMEOUT SECONDS] [LABELS LABEL…] [RUN_SERIAL]) registers SCRIPT, Python or
# bash by its ending, with ctest. The script finds the program in the environment's COTTER_BIN: the one given to ctest,
# else this build's own; the sources in COTTER_SOURCE_DIR, the build in COTTER_BUILD_DIR and the public test data, where
# they are, in COTTER_TESTDATA. The label soak keeps a test for `./test --soak`.
function(cotter_script_test name script)
  cmake_parse_arguments(ARG "RUN_SERIAL" "TIMEOUT" "ARGS;LABELS" ${ARGN})
  get_filename_component(script ${script} ABSOLUTE)
  set(interpreter /bin/bash)
  if(script MATCHES "[.]py$")
    set(interpreter /usr/bin/python3 -B)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  cotter_time_out(time_out ${ARG_TIMEOUT})
  add_test(NAME ${name} COMMAND /bin/sh -c [[COTTER_BIN=${COTTER_BIN:-$0} exec "$@"]] ${PROJECT_BINARY_DIR}/cotter
                                ${interpreter} ${script} ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${time_out} LABELS "${ARG_LABELS}" RUN_SERIAL ${ARG_RUN_SERIAL}
    ENVIRONMENT "COTTER_SOURCE_DIR=${PROJECT_SOURCE_DIR};COTTER_BUILD_DIR=${PROJECT_BINARY_DIR};COTTER_TESTDATA=${COTTER_TESTDATA}")
endfunction()
