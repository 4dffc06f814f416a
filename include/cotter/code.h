// SPDX-License-Identifier: Apache-2.0
//
// The stable codes: one for every way that something can be wrong or worth knowing. A code's name
// is what `--json` prints and what `cotter explain` takes; docs/codes/NAME.md is its page. Names
// never change and are never reused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cotter {

// Code names one condition. The comment on each says when it arises.
enum class Code : std::uint16_t {
  kInternal,  // a bug in cotter: please report it

  // Usage and input.
  kUsage,              // the command line is not understood
  kFileUnreadable,     // a file, directory or standard input could not be read
  kFileTooLarge,       // an input is longer than its documented limit
  kInputUnknown,       // an input holds no certificate, request or key in a form that is known
  kPemMalformed,       // a PEM block is broken: bad base64, or BEGIN without END
  kDerMalformed,       // bytes are not strict DER, or not the structure that was expected
  kKeyEncrypted,       // a private key is encrypted, and its pin needs the public half
  kKeyUnsupported,     // the TLS library does not know this kind of key
  kHostInvalid,        // a reference host is not a host name or an IP address
  kPatternInvalid,     // a host pattern is not NAME, *.NAME, **.NAME or an IP address
  kPortInvalid,        // a port is not a number from 1 to 65535
  kTimeInvalid,        // a date or date-time is not RFC 3339
  kPinMalformed,       // a pin is in none of the known spellings
  kPinWrongLength,     // a pin is not the 32 bytes of a SHA-256
  kPinPlaceholder,     // a pin is an example value, as AAAA...=
  kPinEmptyInput,      // a pin is the SHA-256 of nothing: a broken pipeline made it
  kPolicyInvalid,      // a policy breaks a rule of its language
  kPolicyUnknownKey,   // a policy holds a key that the language does not know
  kPolicyDuplicate,    // two rules have one (pattern, port)
  kPolicyNoUsablePin,  // a rule that enforces has no pin that could ever match
  kPolicyTooLarge,     // a policy is over its limits
  kPolicySyntax,       // a policy file is not TOML or not JSON
  kWrongEnvironment,   // a policy is for another environment than this client's
  kPolicyRollback,     // a policy differs from the one in force and has no higher version
  kInspectionOutsideDevelopment,  // a policy that is not for development lets a CA inspect TLS
  kFormatUnknown,                 // a file is no pinning configuration that is known
  kFormatMalformed,               // a foreign configuration breaks the rules of its format
  kPinsMissing,      // a foreign configuration holds no usable pin, or nothing of a policy can be
                     // exported to the format
  kEnforcementLost,  // --strict: the format cannot say what the policy enforces
  kCacheInvalid,     // a compiled policy is damaged, or made by another version
  kTrustStoreEmpty,  // no trusted root was found, so nothing could ever verify

  // Verdicts and their reasons (see <cotter/evaluate.h>).
  kPinMismatch,       // the verified path carries no pinned key: somebody else answered, or the key
                      // changed
  kBackupPinMatched,  // the pin that matched is a backup: the active key is no longer the one
                      // served
  kRetiringPinMatched,  // the pin that matched is being retired
  kReported,            // a mismatch on a rule in report mode: told, and let through
  kNotPinned,           // PKI is sound and no rule applies
  kRuleOff,             // the rule that applies has mode = "off"
  kRevoked,             // every path that would do holds a revoked key
  kUnlistedRefused,     // no rule applies, and the policy refuses unlisted hosts
  kPortRefused,         // the host is ruled, but only on other ports
  kSearchBound,         // more candidate paths than the limit: undecided, so refused
  kPolicyExpired,       // the rule, or the whole policy, is past its expiry
  kLocalAnchorRefused,  // the path ends at a locally added root, and the rule wants public roots
                        // only
  kInspectionCa,  // no pin matched, but the path goes through a CA that may inspect in development
  kNoVerifiedPath,  // there was no verified path to hold the pins against

  // PKI.
  kPkiError,                  // the chain does not verify, for a reason without a code of its own
  kCertExpired,               // a certificate of the path is past its notAfter
  kCertNotYetValid,           // a certificate of the path is before its notBefore
  kHostMismatch,              // the certificate is not for the reference host
  kIssuerUnknown,             // no path leads from the certificate to an anchor
  kSelfSigned,                // the certificate is self-signed and not an anchor
  kSignatureInvalid,          // a signature in the chain does not verify
  kCaInvalid,                 // a certificate used as a CA is not one
  kPathLengthExceeded,        // a CA's pathLenConstraint is exceeded
  kNameConstraint,            // a name is outside a CA's name constraints
  kPurposeInvalid,            // a certificate is not for TLS servers
  kKeyTooWeak,                // a key or signature is below the security level
  kUnknownCriticalExtension,  // a critical extension is not understood
  kProfileViolation,  // a certificate breaks a MUST of RFC 5280 that the TLS library lets pass
  kChainTooLong,      // more certificates than the limit were sent

  // Network.
  kNetworkError,      // the connection failed, for a reason without a code of its own
  kDnsFailed,         // the name has no address, or could not be resolved
  kConnectRefused,    // nothing listens there
  kConnectTimeout,    // no answer in time
  kConnectionClosed,  // the peer closed or reset before it was done
  kNotTls,            // the peer does not speak TLS there
  kTlsFailed,         // the handshake failed for a reason other than the certificate
  kStarttlsRefused,   // the server offers no STARTTLS, or answers it wrongly
  kProxyFailed,       // the proxy did not open a tunnel

  // HTTP.
  kUrlInvalid,        // a URL is not http or https, or cannot be read
  kCleartextRefused,  // a pinned host was asked for without TLS
  kRedirectRefused,   // a redirect leads from https to http, nowhere, or on and on
  kRequestTimeout,    // a request as a whole took longer than it may
  kBodyTooLarge,      // a response is longer than its limit
  kHttpFailed,        // the server's answer is not HTTP, or breaks its rules
  kCancelled,         // the program ended the request itself
  kFipsUnavailable,   // FIPS was asked for, and OpenSSL does not run on its FIPS provider

  // What lint finds (see src/policy/lint.h).
  kSinglePin,             // a rule has fewer than two different pins
  kFewPins,               // a rule has fewer than three different pins
  kNoBackupPin,           // a rule has no pin for a key in reserve
  kBackupServed,          // a backup pin is the key of a certificate that the server sends today
  kCertPin,               // a pin is over a whole certificate and breaks at every renewal
  kLeafKeyOnly,           // every pin of a rule is for the leaf's key alone
  kDuplicatePin,          // a rule has the same pin twice
  kUnreachableRule,       // a rule can never have an effect
  kPublicSuffixWildcard,  // a wildcard covers a public suffix
  kThirdPartyHost,        // a rule pins hosts of a CDN or another company
  kBroadCaPin,            // a pin is that of a public CA, which anybody can get certificates from
  kWideWildcard,          // a rule covers every depth below a domain
  kCaLeaving,             // a pinned CA is leaving the root programs or has left them
  kCaEndsFirst,           // a rule's pins are to hold longer than a pinned CA's own certificate
  kPkiOnExpiry,           // pins of a production rule end silently at their expiry
  kPinsExpired,           // a rule or the policy is past its expiry
  kExpirySoon,            // a rule or the policy expires within its lead time
  kExpiryMissing,         // neither a rule nor its policy has an expiry
  kReviewOverdue,         // the date of a review has passed
  kReviewMissing,         // a rule has no date for its next review
  kSecretInFile,          // a policy file holds what looks like a secret
  kSharedBetweenEnvironments,  // two environments have the same pin
  kSharedBetweenExposures,     // the public edge and the inside have the same pin
  kDebugOverride,              // production trusts what is meant for debugging
  kPortsOverlap,               // two rules of one host cover one port
  kReportOnly,                 // a production rule only reports
  kEnvironmentMissing,         // a policy does not say which environment it is for
  kOwnerMissing,               // a rule or an inventory entry has no owner
  kInventoryUnpinned,          // a host that handles sensitive data has no enforcing rule
  kUnusedPinSet,               // no rule extends a pin set
  kLiveMismatch,               // the live server does not satisfy its rule

  // Signed distribution: why an update was rejected. What was trusted before stays in force.
  kMetadataMalformed,   // signed metadata is not what The Update Framework says it has to be
  kSignatureThreshold,  // fewer of a role's keys signed than have to
  kMetadataRollback,    // metadata is older than what this client has seen
  kMetadataExpired,     // signed metadata is past its expiry
  kMetadataMismatch,    // a file is not the one that signed metadata names: its version, length or
                        // hash differs
  kTargetUnknown,       // no role that may speak for a target has it
  kFetchFailed,         // a file of the repository could not be fetched
  kUpdateStateInvalid,  // the directory of an update client holds no root that it can trust
  // What diagnose finds (see src/probe/diagnose.h).
  kStalePin,             // the pins of a rule were never brought up to date with the server
  kKeyRotated,           // the same server has a new key that its rule does not pin
  kCaChanged,            // the server's certificate comes from another CA than the pinned one
  kIntermediateChanged,  // the CA issues with another intermediate than the pinned one
  kCdnDifference,  // the addresses of a host present different keys, and not all of them are pinned
  kOriginExposed,  // an origin answers where its CDN should
  kInterceptingProxy,    // somebody between client and server answers with a certificate of its own
  kCaptivePortal,        // the network answers in the server's place until somebody signs in
  kSniMissing,           // the client sends no server name, and gets another host's certificate
  kBackupInUse,          // the server presents the key that was kept in reserve
  kChainIncomplete,      // the server leaves out an intermediate certificate
  kClockSkew,            // the clock of this machine is wrong
  kWrongHost,            // the certificate is for other hosts than the one asked for
  kPinnedRootNotInPath,  // the verified path ends at another root than the pinned one
  kResumedSession,       // a resumed session was judged by the policy of an earlier connection
  kUnreachable,          // nothing of the server was seen: there was no connection

  // What scan and watch find (see src/probe and src/watch).
  kLegacyTls,         // the server accepts TLS 1.1, TLS 1.0 or SSL 3
  kWeakSuite,         // the server accepts a cipher suite that nobody should use
  kServerKeyUnusual,  // the server's key is neither ECDSA P-256 or P-384 nor RSA of 2048 to 4096
                      // bits
  kStapleMissing,     // the certificate names an OCSP responder, and the server staples nothing
  kStapleInvalid,     // the stapled OCSP response is not a valid one for the certificate that came
                      // with it
  kMustStapleUnmet,   // the certificate demands a staple, and the server sends none
  kHstsMissing,       // the server sends no usable Strict-Transport-Security header
  kHpkpHeader,        // the server sends Public-Key-Pins, which no client obeys
  kSettingsDiffer,    // the addresses of a host answer with different TLS settings
  kUnexpectedIntermediate,  // a chain goes through an intermediate that the baseline does not have
  kLeafKeyChanged,          // the leaf key changed with no rotation open
  kRenewalOverdue,          // a certificate is past three quarters of its lifetime
  kNoLiveBackup,            // no pin of a rule is for a key that is not already served
  kBackupUnproven,          // no standby endpoint has shown lately that it holds a backup key
  kVantageDisagreement,     // vantage points see different chains for one host
  kVantageStale,            // a vantage point has stopped reporting

  // What watch itself runs into.
  kStateUnusable,     // the state that watch keeps cannot be read or written
  kAlertUndelivered,  // an alert could not be delivered, and waits to be sent again

  // Emergency statements and delegated policies (see src/update).
  kEmergencyInvalid,  // an emergency statement is outside the limits of its kind
  kRuleSuspended,     // an emergency statement suspends the rule: told, and let through
  kDelegateRefused,   // a delegate's policy speaks for hosts that are not its own
  kTokenFailed,       // a PKCS #11 token could not be used
};

// CodeInfo is what the table knows of a code: its stable name and one line on when it arises.
struct CodeInfo {
  Code code;
  std::string_view name;     // snake case, stable
  std::string_view summary;  // lower case, no full stop
};

// AllCodes is the table, in the order of the enum. Static storage.
[[nodiscard]] std::span<const CodeInfo> AllCodes() noexcept;

// NameOf is the stable name of `code`. Static storage.
[[nodiscard]] std::string_view NameOf(Code code) noexcept;

// FindCode is the code called `name`, in any case and with '-' for '_'; nullopt if there is none.
[[nodiscard]] std::optional<Code> FindCode(std::string_view name) noexcept;

}  // namespace cotter
