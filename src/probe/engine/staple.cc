// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/staple.h"

#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

namespace cotter::probe {
namespace {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
struct FreeBorrowed {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using ParamPtr = std::unique_ptr<X509_VERIFY_PARAM, FreeWith<X509_VERIFY_PARAM_free>>;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, FreeWith<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, FreeWith<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, FreeWith<OCSP_CERTID_free>>;

// Responders run a little ahead of us, or behind.
constexpr std::int64_t kClockSlack = 300;

X509Ptr Parse(ByteView der) {
  const unsigned char* from = der.data();
  return X509Ptr(d2i_X509(nullptr, &from, static_cast<long>(der.size())));
}

std::optional<Time> TimeOf(const ASN1_GENERALIZEDTIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const Result<Time> made = FromCivil({.year = parts.tm_year + 1900,
                                       .month = static_cast<unsigned>(parts.tm_mon) + 1,
                                       .day = static_cast<unsigned>(parts.tm_mday),
                                       .hour = static_cast<unsigned>(parts.tm_hour),
                                       .minute = static_cast<unsigned>(parts.tm_min),
                                       .second = static_cast<unsigned>(parts.tm_sec)});
  if (!made) return std::nullopt;
  return *made;
}

// SignedForIssuer reports that the issuer, or whom it appointed, signed the response. The issuer is
// the one anchor: what it says of its own certificates is what counts.
bool SignedForIssuer(OCSP_BASICRESP* basic, X509* issuer, Time now) {
  const StorePtr store(X509_STORE_new());
  const ParamPtr param(X509_VERIFY_PARAM_new());
  const std::unique_ptr<STACK_OF(X509), FreeBorrowed> known(sk_X509_new_null());
  if (!store || !param || !known || sk_X509_push(known.get(), issuer) == 0) return false;
  X509_VERIFY_PARAM_set_time(param.get(), static_cast<std::time_t>(now.unix_seconds));
  X509_VERIFY_PARAM_set_flags(param.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return X509_STORE_add_cert(store.get(), issuer) == 1 &&
         X509_STORE_set1_param(store.get(), param.get()) == 1 &&
         OCSP_basic_verify(basic, known.get(), store.get(), 0) == 1;
}

// FindAnswer is the answer about `leaf` in the response, by whichever hash it names it; null where
// there is none.
OCSP_SINGLERESP* FindAnswer(OCSP_BASICRESP* basic, const X509* leaf, const X509* issuer) {
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
    const CertIdPtr id(OCSP_cert_to_id(digest, leaf, issuer));
    const int index = id ? OCSP_resp_find(basic, id.get(), -1) : -1;
    if (index >= 0) return OCSP_resp_get0(basic, index);
  }
  return nullptr;
}

StapleFacts Invalid(std::string problem) {
  StapleFacts facts;
  facts.state = StapleState::kInvalid;
  facts.problem = std::move(problem);
  return facts;
}

StapleFacts ReadAnswer(OCSP_SINGLERESP* answer, Time now) {
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int status = OCSP_single_get0_status(answer, nullptr, nullptr, &this_update, &next_update);
  StapleFacts facts;
  facts.this_update = TimeOf(this_update);
  facts.next_update = TimeOf(next_update);
  facts.state = StapleState::kInvalid;
  if (!facts.this_update || (next_update != nullptr && !facts.next_update)) {
    facts.problem = "its dates cannot be read";
  } else if (facts.this_update->unix_seconds > now.unix_seconds + kClockSlack) {
    facts.problem = "it is from the future";
  } else if (facts.next_update &&
             facts.next_update->unix_seconds < now.unix_seconds - kClockSlack) {
    facts.problem = "it is out of date since " + FormatTime(*facts.next_update);
  } else if (status == V_OCSP_CERTSTATUS_GOOD) {
    facts.state = StapleState::kGood;
  } else {
    facts.state =
        status == V_OCSP_CERTSTATUS_REVOKED ? StapleState::kRevoked : StapleState::kUnknown;
  }
  return facts;
}

StapleFacts Judge(ByteView staple, ByteView leaf_der, ByteView issuer_der, Time now) {
  const unsigned char* from = staple.data();
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &from, static_cast<long>(staple.size())));
  if (!response) return Invalid("it is no OCSP response");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return Invalid(std::string("the responder said ") + OCSP_response_status_str(status));
  }
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  const X509Ptr leaf = Parse(leaf_der);
  const X509Ptr issuer = Parse(issuer_der);
  if (!basic || !leaf) return Invalid("it is no basic OCSP response");
  if (!issuer) return Invalid("the issuer of the certificate is not known");
  OCSP_SINGLERESP* const answer = FindAnswer(basic.get(), leaf.get(), issuer.get());
  if (answer == nullptr) return Invalid("it is about another certificate");
  if (!SignedForIssuer(basic.get(), issuer.get(), now)) {
    return Invalid("it is not signed by the issuer, or by whom the issuer appointed");
  }
  return ReadAnswer(answer, now);
}

}  // namespace

StapleFacts ReadStaple(ByteView staple, ByteView leaf, ByteView issuer, Time now) {
  if (staple.empty()) return {};
  StapleFacts facts = Judge(staple, leaf, issuer, now);
  ERR_clear_error();
  return facts;
}

}  // namespace cotter::probe
