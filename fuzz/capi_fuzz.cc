// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes the C ABI with what other languages hand in: cotter_policy_load_bytes, cotter_chain_judge,
// cotter_insecure_evaluate_path, and structs of options of any size. Input: a byte that says how
// long the host is, the host, a byte for the count of certificates, then the rest is policy and
// chain. Properties: a status is one of four, a handle comes exactly with success, an error exactly
// with failure, a judged chain has a verdict that agrees with its status, and an untrusted chain is
// never allowed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <cotter/cotter.h>
#include <cotter/result.h>

namespace {

// Reader takes the input apart.
class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint8_t Byte() { return size_ == 0 ? std::uint8_t{0} : *Take(1).bytes; }
  cotter_blob Take(std::size_t size) {
    const cotter_blob blob{data_, std::min(size, size_)};
    data_ += blob.size;
    size_ -= blob.size;
    return blob;
  }
  cotter_blob Rest() { return Take(size_); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

void CheckFailure(cotter_status status, cotter_error* error) {
  COTTER_CHECK(status >= COTTER_STATUS_OK && status <= COTTER_STATUS_INTERNAL);
  COTTER_CHECK((status == COTTER_STATUS_OK) == (error == nullptr));
  if (error != nullptr) COTTER_CHECK(std::strlen(cotter_error_code(error)) > 0);
  cotter_error_free(error);
}

// Trust is one that no certificate of the input is in: made once, from a fixed root.
const cotter_trust* NobodysTrust() {
  static const cotter_trust* const trust = [] {
    cotter_trust* system = nullptr;
    (void)cotter_trust_load(nullptr, &system, nullptr);
    return system;
  }();
  return trust;
}

void Judge(const cotter_policy* policy, const std::string& host, std::uint8_t count,
           cotter_blob bytes) {
  std::vector<cotter_blob> chain;
  Reader reader(bytes.bytes, bytes.size);
  const std::size_t each = bytes.size / (std::size_t{count} + 1) + 1;
  for (std::uint8_t i = 0; i < count; ++i) chain.push_back(reader.Take(each));
  cotter_verdict* verdict = nullptr;
  cotter_error* error = nullptr;
  const cotter_status status =
      cotter_chain_judge(policy, NobodysTrust(), host.c_str(), 443, chain.data(), chain.size(),
                         1'800'000'000, &verdict, &error);
  COTTER_CHECK(status != COTTER_STATUS_OK);
  COTTER_CHECK(verdict == nullptr || cotter_verdict_allowed(verdict) == 0);
  for (std::size_t i = 0; i < cotter_verdict_reason_count(verdict); ++i) {
    COTTER_CHECK(cotter_verdict_reason(verdict, i) != nullptr);
  }
  cotter_verdict_free(verdict);
  CheckFailure(status, error);
}

void EvaluateAsserted(const cotter_policy* policy, const std::string& host, std::uint8_t count,
                      cotter_blob bytes) {
  if (bytes.size < std::size_t{count} * 32) return;
  cotter_outcome outcome = COTTER_OUTCOME_PINNED_OK;
  cotter_error* error = nullptr;
  const cotter_status status = cotter_insecure_evaluate_path(
      policy, host.c_str(), 443, bytes.bytes, count, 1'800'000'000, &outcome, &error);
  const bool yes = outcome == COTTER_OUTCOME_PINNED_OK || outcome == COTTER_OUTCOME_REPORTED ||
                   outcome == COTTER_OUTCOME_NOT_PINNED;
  COTTER_CHECK((status == COTTER_STATUS_OK) == yes);
  CheckFailure(status, error);
}

// TryOptions hands in options whose bytes are the input's, in a buffer of exactly their size.
void TryOptions(cotter_blob bytes) {
  std::vector<std::uint8_t> copy(bytes.bytes, bytes.bytes + bytes.size);
  std::size_t size = copy.size();
  if (size <= sizeof size) return;
  std::memcpy(copy.data(), &size, sizeof size);
  // Pointers may not be just anything, so what follows the first field is zero; and reading the
  // system's roots would take all the time there is.
  const std::size_t pointers = offsetof(cotter_trust_options, files);
  const std::size_t known = std::min(size, sizeof(cotter_trust_options));
  if (known > pointers) std::fill(copy.begin() + pointers, copy.begin() + std::ptrdiff_t(known), 0);
  cotter_trust* trust = nullptr;
  cotter_error* error = nullptr;
  const cotter_status status =
      cotter_trust_load(reinterpret_cast<const cotter_trust_options*>(copy.data()), &trust, &error);
  COTTER_CHECK((status == COTTER_STATUS_OK) == (trust != nullptr));
  cotter_trust_free(trust);
  CheckFailure(status, error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader reader(data, size);
  const cotter_blob host_bytes = reader.Take(reader.Byte());
  const std::string host(host_bytes.bytes, host_bytes.bytes + host_bytes.size);
  const std::uint8_t count = reader.Byte() % 20;
  const cotter_blob rest = reader.Rest();
  cotter_policy* policy = nullptr;
  cotter_error* error = nullptr;
  const cotter_status status = cotter_policy_load_bytes(
      rest.bytes == nullptr ? data : rest.bytes, rest.size, nullptr, nullptr, &policy, &error);
  COTTER_CHECK((status == COTTER_STATUS_OK) == (policy != nullptr));
  CheckFailure(size == 0 ? COTTER_STATUS_OK : status, size == 0 ? nullptr : error);
  if (size == 0) cotter_error_free(error);
  if (policy != nullptr) {
    Judge(policy, host, count, rest);
    EvaluateAsserted(policy, host, count, rest);
  }
  cotter_policy_free(policy);
  if (size < 4096 && size % 16 == 0) TryOptions({data, size});
  return 0;
}
