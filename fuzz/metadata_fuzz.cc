// SPDX-License-Identifier: Apache-2.0
//
// Target: ParseJson, and the readers of the four roles behind it.
// Property: what was read and written has the same canonical form when it is read again; a role is
// read from what was written just as from the input; searches for delegations end.
#include <string>
#include <string_view>

#include "update/metadata.h"

namespace {

using namespace cotter;

// Reread is the file with its signatures dropped and its signed part written by us.
template <typename Role>
void ExpectSame(const Result<Role>& role, Result<Role> (*read)(std::string_view)) {
  if (!role) {
    COTTER_CHECK(role.error().code == Code::kMetadataMalformed);
    return;
  }
  const std::string file = R"({"signatures":[],"signed":)" + update::WriteJson(role->body) + "}";
  const Result<Role> again = read(file);
  COTTER_CHECK(again && again->signed_bytes == role->signed_bytes &&
               again->version == role->version && again->expires == role->expires);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  const Result<update::JsonValue> value = update::ParseJson(text);
  if (!value) return 0;
  const Result<update::JsonValue> again = update::ParseJson(update::WriteJson(*value));
  COTTER_CHECK(again && update::CanonicalJson(*again) == update::CanonicalJson(*value));
  ExpectSame(update::ReadRoot(text), update::ReadRoot);
  ExpectSame(update::ReadTimestamp(text), update::ReadTimestamp);
  ExpectSame(update::ReadSnapshot(text), update::ReadSnapshot);
  const Result<update::Targets> targets = update::ReadTargets(text);
  ExpectSame(targets, update::ReadTargets);
  if (targets) static_cast<void>(update::DelegatedTo(*targets, "a/path"));
  return 0;
}
