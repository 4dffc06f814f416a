// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/facts.h"

namespace cotter::probe {

std::string_view NameOf(TlsVersion version) noexcept {
  switch (version) {
    case TlsVersion::kSsl3:
      return "SSLv3";
    case TlsVersion::kTls10:
      return "TLSv1";
    case TlsVersion::kTls11:
      return "TLSv1.1";
    case TlsVersion::kTls12:
      return "TLSv1.2";
    case TlsVersion::kTls13:
      return "TLSv1.3";
  }
  return "";
}

std::string_view NameOf(Phase phase) noexcept {
  switch (phase) {
    case Phase::kResolve:
      return "resolve";
    case Phase::kConnect:
      return "connect";
    case Phase::kPreamble:
      return "preamble";
    case Phase::kHandshake:
      return "handshake";
    case Phase::kRequest:
      return "request";
  }
  return "";
}

std::string_view NameOf(StapleState state) noexcept {
  switch (state) {
    case StapleState::kNone:
      return "none";
    case StapleState::kGood:
      return "good";
    case StapleState::kRevoked:
      return "revoked";
    case StapleState::kUnknown:
      return "unknown";
    case StapleState::kInvalid:
      return "invalid";
  }
  return "";
}

std::string_view NameOf(Purpose purpose) noexcept {
  switch (purpose) {
    case Purpose::kUsual:
      return "usual";
    case Purpose::kOtherKey:
      return "other_key";
    case Purpose::kWithoutName:
      return "without_name";
    case Purpose::kResumption:
      return "resumption";
  }
  return "";
}

}  // namespace cotter::probe
