// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/http_facts.h"

#include <string>

#include "probe/small_http.h"

namespace cotter::probe {
namespace {

std::string Cut(std::string_view value) { return std::string(value.substr(0, kMaxFieldKept)); }

void KeepFirst(std::optional<std::string>& field, std::string_view value) {
  if (!field) field = Cut(value);
}

}  // namespace

std::optional<HttpFacts> ReadHttpFacts(std::string_view answer) {
  const std::optional<int> status = ParseStatus(answer);
  if (!status) return std::nullopt;
  HttpFacts facts;
  facts.status = *status;
  EachField(answer, [&facts](std::string_view name, std::string_view value) {
    if (IsField(name, "server")) {
      facts.server = Cut(value);
    } else if (IsField(name, "location")) {
      facts.location = Cut(value);
    } else if (IsField(name, "date")) {
      if (const Result<Time> date = ParseHttpDate(value)) facts.date = *date;
    } else if (IsField(name, "strict-transport-security")) {
      KeepFirst(facts.hsts, value);
    } else if (IsField(name, "public-key-pins")) {
      KeepFirst(facts.hpkp, value);
    } else if (IsField(name, "public-key-pins-report-only")) {
      KeepFirst(facts.hpkp_report_only, value);
    }
  });
  return facts;
}

}  // namespace cotter::probe
