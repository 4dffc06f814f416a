// SPDX-License-Identifier: Apache-2.0
#include "cli/pin_list.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/sha256.h"
#include "cli/safe_text.h"
#include "cli/wrap.h"
#include "formats/claims.h"
#include <cotter/certificate.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;

std::optional<Time> ValueOf(const Result<Time>& time) {
  return time ? std::optional<Time>(*time) : std::nullopt;
}

// AppendPin appends the line of one pin: role, subject and end date follow, each behind two spaces.
// A terminal gets on a second line what would break in the middle of a word; everybody else gets
// one line a pin.
void AppendPin(std::string& text, const PinList& list, const ListedPin& pin, Medium medium) {
  std::string line = "  " + FormatPin(pin.spki);
  line += list.kind == "server" && !list.verified ? "  unverified " : "  ";
  line += pin.role;
  std::string rest;
  if (!pin.subject.empty()) rest += "  " + SafeText(pin.subject);
  if (pin.not_after) rest.append("  until ").append(FormatDate(*pin.not_after));
  const bool breaks = medium == Medium::kTerminal && line.size() + rest.size() > kTextWidth;
  text.append(line).append(breaks && !rest.empty() ? "\n    " : "").append(rest).append("\n");
}

// AppendText appends one list; its target only where it is not that of the list before.
void AppendText(std::string& text, const PinList& list, const PinList* before, PinForm form,
                Medium medium) {
  if (before == nullptr || before->target != list.target) {
    AppendSafe(text, list.target);
    text += '\n';
  }
  for (const ListedPin& pin : list.pins) {
    if (form == PinForm::kText) {
      AppendPin(text, list, pin, medium);
    } else {
      text.append("  ").append(FormatPin(pin.spki)).append("\n");
    }
  }
}

json::value TimeOrNull(const std::optional<Time>& time) {
  return time ? json::value(FormatTime(*time)) : json::value(nullptr);
}

// The kinds of the list stand in `role` of what is not a certificate, and no role does.
json::object PinJson(const PinList& list, const ListedPin& pin) {
  const bool has_role = list.kind == "server" || list.kind == "certificate";
  return {{"role", has_role ? pin.role : std::string_view("unknown")},
          {"subject", pin.subject},
          {"spki", FormatPin(pin.spki)},
          {"cert", pin.cert ? json::value(FormatPin(*pin.cert)) : json::value(nullptr)},
          {"not_before", TimeOrNull(pin.not_before)},
          {"not_after", TimeOrNull(pin.not_after)}};
}

json::object ListJson(const PinList& list) {
  json::value error = nullptr;
  json::array certificates;
  if (list.error) {
    error = {{"code", NameOf(list.error->code)}, {"message", list.error->message}};
  }
  for (const ListedPin& pin : list.pins) certificates.push_back(PinJson(list, pin));
  return {{"target", list.target},
          {"kind", list.kind.empty() ? json::value(nullptr) : json::value(list.kind)},
          {"verified", list.verified},
          {"error", std::move(error)},
          {"certificates", std::move(certificates)}};
}

}  // namespace

Result<ListedPin> DescribeCertificate(ByteView der, std::string_view role, PinForm form) {
  const Result<CertificateView> view = CertificateView::Parse(der);
  if (!view) return view.error();
  ListedPin pin;
  pin.spki = base::Sha256(view->spki());
  if (form == PinForm::kBare || form == PinForm::kPlain) return pin;
  pin.role = role.empty() ? formats::NameOf(formats::RoleOf(*view)) : role;
  pin.subject = FormatName(view->subject());
  pin.not_after = ValueOf(view->not_after());
  if (form == PinForm::kText) return pin;
  pin.not_before = ValueOf(view->not_before());
  pin.cert = base::Sha256(der);
  return pin;
}

void PrintPinLists(Output& output, std::span<const PinList> lists, PinForm form) {
  if (form == PinForm::kJson) {
    json::array targets;
    for (const PinList& list : lists) targets.push_back(ListJson(list));
    return output.Json({{"targets", std::move(targets)}});
  }
  std::string text;
  const PinList* before = nullptr;
  for (const PinList& list : lists) {
    if (list.pins.empty()) continue;
    if (form != PinForm::kBare) {
      AppendText(text, list, before, form, output.medium());
      before = &list;
      continue;
    }
    for (const ListedPin& pin : list.pins) text.append(FormatPinBase64(pin.spki)).append("\n");
  }
  output.Text(text);
}

}  // namespace cotter::cli
