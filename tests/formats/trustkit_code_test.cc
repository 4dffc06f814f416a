// SPDX-License-Identifier: Apache-2.0
//
// TrustKit's dictionary as apps have it in their code.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "formats/exchange.h"

namespace cotter::formats {
namespace {

const std::string kPinA = "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo=";
const std::string kPinB = "C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=";

// What is imported of `code`: "PATTERN MODE PINS" for each rule, then the losses.
std::vector<std::string> Imported(std::string code) {
  for (const auto& [mark, pin] : {std::pair("@A", kPinA), std::pair("@B", kPinB)}) {
    for (std::size_t at = code.find(mark); at != std::string::npos; at = code.find(mark)) {
      code.replace(at, 2, pin);
    }
  }
  const InputFile file{"f", AsBytes(code)};
  const Result<ImportedPolicy> read = Import({&file, 1});
  if (!read) return {"error: " + read.error().message};
  std::vector<std::string> found = {std::string(read->format)};
  for (const HostRule& host : read->policy.hosts) {
    found.push_back(host.pattern.ToString() +
                    (host.mode == Mode::kReport ? " report"
                     : host.mode == Mode::kOff  ? " off"
                                                : " enforce") +
                    " " + std::to_string(host.pins.size()) + (host.expires ? " ends" : ""));
  }
  for (const Loss& loss : read->losses) {
    found.push_back(std::string(NameOf(loss.severity)) + " " + std::to_string(loss.line) + " " +
                    loss.what);
  }
  return found;
}

using Strings = std::vector<std::string>;

TEST(TrustKitCode, SwiftIsRead_S0_19) {
  EXPECT_EQ(Imported(R"(import TrustKit
// kTSKPinnedDomains: [ "commented.example": [:] ]
let backup = "@B"
let config: [String: Any] = [
    kTSKSwizzleNetworkDelegates: false,
    kTSKPinnedDomains: [
        "a.example": [
            kTSKIncludeSubdomains: true,
            kTSKEnforcePinning: true as NSNumber,
            kTSKExpirationDate: "2027-01-31",
            kTSKPublicKeyHashes: ["@A", backup],
        ],
        "b.example": [kTSKEnforcePinning: false, kTSKPublicKeyHashes: ["@A", "@B"] as [String]],
        "c.a.example": [kTSKExcludeSubdomainFromParentPolicy: true]
    ] as [String: Any]]
TrustKit.initSharedInstance(withConfiguration: config)
)"),
            (Strings{"trustkit", "**.a.example enforce 2 ends", "b.example report 2",
                     "c.a.example off 0"}));
}

TEST(TrustKitCode, ObjectiveCIsRead_S0_19) {
  EXPECT_EQ(Imported(R"(#import <TrustKit/TrustKit.h>
NSDictionary *config = @{
  kTSKSwizzleNetworkDelegates: @NO,
  kTSKPinnedDomains : @{
    @"a.example" : @{ kTSKIncludeSubdomains : @YES, kTSKEnforcePinning : @(YES),
                      kTSKPublicKeyHashes : @[ @"@A", @"@B", ],
                      kTSKReportUris : @[ @"https://r.example/" ] } } };
[TrustKit initSharedInstanceWithConfiguration:config];
)"),
            (Strings{"trustkit", "**.a.example enforce 2",
                     "note 5 the addresses that reports go to are not imported"}));
}

TEST(TrustKitCode, WhatIsMadeAtRunTimeIsToldAndLeftOut) {
  EXPECT_EQ(
      Imported(R"(config[kTSKPinnedDomains] = [
  "a.example": [kTSKPublicKeyHashes: ["@A", pins.first!, "@B"]],
  "\(env).example": [kTSKPublicKeyHashes: ["@A", "@B"]],
  "c.example": [kTSKPublicKeyHashes: load()],
  "d.example": rules(for: "d"),
])"),
      (Strings{"trustkit", "a.example enforce 2", "stricter 1 a pin made at run time is left out",
               "enforcement 1 a domain made at run time is left out",
               "enforcement 1 c.example: what is made at run time is left out",
               "enforcement 1 d.example: what is made at run time is left out"}));
  EXPECT_EQ(Imported("kTSKPinnedDomains: domains"),
            Strings{"error: f: no usable pins here: line 1: a dictionary of domains made at run "
                    "time is left out"});
}

// A flag that is no literal must not be taken for "no".
TEST(TrustKitCode, AFlagThatIsNotKnownEnforces) {
  for (const char* flag : {"isRelease", "true", "!debug", "@YES", "\"YES\""}) {
    EXPECT_EQ(Imported("kTSKPinnedDomains: [\"a.example\": [kTSKEnforcePinning: " +
                       std::string(flag) + ", kTSKPublicKeyHashes: [\"@A\", \"@B\"]]]"),
              (Strings{"trustkit", "a.example enforce 2"}))
        << flag;
  }
}

TEST(TrustKitCode, MalformedPinsAreToldWhereTheyStand) {
  EXPECT_EQ(
      Imported(
          "x = [ kTSKPinnedDomains: [ \"a.example\":\n [ kTSKPublicKeyHashes: [ \"short\" ] ] ] ]")
          .front()
          .substr(0, 14),
      "error: f:2:28:");
}

// Each level once more than the reader goes.
TEST(TrustKitCode, EndlessNestingEnds) {
  std::string code = "kTSKPinnedDomains: ";
  for (int i = 0; i < 100'000; ++i) code += "[";
  EXPECT_TRUE(Imported(code).front().starts_with("error: f: no usable pins here"));
  code = "kTSKPinnedDomains: ";
  for (int i = 0; i < 50'000; ++i) code += "[\"a\": ";
  EXPECT_FALSE(Imported(code).empty());
}

}  // namespace
}  // namespace cotter::formats
