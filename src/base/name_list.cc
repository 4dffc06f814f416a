// SPDX-License-Identifier: Apache-2.0
#include "base/name_list.h"

#include <algorithm>

namespace cotter::base {

std::string NameList(std::span<const std::string> names, std::size_t most) {
  std::string list;
  for (const std::string& name : names.first(std::min(names.size(), most))) {
    list += (list.empty() ? "" : ", ") + name;
  }
  if (names.size() > most) list += ", …";
  return list;
}

}  // namespace cotter::base
