// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <cotter/code.h>

namespace cotter {
namespace {

// The summaries repeat the comments of the header in the words that `cotter explain --list` prints.
constexpr CodeInfo kCodes[] = {
    {Code::kInternal, "internal", "a bug in cotter: please report it"},
    {Code::kUsage, "usage", "the command line is not understood"},
    {Code::kFileUnreadable, "file_unreadable",
     "a file, directory or standard input could not be read"},
    {Code::kFileTooLarge, "file_too_large", "an input is longer than its documented limit"},
    {Code::kInputUnknown, "input_unknown",
     "an input holds no certificate, request or key in a form that is known"},
    {Code::kPemMalformed, "pem_malformed",
     "a PEM block is broken: bad base64, or BEGIN without END"},
    {Code::kDerMalformed, "der_malformed",
     "bytes are not strict DER, or not the structure that was expected"},
    {Code::kKeyEncrypted, "key_encrypted",
     "a private key is encrypted, and its pin needs the public half"},
    {Code::kKeyUnsupported, "key_unsupported", "the TLS library does not know this kind of key"},
    {Code::kHostInvalid, "host_invalid", "a reference host is not a host name or an IP address"},
    {Code::kPatternInvalid, "pattern_invalid",
     "a host pattern is not NAME, *.NAME, **.NAME or an IP address"},
    {Code::kPortInvalid, "port_invalid", "a port is not a number from 1 to 65535"},
    {Code::kTimeInvalid, "time_invalid", "a date or date-time is not RFC 3339"},
    {Code::kPinMalformed, "pin_malformed", "a pin is in none of the known spellings"},
    {Code::kPinWrongLength, "pin_wrong_length", "a pin is not the 32 bytes of a SHA-256"},
    {Code::kPinPlaceholder, "pin_placeholder", "a pin is an example value, as AAAA...="},
    {Code::kPinEmptyInput, "pin_empty_input",
     "a pin is the SHA-256 of nothing: a broken pipeline made it"},
    {Code::kPolicyInvalid, "policy_invalid", "a policy breaks a rule of its language"},
    {Code::kPolicyUnknownKey, "policy_unknown_key",
     "a policy holds a key that the language does not know"},
    {Code::kPolicyDuplicate, "policy_duplicate", "two rules have one (pattern, port)"},
    {Code::kPolicyNoUsablePin, "policy_no_usable_pin",
     "a rule that enforces has no pin that could ever match"},
    {Code::kPolicyTooLarge, "policy_too_large", "a policy is over its limits"},
    {Code::kPolicySyntax, "policy_syntax", "a policy file is not TOML or not JSON"},
    {Code::kWrongEnvironment, "wrong_environment",
     "a policy is for another environment than this client's"},
    {Code::kPolicyRollback, "policy_rollback",
     "a policy differs from the one in force and has no higher version"},
    {Code::kInspectionOutsideDevelopment, "inspection_outside_development",
     "a policy that is not for development lets a CA inspect TLS"},
    {Code::kFormatUnknown, "format_unknown", "a file is no pinning configuration that is known"},
    {Code::kFormatMalformed, "format_malformed",
     "a foreign configuration breaks the rules of its format"},
    {Code::kPinsMissing, "pins_missing",
     "a foreign configuration holds no usable pin, or nothing of a policy can be exported"},
    {Code::kEnforcementLost, "enforcement_lost",
     "--strict: the format cannot say what the policy enforces"},
    {Code::kCacheInvalid, "cache_invalid",
     "a compiled policy is damaged, or made by another version"},
    {Code::kTrustStoreEmpty, "trust_store_empty",
     "no trusted root was found, so nothing could ever verify"},
    {Code::kPinMismatch, "pin_mismatch",
     "the verified path carries no pinned key: somebody else answered, or the key changed"},
    {Code::kBackupPinMatched, "backup_pin_matched",
     "the pin that matched is a backup: the active key is no longer the one served"},
    {Code::kRetiringPinMatched, "retiring_pin_matched", "the pin that matched is being retired"},
    {Code::kReported, "reported", "a mismatch on a rule in report mode: told, and let through"},
    {Code::kNotPinned, "not_pinned", "PKI is sound and no rule applies"},
    {Code::kRuleOff, "rule_off", "the rule that applies has mode = \"off\""},
    {Code::kRevoked, "revoked", "every path that would do holds a revoked key"},
    {Code::kUnlistedRefused, "unlisted_refused",
     "no rule applies, and the policy refuses unlisted hosts"},
    {Code::kPortRefused, "port_refused", "the host is ruled, but only on other ports"},
    {Code::kSearchBound, "search_bound",
     "more candidate paths than the limit: undecided, so refused"},
    {Code::kPolicyExpired, "policy_expired", "the rule, or the whole policy, is past its expiry"},
    {Code::kLocalAnchorRefused, "local_anchor_refused",
     "the path ends at a locally added root, and the rule wants public roots only"},
    {Code::kInspectionCa, "inspection_ca",
     "no pin matched, but the path goes through a CA that may inspect in development"},
    {Code::kNoVerifiedPath, "no_verified_path",
     "there was no verified path to hold the pins against"},
    {Code::kPkiError, "pki_error",
     "the chain does not verify, for a reason without a code of its own"},
    {Code::kCertExpired, "cert_expired", "a certificate of the path is past its notAfter"},
    {Code::kCertNotYetValid, "cert_not_yet_valid",
     "a certificate of the path is before its notBefore"},
    {Code::kHostMismatch, "host_mismatch", "the certificate is not for the reference host"},
    {Code::kIssuerUnknown, "issuer_unknown", "no path leads from the certificate to an anchor"},
    {Code::kSelfSigned, "self_signed", "the certificate is self-signed and not an anchor"},
    {Code::kSignatureInvalid, "signature_invalid", "a signature in the chain does not verify"},
    {Code::kCaInvalid, "ca_invalid", "a certificate used as a CA is not one"},
    {Code::kPathLengthExceeded, "path_length_exceeded", "a CA's pathLenConstraint is exceeded"},
    {Code::kNameConstraint, "name_constraint", "a name is outside a CA's name constraints"},
    {Code::kPurposeInvalid, "purpose_invalid", "a certificate is not for TLS servers"},
    {Code::kKeyTooWeak, "key_too_weak", "a key or signature is below the security level"},
    {Code::kUnknownCriticalExtension, "unknown_critical_extension",
     "a critical extension is not understood"},
    {Code::kProfileViolation, "profile_violation",
     "a certificate breaks a MUST of RFC 5280 that the TLS library lets pass"},
    {Code::kChainTooLong, "chain_too_long", "more certificates than the limit were sent"},
    {Code::kNetworkError, "network_error",
     "the connection failed, for a reason without a code of its own"},
    {Code::kDnsFailed, "dns_failed", "the name has no address, or could not be resolved"},
    {Code::kConnectRefused, "connect_refused", "nothing listens there"},
    {Code::kConnectTimeout, "connect_timeout", "no answer in time"},
    {Code::kConnectionClosed, "connection_closed", "the peer closed or reset before it was done"},
    {Code::kNotTls, "not_tls", "the peer does not speak TLS there"},
    {Code::kTlsFailed, "tls_failed",
     "the handshake failed for a reason other than the certificate"},
    {Code::kStarttlsRefused, "starttls_refused",
     "the server offers no STARTTLS, or answers it wrongly"},
    {Code::kProxyFailed, "proxy_failed", "the proxy did not open a tunnel"},
    {Code::kUrlInvalid, "url_invalid", "a URL is not http or https, or cannot be read"},
    {Code::kCleartextRefused, "cleartext_refused", "a pinned host was asked for without TLS"},
    {Code::kRedirectRefused, "redirect_refused",
     "a redirect leads from https to http, nowhere, or on and on"},
    {Code::kRequestTimeout, "request_timeout", "a request as a whole took longer than it may"},
    {Code::kBodyTooLarge, "body_too_large", "a response is longer than its limit"},
    {Code::kHttpFailed, "http_failed", "the server's answer is not HTTP, or breaks its rules"},
    {Code::kCancelled, "cancelled", "the program ended the request itself"},
    {Code::kFipsUnavailable, "fips_unavailable",
     "FIPS was asked for, and OpenSSL does not run on its FIPS provider"},
    {Code::kSinglePin, "single_pin", "a rule has fewer than two different pins"},
    {Code::kFewPins, "few_pins", "a rule has fewer than three different pins"},
    {Code::kNoBackupPin, "no_backup_pin", "a rule has no pin for a key in reserve"},
    {Code::kBackupServed, "backup_served",
     "a backup pin is the key of a certificate that the server sends today"},
    {Code::kCertPin, "cert_pin", "a pin is over a whole certificate and breaks at every renewal"},
    {Code::kLeafKeyOnly, "leaf_key_only", "every pin of a rule is for the leaf's key alone"},
    {Code::kDuplicatePin, "duplicate_pin", "a rule has the same pin twice"},
    {Code::kUnreachableRule, "unreachable_rule", "a rule can never have an effect"},
    {Code::kPublicSuffixWildcard, "public_suffix_wildcard", "a wildcard covers a public suffix"},
    {Code::kThirdPartyHost, "third_party_host", "a rule pins hosts of a CDN or another company"},
    {Code::kBroadCaPin, "broad_ca_pin",
     "a pin is that of a public CA, which anybody can get certificates from"},
    {Code::kWideWildcard, "wide_wildcard", "a rule covers every depth below a domain"},
    {Code::kCaLeaving, "ca_leaving", "a pinned CA is leaving the root programs or has left them"},
    {Code::kCaEndsFirst, "ca_ends_first",
     "a rule's pins are to hold longer than a pinned CA's own certificate"},
    {Code::kPkiOnExpiry, "pki_on_expiry", "pins of a production rule end silently at their expiry"},
    {Code::kPinsExpired, "pins_expired", "a rule or the policy is past its expiry"},
    {Code::kExpirySoon, "expiry_soon", "a rule or the policy expires within its lead time"},
    {Code::kExpiryMissing, "expiry_missing", "neither a rule nor its policy has an expiry"},
    {Code::kReviewOverdue, "review_overdue", "the date of a review has passed"},
    {Code::kReviewMissing, "review_missing", "a rule has no date for its next review"},
    {Code::kSecretInFile, "secret_in_file", "a policy file holds what looks like a secret"},
    {Code::kSharedBetweenEnvironments, "shared_between_environments",
     "two environments have the same pin"},
    {Code::kSharedBetweenExposures, "shared_between_exposures",
     "the public edge and the inside have the same pin"},
    {Code::kDebugOverride, "debug_override", "production trusts what is meant for debugging"},
    {Code::kPortsOverlap, "ports_overlap", "two rules of one host cover one port"},
    {Code::kReportOnly, "report_only", "a production rule only reports"},
    {Code::kEnvironmentMissing, "environment_missing",
     "a policy does not say which environment it is for"},
    {Code::kOwnerMissing, "owner_missing", "a rule or an inventory entry has no owner"},
    {Code::kInventoryUnpinned, "inventory_unpinned",
     "a host that handles sensitive data has no enforcing rule"},
    {Code::kUnusedPinSet, "unused_pin_set", "no rule extends a pin set"},
    {Code::kLiveMismatch, "live_mismatch", "the live server does not satisfy its rule"},
    {Code::kMetadataMalformed, "metadata_malformed",
     "signed metadata is not what The Update Framework says it has to be"},
    {Code::kSignatureThreshold, "signature_threshold",
     "fewer of a role's keys signed than have to"},
    {Code::kMetadataRollback, "metadata_rollback",
     "metadata is older than what this client has seen"},
    {Code::kMetadataExpired, "metadata_expired", "signed metadata is past its expiry"},
    {Code::kMetadataMismatch, "metadata_mismatch",
     "a file is not the one that signed metadata names: its version, length or hash differs"},
    {Code::kTargetUnknown, "target_unknown", "no role that may speak for a target has it"},
    {Code::kFetchFailed, "fetch_failed", "a file of the repository could not be fetched"},
    {Code::kUpdateStateInvalid, "update_state_invalid",
     "the directory of an update client holds no root that it can trust"},
};

// IsDense holds the table to the order of the enum, so that NameOf can index it.
constexpr bool IsDense() {
  std::size_t index = 0;
  return std::ranges::all_of(
      kCodes, [&](const CodeInfo& info) { return static_cast<std::size_t>(info.code) == index++; });
}
static_assert(IsDense());

constexpr char Folded(char c) {
  if (c == '-') return '_';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::span<const CodeInfo> AllCodes() noexcept { return kCodes; }

std::string_view NameOf(Code code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(kCodes) ? kCodes[index].name : kCodes[0].name;
}

std::optional<Code> FindCode(std::string_view name) noexcept {
  for (const CodeInfo& info : kCodes) {
    if (std::ranges::equal(info.name, name, {}, {}, Folded)) return info.code;
  }
  return std::nullopt;
}

}  // namespace cotter
