// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate_notes.h"

#include <memory>
#include <utility>

#include "base/sha256.h"
#include "tls/profile.h"
#include <cotter/certificate.h>

namespace cotter::tls {
namespace {

void FreeNotes(void* /*parent*/, void* notes, CRYPTO_EX_DATA* /*data*/, int /*index*/,
               long /*argl*/, void* /*argp*/) {
  const std::unique_ptr<CertificateNotes> owner(static_cast<CertificateNotes*>(notes));
}

// ForgetOnDuplicate leaves the notes with the certificate that they are of.
int ForgetOnDuplicate(CRYPTO_EX_DATA* /*to*/, const CRYPTO_EX_DATA* /*from*/, void** from_data,
                      int /*index*/, long /*argl*/, void* /*argp*/) {
  *from_data = nullptr;
  return 1;
}

int NotesIndex() noexcept {
  static const int index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509, 0, nullptr, nullptr,
                                                   ForgetOnDuplicate, FreeNotes);
  return index;
}

}  // namespace

std::optional<PathCertificate> DescribeCertificate(const X509& certificate,
                                                   CertDigests cert_digests) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(&certificate, &raw);
  const OpensslBytesPtr owner(raw);
  if (size <= 0) return std::nullopt;
  const ByteView der(owner.get(), static_cast<std::size_t>(size));
  const Result<ByteView> spki = FindSpki(der);
  if (!spki) return std::nullopt;
  PathCertificate described;
  described.spki = base::Sha256(*spki);
  described.has_cert = cert_digests == CertDigests::kCompute;
  if (described.has_cert) described.cert = base::Sha256(der);
  return described;
}

void AttachNotes(X509* certificate) {
  const std::optional<PathCertificate> description =
      DescribeCertificate(*certificate, CertDigests::kCompute);
  if (!description || X509_get_ex_data(certificate, NotesIndex()) != nullptr) return;
  auto notes = std::make_unique<CertificateNotes>();
  notes->description = *description;
  notes->sound_anchor = IsSoundAnchor(*certificate);
  if (X509_set_ex_data(certificate, NotesIndex(), notes.get()) == 1) {
    (void)notes.release();  // the certificate owns them now
  }
}

const CertificateNotes* NotesOf(const X509* certificate) noexcept {
  return static_cast<const CertificateNotes*>(X509_get_ex_data(certificate, NotesIndex()));
}

bool LatelySeen::IsSigned(X509& certificate, X509& issuer) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Seen* const seen = Find(certificate);
    if (seen != nullptr && seen->issuer && X509_cmp(seen->issuer.get(), &issuer) == 0) return true;
  }
  EVP_PKEY* const key = X509_get0_pubkey(&issuer);
  if (key == nullptr || X509_verify(&certificate, key) != 1) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  Place(certificate).issuer = AddReference(&issuer);
  return true;
}

std::optional<PathCertificate> LatelySeen::Describe(X509& certificate, CertDigests cert_digests) {
  if (cert_digests == CertDigests::kCompute) return DescribeCertificate(certificate, cert_digests);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Seen* const seen = Find(certificate);
    if (seen != nullptr && seen->description) return seen->description;
  }
  std::optional<PathCertificate> description = DescribeCertificate(certificate, cert_digests);
  if (!description) return description;
  const std::lock_guard<std::mutex> lock(mutex_);
  Place(certificate).description = description;
  return description;
}

LatelySeen::Seen* LatelySeen::Find(const X509& certificate) noexcept {
  for (Seen& seen : seen_) {
    if (!seen.certificate) break;  // places are filled in order
    // Compares a hash that OpenSSL keeps, and then the bytes of the TBSCertificate as received.
    if (X509_cmp(seen.certificate.get(), &certificate) == 0) return &seen;
  }
  return nullptr;
}

// Place is where `certificate` is noted, in place of the oldest one where it is new.
LatelySeen::Seen& LatelySeen::Place(X509& certificate) noexcept {
  if (Seen* const seen = Find(certificate)) return *seen;
  Seen& seen = seen_[next_];
  seen = {.certificate = AddReference(&certificate), .issuer = nullptr, .description = {}};
  next_ = (next_ + 1) % kMost;
  return seen;
}

}  // namespace cotter::tls
