// SPDX-License-Identifier: Apache-2.0
#include "report/https_url.h"

#include "base/idna.h"
#include <cotter/host.h>
#include <cotter/report.h>

namespace cotter::report {

Result<std::string> HttpsHost(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  const std::string origin = OriginOf(url);
  std::string_view authority = origin;
  if (!authority.starts_with(kScheme)) {
    return Error{Code::kUsage, "a report or webhook needs an https URL"};
  }
  authority.remove_prefix(kScheme.size());
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.back() != ']') {
    authority = authority.substr(0, colon);
  }
  const Result<HostName> host = HostName::Parse(authority, &base::Idna());
  if (!host) return Error{Code::kUsage, "the URL of a report or webhook names no host"};
  return std::string(host->text());
}

}  // namespace cotter::report
