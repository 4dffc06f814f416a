// SPDX-License-Identifier: Apache-2.0
#include "report/report_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/utf8.h"

namespace cotter::report {
namespace {

namespace json = boost::json;

// Valid is `text` with everything that is not UTF-8 replaced: a URL may hold any byte.
json::string Valid(std::string_view text) {
  json::string valid;
  while (!text.empty()) {
    const std::size_t bad = base::InvalidUtf8(text);
    valid += text.substr(0, bad);
    if (bad == std::string_view::npos) break;
    valid += "\xef\xbf\xbd";
    text.remove_prefix(bad + 1);
  }
  return valid;
}

json::array PinArray(std::span<const Digest> pins) {
  json::array array;
  for (const Digest& pin : pins) array.emplace_back(FormatPin(pin));
  return array;
}

json::object RequestObject(const Request& request, UrlDetail detail) {
  json::object headers;
  for (const Header& header : request.headers) headers[Valid(header.name)] = Valid(header.value);
  const std::string url = detail == UrlDetail::kPath ? request.url : OriginOf(request.url);
  return {{"method", Valid(request.method)}, {"url", Valid(url)}, {"headers", headers}};
}

}  // namespace

std::string FileLine(const ViolationEvent& event, UrlDetail detail) {
  json::array reasons;
  for (const Reason reason : event.reasons.List()) reasons.emplace_back(NameOf(CodeOf(reason)));
  json::object line{{"time", FormatTime(event.time)},     {"event", "violation"},
                    {"host", Valid(event.host)},          {"port", event.port},
                    {"outcome", NameOf(event.outcome)},   {"code", nullptr},
                    {"reasons", std::move(reasons)},      {"found", PinArray(event.found)},
                    {"message", Valid(event.message)},    {"rule", Valid(event.pattern)},
                    {"policy", Valid(event.policy_name)}, {"policy_version", event.policy_version},
                    {"peer", Valid(event.peer)}};
  if (event.code) line["code"] = NameOf(*event.code);
  if (event.suspended_until) {
    line["suspended"] = {{"statement", Valid(event.suspension)},
                         {"until", FormatTime(*event.suspended_until)}};
  }
  if (event.request) line["request"] = RequestObject(*event.request, detail);
  return json::serialize(line);
}

}  // namespace cotter::report
