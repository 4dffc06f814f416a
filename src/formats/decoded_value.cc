// SPDX-License-Identifier: Apache-2.0
#include "formats/decoded_value.h"

#include <algorithm>

namespace cotter::formats {

const DecodedValue* FindField(const DecodedValue& value, std::string_view name) noexcept {
  const auto* record = std::get_if<DecodedRecord>(&value.value);
  if (record == nullptr) return nullptr;
  const auto found = std::ranges::find(*record, name, &DecodedRecord::value_type::first);
  return found == record->end() ? nullptr : &found->second;
}

}  // namespace cotter::formats
