// SPDX-License-Identifier: Apache-2.0
//
// The words of the policy language and what they stand for, for the reader and the writer alike.
// Constant data.
#pragma once

#include <cstddef>
#include <string_view>

#include "policy/table_reader.h"
#include <cotter/policy.h>

namespace cotter::policy {

inline constexpr Word<Unlisted> kUnlistedWords[] = {{"pki", Unlisted::kPki},
                                                    {"refuse", Unlisted::kRefuse}};
inline constexpr Word<Mode> kModeWords[] = {
    {"enforce", Mode::kEnforce}, {"report", Mode::kReport}, {"off", Mode::kOff}};
inline constexpr Word<Require> kRequireWords[] = {{"any", Require::kAny},
                                                  {"leaf+ca", Require::kLeafAndCa}};
inline constexpr Word<LocalAnchors> kLocalAnchorsWords[] = {{"enforce", LocalAnchors::kEnforce},
                                                            {"refuse", LocalAnchors::kRefuse}};
inline constexpr Word<OnExpiry> kOnExpiryWords[] = {
    {"enforce", OnExpiry::kEnforce}, {"report", OnExpiry::kReport}, {"pki", OnExpiry::kPki}};
inline constexpr Word<PinKind> kKindWords[] = {{"spki", PinKind::kSpki}, {"cert", PinKind::kCert}};
inline constexpr Word<PinPlace> kPlaceWords[] = {
    {"any", PinPlace::kAny}, {"leaf", PinPlace::kLeaf}, {"ca", PinPlace::kCa}};
inline constexpr Word<PinUse> kUseWords[] = {{"active", PinUse::kActive},
                                             {"backup", PinUse::kBackup},
                                             {"next", PinUse::kNext},
                                             {"retiring", PinUse::kRetiring},
                                             {"revoked", PinUse::kRevoked}};
inline constexpr Word<std::string_view> kEnvironmentWords[] = {
    {"development", "development"}, {"staging", "staging"}, {"production", "production"}};
inline constexpr Word<DataClass> kDataClassWords[] = {{"public", DataClass::kPublic},
                                                      {"internal", DataClass::kInternal},
                                                      {"personal", DataClass::kPersonal},
                                                      {"financial", DataClass::kFinancial},
                                                      {"health", DataClass::kHealth}};
inline constexpr Word<Exposure> kExposureWords[] = {{"public", Exposure::kPublic},
                                                    {"partner", Exposure::kPartner},
                                                    {"vpn", Exposure::kVpn},
                                                    {"internal", Exposure::kInternal}};

inline constexpr Word<EmergencyKind> kEmergencyWords[] = {{"suspend", EmergencyKind::kSuspend},
                                                          {"revoke", EmergencyKind::kRevoke},
                                                          {"add_pin", EmergencyKind::kAddPin}};

// WordFor is the word of `value`. Static storage.
template <typename T, std::size_t N>
[[nodiscard]] constexpr std::string_view WordFor(const Word<T> (&words)[N], T value) {
  for (const Word<T>& word : words) {
    if (word.value == value) return word.text;
  }
  return {};
}

// ValueFor is the value of `text`, or null.
template <typename T, std::size_t N>
[[nodiscard]] constexpr const T* ValueFor(const Word<T> (&words)[N], std::string_view text) {
  for (const Word<T>& word : words) {
    if (word.text == text) return &word.value;
  }
  return nullptr;
}

}  // namespace cotter::policy
