// SPDX-License-Identifier: Apache-2.0
#include "cli/losses.h"

#include <algorithm>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/nearest.h"
#include "base/output_file.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/report.h"

namespace cotter::cli {
namespace {

boost::json::array Json(std::span<const formats::Loss> losses) {
  boost::json::array list;
  for (const formats::Loss& loss : losses) {
    boost::json::object entry{{"rule", nullptr},
                              {"severity", formats::NameOf(loss.severity)},
                              {"line", nullptr},
                              {"message", loss.what}};
    if (!loss.rule.empty()) entry["rule"] = loss.rule;
    if (loss.line != 0) entry["line"] = loss.line;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

std::string LossText(const formats::Loss& loss) {
  std::string text(formats::NameOf(loss.severity));
  if (loss.line != 0) text += ": line " + std::to_string(loss.line);
  if (!loss.rule.empty()) text += ": " + loss.rule;
  return text + ": " + loss.what;
}

void ReportLosses(std::span<const formats::Loss> losses) {
  for (const formats::Loss& loss : losses) ReportWarning("loss: " + LossText(loss));
}

Exit RefuseLosses(Call call, std::span<const formats::Loss> losses) {
  if (!call.arguments.Has("strict")) return Exit::kSatisfied;
  const auto lost =
      std::ranges::find(losses, formats::Severity::kEnforcement, &formats::Loss::severity);
  if (lost == losses.end()) return Exit::kSatisfied;
  if (call.arguments.Has("json")) ReportLosses(losses);
  ReportError(std::string(call.arguments.command().name),
              Error{Code::kEnforcementLost, "--strict: nothing is written: " + LossText(*lost)});
  return Exit::kViolated;
}

Exit Deliver(Call call, std::string_view format, std::string_view text,
             std::span<const formats::Loss> losses, const boost::json::object& extra) {
  if (const auto path = call.arguments.Value("output")) {
    const Result<void> written = base::WriteOutputFile(std::string(*path), AsBytes(text));
    if (!written) {
      ReportError("", written.error());
      return Exit::kUsage;
    }
  }
  if (call.arguments.Has("json")) {
    boost::json::object object{{"format", format}, {"text", text}, {"losses", Json(losses)}};
    for (const auto& member : extra) object[member.key()] = member.value();
    call.output.Json(std::move(object));
  } else if (!call.arguments.Has("output")) {
    call.output.Text(text);
  }
  return Exit::kSatisfied;
}

Exit UnknownFormat(std::string_view command, std::string_view name, FormatUse use) {
  std::vector<std::string_view> names;
  std::string list;
  for (const formats::Format* format : formats::AllFormats()) {
    const bool fits = use == FormatUse::kWrite ? format->write != nullptr : format->read != nullptr;
    if (!fits) continue;
    names.push_back(format->name);
    list += (list.empty() ? "" : ", ") + std::string(format->name);
  }
  const auto nearest = base::Nearest(name, names);
  ReportError(std::string(command) + ": unknown format '" + std::string(name) + "'");
  ReportHint(nearest ? "did you mean " + std::string(*nearest) + "?" : "the formats are " + list);
  return Exit::kUsage;
}

}  // namespace cotter::cli
