// SPDX-License-Identifier: Apache-2.0
#include "cli/exit.h"

namespace cotter::cli {

Exit ExitOf(Code code) noexcept {
  switch (code) {
    case Code::kUsage:
    case Code::kFileUnreadable:
    case Code::kFileTooLarge:
    case Code::kInputUnknown:
    case Code::kPemMalformed:
    case Code::kDerMalformed:
    case Code::kKeyEncrypted:
    case Code::kKeyUnsupported:
    case Code::kHostInvalid:
    case Code::kPatternInvalid:
    case Code::kPortInvalid:
    case Code::kTimeInvalid:
    case Code::kPinMalformed:
    case Code::kPinWrongLength:
    case Code::kPinPlaceholder:
    case Code::kPinEmptyInput:
    case Code::kPolicyInvalid:
    case Code::kPolicyUnknownKey:
    case Code::kPolicySyntax:
    case Code::kWrongEnvironment:
    case Code::kPolicyRollback:
    case Code::kInspectionOutsideDevelopment:
    case Code::kPolicyDuplicate:
    case Code::kPolicyNoUsablePin:
    case Code::kPolicyTooLarge:
    case Code::kFormatUnknown:
    case Code::kFormatMalformed:
    case Code::kPinsMissing:
    case Code::kCacheInvalid:
    case Code::kUrlInvalid:
    case Code::kFipsUnavailable:
    case Code::kTrustStoreEmpty:
    case Code::kUpdateStateInvalid:
      return Exit::kUsage;

    case Code::kPinMismatch:
    case Code::kRevoked:
    case Code::kUnlistedRefused:
    case Code::kPortRefused:
    case Code::kPolicyExpired:
    case Code::kLocalAnchorRefused:
    case Code::kNoVerifiedPath:
    case Code::kPkiError:
    case Code::kCertExpired:
    case Code::kCertNotYetValid:
    case Code::kHostMismatch:
    case Code::kIssuerUnknown:
    case Code::kSelfSigned:
    case Code::kSignatureInvalid:
    case Code::kCaInvalid:
    case Code::kPathLengthExceeded:
    case Code::kNameConstraint:
    case Code::kPurposeInvalid:
    case Code::kKeyTooWeak:
    case Code::kUnknownCriticalExtension:
    case Code::kProfileViolation:
    case Code::kChainTooLong:
    case Code::kSinglePin:
    case Code::kFewPins:
    case Code::kNoBackupPin:
    case Code::kBackupServed:
    case Code::kCertPin:
    case Code::kLeafKeyOnly:
    case Code::kDuplicatePin:
    case Code::kUnreachableRule:
    case Code::kPublicSuffixWildcard:
    case Code::kThirdPartyHost:
    case Code::kBroadCaPin:
    case Code::kWideWildcard:
    case Code::kCaLeaving:
    case Code::kCaEndsFirst:
    case Code::kPkiOnExpiry:
    case Code::kPinsExpired:
    case Code::kExpirySoon:
    case Code::kExpiryMissing:
    case Code::kReviewOverdue:
    case Code::kReviewMissing:
    case Code::kSecretInFile:
    case Code::kSharedBetweenEnvironments:
    case Code::kSharedBetweenExposures:
    case Code::kDebugOverride:
    case Code::kPortsOverlap:
    case Code::kReportOnly:
    case Code::kEnvironmentMissing:
    case Code::kOwnerMissing:
    case Code::kInventoryUnpinned:
    case Code::kUnusedPinSet:
    case Code::kLiveMismatch:
    case Code::kCleartextRefused:
    case Code::kRedirectRefused:
    case Code::kEnforcementLost:
    case Code::kMetadataMalformed:
    case Code::kSignatureThreshold:
    case Code::kMetadataRollback:
    case Code::kMetadataExpired:
    case Code::kMetadataMismatch:
    case Code::kTargetUnknown:
      return Exit::kViolated;

    case Code::kInternal:
    case Code::kSearchBound:
    case Code::kNetworkError:
    case Code::kDnsFailed:
    case Code::kConnectRefused:
    case Code::kConnectTimeout:
    case Code::kConnectionClosed:
    case Code::kNotTls:
    case Code::kTlsFailed:
    case Code::kStarttlsRefused:
    case Code::kRequestTimeout:
    case Code::kBodyTooLarge:
    case Code::kHttpFailed:
    case Code::kCancelled:
    case Code::kProxyFailed:
    case Code::kFetchFailed:
      return Exit::kUndecided;

    case Code::kBackupPinMatched:
    case Code::kRetiringPinMatched:
    case Code::kReported:
    case Code::kNotPinned:
    case Code::kRuleOff:
    case Code::kInspectionCa:
      return Exit::kSatisfied;
  }
  return Exit::kUndecided;
}

}  // namespace cotter::cli
