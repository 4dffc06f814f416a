# SPDX-License-Identifier: Apache-2.0
#
# The target cotter_build carries what every room is compiled with: the language, the warnings, the hardening.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# ./run unpacks here what it could not install (Boost 1.81, where the machine's owner has another).
if(EXISTS ${PROJECT_SOURCE_DIR}/build/deps/usr)
  list(PREPEND CMAKE_PREFIX_PATH ${PROJECT_SOURCE_DIR}/build/deps/usr)
endif()

find_program(COTTER_CCACHE ccache)
if(COTTER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${COTTER_CCACHE})
endif()

option(COTTER_WERROR "Treat warnings as errors" OFF)
set(COTTER_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize takes them")

# cotter_time_out(VARIABLE SECONDS): how long a test may take. A sanitizer makes programs slow: three times as long.
function(cotter_time_out variable seconds)
  if(COTTER_SANITIZE)
    math(EXPR seconds "3 * ${seconds}")
  endif()
  set(${variable} ${seconds} PARENT_SCOPE)
endfunction()

add_library(cotter_build INTERFACE)
target_compile_options(cotter_build INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast)
if(COTTER_WERROR)
  target_compile_options(cotter_build INTERFACE -Werror)
endif()
if(COTTER_SANITIZE)
  target_compile_options(cotter_build INTERFACE -fsanitize=${COTTER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(cotter_build INTERFACE -fsanitize=${COTTER_SANITIZE})
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # _FORTIFY_SOURCE needs optimisation, so it belongs to this build type alone.
  target_compile_options(cotter_build INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                                                -fstack-clash-protection -fcf-protection)
  target_link_options(cotter_build INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed
                                             $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
endif()
