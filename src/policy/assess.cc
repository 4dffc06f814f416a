// SPDX-License-Identifier: Apache-2.0
#include "policy/assess.h"

#include <array>
#include <utility>

namespace cotter::policy {
namespace {

bool IsSensitive(DataClass data_class) {
  return data_class == DataClass::kFinancial || data_class == DataClass::kHealth;
}

Assessment DoNotPin(std::string reason, std::vector<std::string> instead) {
  instead.emplace_back("plain HTTPS with a short-lived certificate, and HSTS");
  instead.emplace_back(
      "CAA records that name your CA, and a watch on certificate transparency logs");
  return {Advice::kDoNotPin, {std::move(reason)}, {}, std::move(instead)};
}

// WhyNot is the first reason not to pin at all, in the order in which they weigh.
std::string WhyNot(const Situation& s) {
  if (s.client == ClientKind::kBrowser) {
    return "Browsers no longer honour pins: HPKP is dead, since sites locked themselves out.";
  }
  if (s.owns_server == Answer::kNo) {
    return "Somebody else chooses the server's keys and will change them without asking you.";
  }
  if (s.controls_clients == Answer::kNo) {
    return "You cannot ship these clients a new pin set, so the first rotation locks them out.";
  }
  if (!IsSensitive(s.data_class) && s.targeted == Answer::kNo) {
    return "For data of this class HTTPS is sufficient; an outage is likelier than the attack.";
  }
  if (s.rotation == Rotation::kUnpredictable && s.response == Response::kWeeks) {
    return "Keys change without notice and clients need weeks: every rotation would be an outage.";
  }
  return {};
}

void AddPins(const Situation& s, Assessment& out) {
  const bool leaf = s.rotation == Rotation::kPredictable;
  if (leaf) {
    out.pins.emplace_back(
        "the server's own key, place = \"leaf\": the narrowest pin, and you know when it changes");
    out.pins.emplace_back(
        "a backup key that is kept offline, use = \"backup\": what you change to when the first is "
        "lost");
    out.reasons.emplace_back("You know before a key changes, so your own keys can be pinned.");
  } else {
    out.pins.emplace_back(
        "the issuing CA's key, place = \"ca\": it stays when the server's key changes");
    out.pins.emplace_back(
        "a second CA's key, place = \"ca\", use = \"backup\": so that you can leave the first");
    out.reasons.emplace_back(
        "Keys change without notice, so only CAs can be pinned; that keeps other CAs out and no "
        "more.");
  }
  if (s.response != Response::kHours || s.outage == OutageCost::kHigh) {
    out.pins.emplace_back(leaf ? "the issuing CA's key, place = \"ca\": a way back when both keys "
                                 "are lost"
                               : "a backup key of your own: a way back when both CAs are gone");
  }
}

}  // namespace

std::string_view NameOf(Advice advice) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"do_not_pin", "report_first", "pin"};
  return kNames[static_cast<std::size_t>(advice)];
}

Assessment Assess(const Situation& s) {
  if (std::string why = WhyNot(s); !why.empty()) {
    std::vector<std::string> instead;
    if (s.owns_server == Answer::kNo && s.client != ClientKind::kBrowser) {
      instead.emplace_back("an agreement in which the other side tells you of new keys in advance");
    }
    if (IsSensitive(s.data_class)) {
      instead.emplace_back("client certificates, or encryption of the payload itself");
    }
    return DoNotPin(std::move(why), std::move(instead));
  }
  Assessment out{Advice::kPin, {}, {}, {}};
  out.reasons.emplace_back(
      IsSensitive(s.data_class)
          ? "Health and payment data are worth the cost, and PCI DSS and HIPAA "
            "reviews ask for it."
          : "Targeted users are worth the cost: a rogue CA is aimed at them.");
  AddPins(s, out);
  if (s.response == Response::kWeeks || s.outage == OutageCost::kHigh) {
    out.advice = Advice::kReportFirst;
    out.reasons.emplace_back(
        "A mistake would last or cost much, so begin with mode = \"report\", and enforce when the "
        "reports are quiet.");
  }
  out.instead.emplace_back("beside the pins: CAA records and a watch on certificate transparency");
  return out;
}

}  // namespace cotter::policy
