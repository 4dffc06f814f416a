# SPDX-License-Identifier: Apache-2.0
#
# cmake -DFOLDER=data -DOUTPUT=FILE.cc -P EmbedText.cmake writes the .txt files of a folder as C++ that defines
# policy::DataText (src/policy/known_names.h).
file(GLOB files ${FOLDER}/*.txt)
list(SORT files)
set(entries "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND entries "  if (name == \"${name}\") return R\"data(${text})data\";\n")
endforeach()
file(WRITE ${OUTPUT} "// SPDX-License-Identifier: Apache-2.0
//
// Made by cmake/EmbedText.cmake.
#include \"policy/known_names.h\"

namespace cotter::policy {

std::string_view DataText(std::string_view name) noexcept {
${entries}  return {};
}

}  // namespace cotter::policy
")
