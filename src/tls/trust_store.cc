// SPDX-License-Identifier: Apache-2.0
#include "tls/trust_store.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/sha256.h"
#include "tls/certificate_notes.h"
#include <cotter/certificate.h>

namespace cotter::tls {
namespace {

// All roots of all platforms together are below 2 MiB; 16 MiB bounds the time to parse a file at
// about a second.
constexpr std::size_t kMaxTrustFileSize = std::size_t{16} << 20;

// A root that the distribution ships is a PEM file of a few KiB.
constexpr std::size_t kMaxPublicRootSize = std::size_t{64} << 10;

// NoPassword keeps OpenSSL from asking on the terminal when a file holds an encrypted block.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return 0; }

BioPtr ReadOnlyBio(ByteView bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

Result<void> Add(X509_STORE& store, X509* certificate) {
  if (X509_STORE_add_cert(&store, certificate) != 1) {
    ERR_clear_error();
    return Error{Code::kInternal, "a trusted certificate could not be added to the trust store"};
  }
  return Ok();
}

// AddPem adds every certificate of a PEM bundle and returns their number. Blocks of other types and
// text between blocks are passed over, as OpenSSL does; a broken block is an error.
Result<std::size_t> AddPem(X509_STORE& store, ByteView bytes, const std::string& path) {
  const BioPtr bio = ReadOnlyBio(bytes);
  for (std::size_t count = 0;; ++count) {
    const X509Ptr certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassword, nullptr));
    if (!certificate) {
      const unsigned long error = ERR_peek_last_error();
      ERR_clear_error();
      if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
        return count;
      }
      return Error{Code::kPemMalformed,
                   path + ": trusted certificate " + std::to_string(count + 1) + " is malformed"};
    }
    if (const Result<void> added = Add(store, certificate.get()); !added) return added.error();
  }
}

// AddDer adds every certificate of a concatenation of DER certificates.
Result<std::size_t> AddDer(X509_STORE& store, ByteView bytes, const std::string& path) {
  const unsigned char* at = bytes.data();
  const unsigned char* const end = at + bytes.size();
  std::size_t count = 0;
  while (at != end) {
    const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(end - at)));
    ERR_clear_error();
    if (!certificate) {
      if (count == 0) return count;
      return Error{Code::kDerMalformed,
                   path + ": trusted certificate " + std::to_string(count + 1) + " is malformed"};
    }
    if (const Result<void> added = Add(store, certificate.get()); !added) return added.error();
    ++count;
  }
  return count;
}

Result<void> AddFile(X509_STORE& store, const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxTrustFileSize);
  if (!file) return file.error();
  Result<std::size_t> count = AddPem(store, file->bytes(), path);
  if (count && *count == 0) count = AddDer(store, file->bytes(), path);
  if (!count) return count.error();
  if (*count == 0) {
    return Error{Code::kInputUnknown, path + ": no certificate found, expected PEM or DER"};
  }
  return Ok();
}

// IsHashName tells the names that `openssl rehash` gives to certificates: eight hex digits, a dot
// and a number.
bool IsHashName(std::string_view name) {
  if (name.size() < 10 || name[8] != '.') return false;
  const auto is_hex = [](unsigned char c) { return std::isxdigit(c) != 0; };
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  return std::ranges::all_of(name.substr(0, 8), is_hex) &&
         std::ranges::all_of(name.substr(9), is_digit);
}

// NamesIn is what stands in a directory; empty where it cannot be read. The library's own
// directories would bring every locale into the programs below `cotter exec`.
std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, FreeWith<closedir>> open(opendir(directory.c_str()));
  if (!open) return names;
  while (const dirent* const entry = readdir(open.get())) names.emplace_back(entry->d_name);
  return names;
}

bool HasHashedCertificates(const std::string& directory) {
  return std::ranges::any_of(NamesIn(directory), IsHashName);
}

Result<void> AddDirectory(X509_STORE& store, const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) {
    return Error{Code::kFileUnreadable, path + ": not a readable directory of trusted roots"};
  }
  if (!HasHashedCertificates(path)) {
    return Error{Code::kTrustStoreEmpty,
                 path + ": no hashed certificates in the directory; run `openssl rehash " + path +
                     "` on it"};
  }
  if (X509_STORE_load_path(&store, path.c_str()) != 1) {
    ERR_clear_error();
    return Error{Code::kFileUnreadable, path + ": the directory could not be added"};
  }
  return Ok();
}

// SystemDirectories is where X509_STORE_set_default_paths looks for hashed certificates.
std::vector<std::string> SystemDirectories() {
  const char* from_environment = secure_getenv(X509_get_default_cert_dir_env());
  const std::string_view list =
      from_environment != nullptr ? from_environment : X509_get_default_cert_dir();
  std::vector<std::string> directories;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    if (end > at) directories.emplace_back(list.substr(at, end - at));
    at = end + 1;
  }
  return directories;
}

Result<void> AddEverything(X509_STORE& store, const TrustOptions& options) {
  for (const std::string& path : options.files) {
    if (const Result<void> added = AddFile(store, path); !added) return added.error();
  }
  for (const Bytes& der : options.certificates) {
    const Result<std::size_t> count = AddDer(store, der, "certificate in memory");
    if (!count) return count.error();
    if (*count == 0) return Error{Code::kDerMalformed, "a trusted certificate is not DER"};
  }
  for (const std::string& path : options.directories) {
    if (const Result<void> added = AddDirectory(store, path); !added) return added.error();
  }
  return Ok();
}

Result<void> CheckNotEmpty(X509_STORE& store, const TrustOptions& options,
                           const std::vector<std::string>& directories) {
  if (sk_X509_OBJECT_num(X509_STORE_get0_objects(&store)) > 0) return Ok();
  if (std::ranges::any_of(directories, HasHashedCertificates)) return Ok();
  if (options.system_roots == SystemRoots::kNone) {
    return Error{
        Code::kTrustStoreEmpty,
        "no trusted root: the system's roots are left out, so name your own with --cacert"};
  }
  return Error{Code::kTrustStoreEmpty,
               "no trusted root: install the package ca-certificates, set SSL_CERT_FILE or "
               "SSL_CERT_DIR, or name a file with --cacert"};
}

Digest DigestOfTrusted(X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509_AUX(certificate, &raw);
  const OpensslBytesPtr bytes(raw);
  COTTER_CHECK(size > 0);
  return base::Sha256(ByteView(bytes.get(), static_cast<std::size_t>(size)));
}

void AppendNumber(Bytes& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(number >> shift));
}

// DigestOfContent hashes what ContentDigest documents, in an order that does not depend on the
// order of the options.
Digest DigestOfContent(X509_STORE& store, std::vector<std::string> directories) {
  std::vector<Digest> digests;
  STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(&store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (certificate != nullptr) digests.push_back(DigestOfTrusted(certificate));
  }
  std::ranges::sort(digests);
  Bytes content;
  AppendNumber(content, digests.size());
  for (const Digest& digest : digests) {
    content.insert(content.end(), digest.bytes.begin(), digest.bytes.end());
  }
  std::ranges::sort(directories);
  for (const std::string& directory : directories) {
    struct stat facts {};  // zero where there is no such directory
    (void)::stat(directory.c_str(), &facts);
    AppendNumber(content, directory.size());
    const ByteView path = AsBytes(directory);
    content.insert(content.end(), path.begin(), path.end());
    AppendNumber(content, static_cast<std::uint64_t>(facts.st_mtim.tv_sec));
    AppendNumber(content, static_cast<std::uint64_t>(facts.st_mtim.tv_nsec));
  }
  return base::Sha256(content);
}

// PublicDigests is the sorted digests of the certificates in `directory`, one PEM file each. What
// cannot be read is not public.
std::vector<Digest> PublicDigests(const std::string& directory) {
  std::vector<Digest> digests;
  for (const std::string& name : NamesIn(directory)) {
    const Result<base::FileImage> file = base::ReadFile(directory + "/" + name, kMaxPublicRootSize);
    if (!file) continue;
    const BioPtr bio = ReadOnlyBio(file->bytes());
    unsigned char* raw = nullptr;
    long size = 0;
    if (PEM_bytes_read_bio(&raw, &size, nullptr, PEM_STRING_X509, bio.get(), NoPassword, nullptr) ==
        1) {
      const OpensslBytesPtr der(raw);
      digests.push_back(base::Sha256(ByteView(der.get(), static_cast<std::size_t>(size))));
    }
    ERR_clear_error();
  }
  std::ranges::sort(digests);
  return digests;
}

}  // namespace

Result<std::shared_ptr<const TrustStore>> LoadTrustStore(const TrustOptions& options) {
  return TrustStore::Load(options);
}

Result<std::shared_ptr<const TrustStore>> TrustStore::Load(const TrustOptions& options) {
  auto trust = std::make_shared<TrustStore>(Passkey{});
  trust->store_.reset(X509_STORE_new());
  if (!trust->store_) return Error{Code::kInternal, "out of memory for the trust store"};
  if (const Result<void> added = AddEverything(*trust->store_, options); !added) {
    return added.error();
  }
  std::vector<std::string> directories = options.directories;
  if (options.system_roots == SystemRoots::kUse) {
    // A missing default file or directory is no error to OpenSSL, but it leaves one in the queue.
    X509_STORE_set_default_paths(trust->store_.get());
    ERR_clear_error();
    const std::vector<std::string> system = SystemDirectories();
    directories.insert(directories.end(), system.begin(), system.end());
  }
  if (const Result<void> filled = CheckNotEmpty(*trust->store_, options, directories); !filled) {
    return filled.error();
  }
  STACK_OF(X509_OBJECT)* const objects = X509_STORE_get0_objects(trust->store());
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509* const certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (certificate != nullptr) AttachNotes(certificate);
  }
  trust->content_digest_ = DigestOfContent(*trust->store_, std::move(directories));
  trust->public_roots_ = options.public_roots;
  return std::shared_ptr<const TrustStore>(trust);
}

std::shared_ptr<const TrustStore> TrustStore::Share(X509_STORE* store) {
  auto trust = std::make_shared<TrustStore>(Passkey{});
  COTTER_CHECK(X509_STORE_up_ref(store) == 1);
  trust->store_.reset(store);
  trust->public_roots_ = TrustOptions().public_roots;
  return trust;
}

std::optional<Bytes> TrustStore::FindByKey(const Digest& spki) const {
  STACK_OF(X509_OBJECT)* const objects = X509_STORE_get0_objects(store());
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    const X509* const certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (certificate == nullptr) continue;
    unsigned char* raw = nullptr;
    const int size = i2d_X509(certificate, &raw);
    const OpensslBytesPtr der(raw);
    if (size <= 0) continue;
    const ByteView bytes(der.get(), static_cast<std::size_t>(size));
    const Result<ByteView> key = FindSpki(bytes);
    if (key && base::Sha256(*key) == spki) return Bytes(bytes.begin(), bytes.end());
  }
  return std::nullopt;
}

AnchorOrigin TrustStore::OriginOf(const X509& anchor) const {
  std::call_once(public_digests_once_, [this] { public_digests_ = PublicDigests(public_roots_); });
  unsigned char* raw = nullptr;
  const int size = i2d_X509(&anchor, &raw);
  const OpensslBytesPtr der(raw);
  if (size <= 0) return AnchorOrigin::kLocal;
  const Digest digest = base::Sha256(ByteView(der.get(), static_cast<std::size_t>(size)));
  return std::ranges::binary_search(public_digests_, digest) ? AnchorOrigin::kPublic
                                                             : AnchorOrigin::kLocal;
}

}  // namespace cotter::tls
