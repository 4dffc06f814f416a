// SPDX-License-Identifier: Apache-2.0
//
// The plan of an export: a policy cut down to what one format can say, and every cut as a Loss. All
// writers of src/formats/stacks start from it, so that the same loss is judged and worded once.
// Pure; the plan borrows from the policy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/exchange.h"
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::formats {

// How a format names hosts, and which of several matching entries decides.
enum class Hosts : std::uint8_t {
  kPatterns,       // as a policy does: exact, *. and **., the most specific one alone
  kUnion,          // exact, *. and **., but the pins of all that match are added up
  kUnionOneLabel,  // the same without **.
  kSuffix,         // a name, with or without all below it; the longest one alone
  kNames,          // names alone
};

// Where a format looks for a pin.
enum class Places : std::uint8_t {
  kTold,      // each pin has its place
  kAnywhere,  // anywhere in the verified path
  kLeafOnly,  // in the leaf alone
};

// Speech is what a format can say. What is false is lost and told.
struct Speech {
  Hosts hosts = Hosts::kPatterns;
  Places places = Places::kTold;
  bool exclusions = false;     // a host that a wider entry covers can be left out
  bool report = false;         // mode = "report"
  bool expiry = false;         // a date after which pins no longer take part
  bool ports = false;          // rules for some ports
  bool leaf_and_ca = false;    // require = "leaf+ca"
  bool cert_pins = false;      // pins of whole certificates
  bool revoked = false;        // keys that must not appear in a path
  bool unlisted = false;       // unlisted = "refuse"
  bool local_anchors = false;  // local_anchors = "refuse"
  bool facts = false;          // uses and labels of pins
};

// PlanRule is one entry to write. Its pins are usable, each once, in the policy's order.
struct PlanRule {
  HostPattern pattern;              // Hosts::kSuffix: always exact, the name
  bool include_subdomains = false;  // Hosts::kSuffix alone
  Mode mode = Mode::kEnforce;       // kOff only where the format has exclusions
  Require require = Require::kAny;
  std::vector<std::uint16_t> ports{};
  std::vector<PolicyPin> pins{};
  std::optional<Time> expires{};     // where pins end then; absent where they hold for ever
  const HostRule* source = nullptr;  // the first rule that it comes from
};

// Plan is the entries in the order of the policy, and what was lost on the way.
struct Plan {
  std::vector<PlanRule> rules;
  std::vector<Digest> revoked;  // where the format can say it; ascending
  std::vector<Loss> losses;

  // Lose records a loss of a rule; "" is the whole policy.
  void Lose(std::string rule, Severity severity, std::string what);

  // LeaveOut records that `rule` is not written, and what that means.
  void LeaveOut(const std::string& rule, const std::string& why);
};

// MakePlan cuts `policy` down to `speech`, and to the rule of options.host where that is given.
// Fails with kPinsMissing where no entry with pins remains.
[[nodiscard]] Result<Plan> MakePlan(const Policy& policy, const Speech& speech,
                                    const ExportOptions& options);

// FitPatterns brings the patterns of the plan's rules to what `hosts` can say: the second half of
// MakePlan.
void FitPatterns(Plan& plan, const Speech& speech);

// PinComment is what people should know of a pin ("backup, in the safe"), printable ASCII and
// without anything that ends a comment in any language. May be empty.
[[nodiscard]] std::string PinComment(const PolicyPin& pin);

// CommentBlock is the provenance of an export, each line behind `mark`.
[[nodiscard]] std::string CommentBlock(const Policy& policy, const ExportOptions& options,
                                       std::string_view format, std::string_view mark);

}  // namespace cotter::formats
