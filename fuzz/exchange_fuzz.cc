// SPDX-License-Identifier: Apache-2.0
//
// Target: Import of every format, and with it ParseXml, ParseBinaryXml, ReadPlist, ParseJson,
// ParseYaml, SourceCode and ZipFile. The first line of the input names the format.
// Property: what is imported is a sound policy whose TOML reads back as the same, and what that
// exports to JSON and Go imports again.
#include <string>

#include "formats/exchange.h"
#include "policy/policy_file.h"
#include "policy/policy_text.h"

namespace {

using namespace cotter;
using namespace cotter::formats;

void CheckRoundTrip(const Policy& policy, const char* name) {
  const Result<Exported> exported = Export(policy, *FindFormat(name), {});
  if (!exported) {
    COTTER_CHECK(exported.error().code == Code::kPinsMissing);
    return;
  }
  const InputFile file{"exported", AsBytes(exported->text)};
  COTTER_CHECK(Import({&file, 1}, FindFormat(name)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText({data, size});
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const Format* format = FindFormat(text.substr(0, line));
  const InputFile file{"api.example.com.pins", ByteView(data, size).subspan(line + 1)};
  static_cast<void>(Recognize({&file, 1}));
  if (format == nullptr || format->read == nullptr) return 0;
  const Result<ImportedPolicy> imported = Import({&file, 1}, format);
  if (!imported) {
    COTTER_CHECK(!imported.error().message.empty() && imported.error().code != Code::kInternal);
    return 0;
  }
  const std::string toml = policy::WritePolicy(imported->policy);
  const Result<Policy> back = policy::ReadPolicy(toml, "written");
  COTTER_CHECK(back.has_value() && policy::WritePolicy(*back) == toml);
  CheckRoundTrip(imported->policy, "json");
  CheckRoundTrip(imported->policy, "go");
  return 0;
}
