// SPDX-License-Identifier: Apache-2.0
//
// Target: Import of every format, and with it ParseXml, ParseBinaryXml, ReadPlist, ParseJson,
// ParseYaml, SourceCode and ZipFile. The first line of the input names the format; inputs of other
// formats are passed over where the environment's COTTER_FUZZ_FORMAT names one.
// Property: what is imported is a sound policy whose TOML reads back as the same, and what that
// exports to JSON and Go imports again.
#include <cstdlib>
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

const Format* OnlyFormat() {
  const char* name = std::getenv("COTTER_FUZZ_FORMAT");
  if (name == nullptr) return nullptr;
  const Format* format = FindFormat(name);
  COTTER_CHECK(format != nullptr);
  return format;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText({data, size});
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const Format* format = FindFormat(text.substr(0, line));
  static const Format* const only = OnlyFormat();
  if (only != nullptr && format != only) return 0;
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
