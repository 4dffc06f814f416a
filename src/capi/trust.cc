// SPDX-License-Identifier: Apache-2.0
//
// Trust anchors, and the versions of what runs.
#include <openssl/crypto.h>

#include "capi/build_version.h"
#include "capi/guard.h"
#include "capi/options.h"

using namespace cotter::capi;

namespace cotter::capi {
namespace {

Result<void> AddTexts(const char* const* texts, std::size_t count, std::string_view what,
                      std::vector<std::string>& out) {
  if (count != 0 && texts == nullptr) return Missing(what);
  for (std::size_t i = 0; i < count; ++i) {
    if (texts[i] == nullptr) return Missing(what);
    out.emplace_back(texts[i]);
  }
  return Ok();
}

Result<tls::TrustOptions> ToTrustOptions(const cotter_trust_options& options) {
  tls::TrustOptions trust;
  if (options.no_system_roots != 0) trust.system_roots = tls::SystemRoots::kNone;
  auto added = AddTexts(options.files, options.file_count, "options.files", trust.files);
  if (!added) return std::move(added).error();
  added = AddTexts(options.directories, options.directory_count, "options.directories",
                   trust.directories);
  if (!added) return std::move(added).error();
  if (options.certificate_count != 0 && options.certificates == nullptr) {
    return Missing("options.certificates");
  }
  for (std::size_t i = 0; i < options.certificate_count; ++i) {
    const cotter_blob& blob = options.certificates[i];
    if (blob.bytes == nullptr) return Missing("options.certificates");
    trust.certificates.emplace_back(blob.bytes, blob.bytes + blob.size);
  }
  return trust;
}

}  // namespace
}  // namespace cotter::capi

cotter_status cotter_trust_load(const cotter_trust_options* given, cotter_trust** trust,
                                cotter_error** error) {
  return GuardNew(trust, error, [&]() -> cotter::Result<std::unique_ptr<cotter_trust>> {
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    const auto trust_options = ToTrustOptions(*options);
    if (!trust_options) return trust_options.error();
    auto store = cotter::tls::LoadTrustStore(*trust_options);
    if (!store) return std::move(store).error();
    return std::make_unique<cotter_trust>(cotter_trust{std::move(store).value()});
  });
}

void cotter_trust_free(cotter_trust* trust) { Free(trust); }

uint32_t cotter_abi_version(void) { return COTTER_ABI_VERSION; }

const char* cotter_version(void) { return kBuildVersion; }

const char* cotter_openssl_version(void) { return OpenSSL_version(OPENSSL_VERSION); }
