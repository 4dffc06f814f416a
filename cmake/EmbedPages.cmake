# SPDX-License-Identifier: Apache-2.0
#
# cmake -DFOLDER=docs/codes -DOUTPUT=FILE.cc -P EmbedPages.cmake writes the pages of a folder as C++ that defines
# FindPageSource (src/cli/code_pages.h).
file(GLOB pages ${FOLDER}/*.md)
list(SORT pages)
set(entries "")
foreach(page ${pages})
  get_filename_component(name ${page} NAME_WE)
  file(READ ${page} text)
  string(APPEND entries "    {\"${name}\", R\"page(${text})page\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// SPDX-License-Identifier: Apache-2.0
//
// Made by cmake/EmbedPages.cmake.
#include \"cli/code_pages.h\"

namespace cotter::cli {

const PageSource* FindPageSource(std::string_view name) noexcept {
  static constexpr PageSource kPages[] = {
${entries}  };
  for (const PageSource& page : kPages) {
    if (page.name == name) return &page;
  }
  return nullptr;
}

}  // namespace cotter::cli
")
