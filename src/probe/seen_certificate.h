// SPDX-License-Identifier: Apache-2.0
//
// What diagnosis wants to know of a certificate that was seen somewhere: its digests, its names and
// its dates, as they stand in it. Nothing here is verified. Plain values, safe from any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::probe {

// SeenName is a distinguished name: the parts that tell who somebody claims to be.
struct SeenName {
  std::string text;          // all of it, safe to print
  std::string common_name;   // the first; empty where there is none
  std::string organization;  // likewise
  std::string unit;          // of the organization, likewise

  friend bool operator==(const SeenName&, const SeenName&) = default;
};

// SeenCertificate is one certificate.
struct SeenCertificate {
  Bytes der;
  Digest spki;
  Digest cert;
  SeenName subject;
  SeenName issuer;
  std::vector<std::string> names;  // DNS names and addresses of the subjectAltName, as text
  std::optional<Time> not_before;  // nullopt where the field is no date
  std::optional<Time> not_after;
  bool is_ca = false;
  bool is_self_issued = false;
  bool has_scts = false;                 // signed certificate timestamps (RFC 6962, 3.3)
  std::vector<std::string> issuer_urls;  // where its authority information access has the issuer
};

// SeeCertificate reads `der`. Fails with kDerMalformed. Allocates.
[[nodiscard]] Result<SeenCertificate> SeeCertificate(ByteView der);

// SeenCache reads certificates that come again and again, as the issuers of many hosts do, once.
// For one thread.
class SeenCache {
 public:
  // See is SeeCertificate.
  [[nodiscard]] Result<SeenCertificate> See(ByteView der);

 private:
  std::map<Digest, SeenCertificate> known_;  // by the hash of the whole certificate
};

// SeeChain reads a chain, and leaves out what cannot be read: diagnosis goes on with the rest.
[[nodiscard]] std::vector<SeenCertificate> SeeChain(const std::vector<Bytes>& chain);

// The same with what `cache` knows.
[[nodiscard]] std::vector<SeenCertificate> SeeChain(const std::vector<Bytes>& chain,
                                                    SeenCache& cache);

// IsFor reports whether a subjectAltName of `leaf` covers `host` (RFC 6125, 6.4: a star stands for
// one whole leftmost label).
[[nodiscard]] bool IsFor(const SeenCertificate& leaf, const HostName& host);

}  // namespace cotter::probe
