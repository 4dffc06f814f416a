# SPDX-License-Identifier: Apache-2.0
#
# cmake -DFOLDER=docs/codes -DENDING=md -DTEMPLATE=FILE.cc.in -DOUTPUT=FILE.cc -P EmbedText.cmake writes FILE.cc from its
# template: @entries@ becomes {"NAME", "TEXT"}, lines, one for each file FOLDER/NAME.ENDING, sorted by name.
file(GLOB files ${FOLDER}/*.${ENDING})
list(SORT files)
set(entries "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND entries "    {\"${name}\", R\"text(${text})text\"},\n")
endforeach()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
