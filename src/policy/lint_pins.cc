// SPDX-License-Identifier: Apache-2.0
//
// Lint over the pins of one rule.
#include <algorithm>
#include <set>

#include "policy/lint_rules.h"

namespace cotter::policy {
namespace {

bool IsUsable(const PolicyPin& entry) { return entry.pin.use != PinUse::kRevoked; }

// PublicName is the public CA that a pin of the rule stands for, or null.
const PublicCa* PublicName(const Lookout& lookout, const PolicyPin& entry) {
  const bool may_be_ca = entry.pin.kind == PinKind::kSpki && entry.pin.place != PinPlace::kLeaf;
  return may_be_ca && IsUsable(entry) ? lookout.cas().Find(entry.pin.digest) : nullptr;
}

constexpr std::string_view kAddBackup =
    "make a key, keep it offline, and run: cotter policy add HOST --from-csr backup.csr --use "
    "backup";

}  // namespace

std::size_t UsablePins(const HostRule& rule) {
  std::set<Digest> digests;
  for (const PolicyPin& entry : rule.pins) {
    if (IsUsable(entry)) digests.insert(entry.pin.digest);
  }
  return digests.size();
}

void FindTooFewPins(Lookout& lookout, const HostRule& rule) {
  const std::size_t count = UsablePins(rule);
  if (rule.mode == Mode::kOff || count == 0) return;
  if (count == 1) {
    lookout.Add(Code::kSinglePin, &rule,
                "there is only one pin: when its key is lost or replaced, every client is locked "
                "out",
                std::string(kAddBackup));
  } else if (count == 2) {
    lookout.Add(Code::kFewPins, &rule,
                "there are only two different pins: after one rotation a single one is left",
                "add a third: another backup key, or the issuing CA with place = \"ca\"");
  }
}

void FindMissingBackup(Lookout& lookout, const HostRule& rule) {
  if (rule.mode == Mode::kOff || rule.pins.empty()) return;
  const bool has = std::ranges::any_of(rule.pins, [](const PolicyPin& entry) {
    return entry.pin.use == PinUse::kBackup || entry.pin.use == PinUse::kNext;
  });
  if (has) return;
  lookout.Add(Code::kNoBackupPin, &rule,
              "no pin has use = \"backup\" or \"next\": there is no key to change to",
              std::string(kAddBackup));
}

void FindCertPins(Lookout& lookout, const HostRule& rule) {
  for (const PolicyPin& entry : rule.pins) {
    if (entry.pin.kind != PinKind::kCert || !IsUsable(entry)) continue;
    lookout.Add(Code::kCertPin, &rule,
                FormatPin(entry.pin.digest) +
                    " is over a whole certificate and breaks at every renewal, even with the same "
                    "key",
                "pin the key: cotter policy add HOST --from-cert FILE, then take this one out");
  }
}

void FindLeafKeysOnly(Lookout& lookout, const HostRule& rule) {
  const bool leaf_only =
      !rule.pins.empty() && std::ranges::all_of(rule.pins, [](const PolicyPin& entry) {
        return entry.pin.place == PinPlace::kLeaf;
      });
  if (!leaf_only || rule.mode == Mode::kOff) return;
  lookout.Add(Code::kLeafKeyOnly, &rule,
              "every pin is for the leaf's key: the strictest choice, and every new key must go "
              "through this policy first",
              "renew with the same key, or add the issuing CA with place = \"ca\"");
}

void FindDuplicatePins(Lookout& lookout, const HostRule& rule) {
  std::set<Digest> seen;
  for (const PolicyPin& entry : rule.pins) {
    if (!IsUsable(entry) || seen.insert(entry.pin.digest).second) continue;
    lookout.Add(Code::kDuplicatePin, &rule, FormatPin(entry.pin.digest) + " is there twice",
                "remove one, and see whether a backup is missing");
  }
}

void FindBroadCas(Lookout& lookout, const HostRule& rule) {
  if (rule.mode == Mode::kOff || rule.require == Require::kLeafAndCa) return;
  for (const PolicyPin& entry : rule.pins) {
    const PublicCa* ca = PublicName(lookout, entry);
    if (ca == nullptr) continue;
    lookout.Add(Code::kBroadCaPin, &rule,
                FormatPin(entry.pin.digest) + " is the public root " + std::string(ca->name) +
                    ": whatever it issues for the host is accepted",
                "pin your own keys, or set require = \"leaf+ca\"");
  }
}

void FindLeavingCas(Lookout& lookout, const HostRule& rule) {
  if (rule.mode == Mode::kOff) return;
  const std::optional<Time> expires = ExpiryOf(lookout.policy(), rule);
  for (const PolicyPin& entry : rule.pins) {
    const PublicCa* ca = PublicName(lookout, entry);
    if (ca == nullptr) continue;
    const std::string name(ca->name);
    if (ca->leaving) {
      lookout.Add(Code::kCaLeaving, &rule,
                  name + " leaves the root programs: certificates issued after " +
                      FormatDate(*ca->leaving) + " are not trusted",
                  "pin the CA that you move to, ship that, then move, then remove this pin");
    }
    if (ca->not_after <= lookout.now()) {
      lookout.Add(Code::kCaEndsFirst, &rule,
                  name + " ended on " + FormatDate(ca->not_after) + ": its pin matches nothing",
                  "replace the pin by that of the CA's successor");
    } else if (expires && ca->not_after < *expires) {
      lookout.Add(Code::kCaEndsFirst, &rule,
                  "the pins are to hold until " + FormatDate(*expires) + ", but " + name +
                      " ends on " + FormatDate(ca->not_after),
                  "add the pin of the CA's successor, or set expires before that day");
    }
  }
}

}  // namespace cotter::policy
