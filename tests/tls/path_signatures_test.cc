// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of signatures must never stand for one that was not checked, and dates must be
// read as libcrypto reads them.
#include "tls/path_signatures.h"

#include <ctime>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "lab/world.h"
#include "tls/certificate_time.h"
#include "tls/path_verifier.h"

namespace cotter::tls {
namespace {

X509Ptr Parse(const Bytes& der) {
  const unsigned char* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

X509Ptr Parse(const lab::Identity& identity) { return Parse(identity.certificate.der); }

// Each certificate is asked about with every other one as its issuer, twice; libcrypto is asked the
// same, and remembers nothing.
TEST(LatelySeenTest, KnowsNoSignatureThatWasNotMade_S1_22) {
  const lab::World world = lab::World::Make({});
  LatelySeen seen;
  std::vector<X509Ptr> certificates;
  for (const char* const name :
       {"root", "intermediate", "leaf", "leaf-rsa", "rogue-root", "rogue-leaf"}) {
    certificates.push_back(Parse(world.Get(name)));
  }
  int signed_ones = 0;
  for (int round = 0; round < 2; ++round) {
    for (const X509Ptr& subject : certificates) {
      for (const X509Ptr& issuer : certificates) {
        const bool is_signed = X509_verify(subject.get(), X509_get0_pubkey(issuer.get())) == 1;
        EXPECT_EQ(seen.IsSigned(*subject, *issuer), is_signed);
        signed_ones += is_signed ? 1 : 0;
      }
    }
  }
  ERR_clear_error();
  EXPECT_GE(signed_ones, 10);
}

// The memory is of bytes: after the genuine certificate was seen, one that differs from it in any
// one bit before its signature is checked like a new one, and found forged.
TEST(LatelySeenTest, ForgottenBitIsNotForgiven_S1_22) {
  const lab::World world = lab::World::Make({});
  LatelySeen seen;
  const X509Ptr issuer = Parse(world.Get("intermediate"));
  ASSERT_TRUE(seen.IsSigned(*Parse(world.Get("leaf")), *issuer));
  const Bytes& genuine = world.Get("leaf").certificate.der;
  int parsed = 0;
  for (std::size_t at = 0; at < genuine.size(); ++at) {
    Bytes forged = genuine;
    forged[at] ^= 1;
    const X509Ptr certificate = Parse(forged);
    if (!certificate) continue;
    ++parsed;
    const bool is_signed = X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
    EXPECT_EQ(seen.IsSigned(*certificate, *issuer), is_signed) << "byte " << at;
  }
  ERR_clear_error();
  EXPECT_GT(parsed, 100);
}

// A path that verified once is refused when its certificates have ended, and again before they
// begin: signatures are remembered, dates are not.
TEST(PathSignaturesTest, RememberedPathStillEnds_S1_22) {
  const lab::World world = lab::World::Make({});
  TrustOptions options;
  options.system_roots = SystemRoots::kNone;
  options.certificates = {world.Get("root").certificate.der};
  const auto trust = LoadTrustStore(options).value();
  const HostName host = HostName::Parse("api.example.com").value();
  PresentedChain chain;
  chain.certificates = {world.Get("leaf").certificate.der,
                        world.Get("intermediate").certificate.der};
  const X509Ptr leaf = Parse(world.Get("leaf"));
  const Time from = *TimeOf(*X509_get0_notBefore(leaf.get()));
  const Time until = *TimeOf(*X509_get0_notAfter(leaf.get()));
  const auto verify = [&](std::int64_t now) {
    const Verification found =
        VerifyChain(chain, *trust, host, Time{now}, {}, SearchMode::kWhenDefaultFails);
    return found.failure() ? std::optional(found.failure()->code) : std::nullopt;
  };
  EXPECT_EQ(verify(until.unix_seconds - 1), std::nullopt);
  EXPECT_EQ(verify(until.unix_seconds), Code::kCertExpired);
  EXPECT_EQ(verify(from.unix_seconds - 1), Code::kCertNotYetValid);
}

struct Written {
  int type;
  std::string text;
};

// Dates of every form that X509_cmp_time knows and many that it refuses: TimeOf is a date exactly
// where it compares, and lies on the same side of every second.
TEST(CertificateTimeTest, ReadsWhatLibcryptoReads) {
  std::vector<Written> all = {
      {V_ASN1_UTCTIME, "500101000000Z"},
      {V_ASN1_UTCTIME, "491231235959Z"},
      {V_ASN1_UTCTIME, "000229120000Z"},
      {V_ASN1_UTCTIME, "010229120000Z"},
      {V_ASN1_UTCTIME, "7001010000Z"},
      {V_ASN1_UTCTIME, "700101000000+0100"},
      {V_ASN1_UTCTIME, "20700101000000Z"},
      {V_ASN1_UTCTIME, "70010100000aZ"},
      {V_ASN1_UTCTIME, "700101000000z"},
      {V_ASN1_UTCTIME, ""},
      {V_ASN1_GENERALIZEDTIME, "19000228235959Z"},
      {V_ASN1_GENERALIZEDTIME, "19000229000000Z"},
      {V_ASN1_GENERALIZEDTIME, "20000229000000Z"},
      {V_ASN1_GENERALIZEDTIME, "99991231235959Z"},
      {V_ASN1_GENERALIZEDTIME, "00010101000000Z"},
      {V_ASN1_GENERALIZEDTIME, "20700101000000.5Z"},
      {V_ASN1_GENERALIZEDTIME, "700101000000Z"},
      {V_ASN1_OCTET_STRING, "700101000000Z"},
  };
  for (const char* const month : {"00", "01", "02", "04", "12", "13"}) {
    for (const char* const day : {"00", "01", "28", "29", "30", "31", "32"}) {
      for (const char* const hour : {"000000", "235959", "240000", "236000", "235960"}) {
        const std::string rest = std::string(month) + day + hour + "Z";
        all.push_back({V_ASN1_UTCTIME, "24" + rest});
        all.push_back({V_ASN1_GENERALIZEDTIME, "2100" + rest});
      }
    }
  }
  int dates = 0;
  for (const Written& written : all) {
    ASN1_TIME* const date = ASN1_STRING_type_new(written.type);
    ASN1_STRING_set(date, written.text.data(), static_cast<int>(written.text.size()));
    const std::optional<Time> read = TimeOf(*date);
    std::time_t reference = read ? read->unix_seconds : 0;
    const int at = X509_cmp_time(date, &reference);
    EXPECT_EQ(read.has_value(), at != 0) << written.text;
    if (read) {
      ++dates;
      reference = read->unix_seconds - 1;
      EXPECT_EQ(at, -1) << written.text;  // the very second counts as past
      EXPECT_EQ(X509_cmp_time(date, &reference), 1) << written.text;
    }
    ASN1_STRING_free(date);
  }
  ERR_clear_error();
  EXPECT_GT(dates, 60);
}

}  // namespace
}  // namespace cotter::tls
