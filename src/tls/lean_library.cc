// SPDX-License-Identifier: Apache-2.0
#include "tls/lean_library.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "tls/openssl_ptr.h"

namespace cotter::tls {
namespace {

using LibraryPtr = std::unique_ptr<OSSL_LIB_CTX, FreeWith<OSSL_LIB_CTX_free>>;
using ProviderPtr = std::unique_ptr<OSSL_PROVIDER, FreeWith<OSSL_PROVIDER_unload>>;

constexpr const char* kDefault = "default";
constexpr const char* kLean = "cotter-lean";

// Wanted is an operation of the default provider, and what TLS needs of it.
struct Wanted {
  int operation = 0;
  std::span<const std::string_view> names;
};

using Name = std::string_view;

constexpr std::array<Name, 7> kDigests = {"SHA1",     "SHA2-224", "SHA2-256", "SHA2-384",
                                          "SHA2-512", "MD5",      "MD5-SHA1"};
// Those of the suites that TLS 1.2 and 1.3 have, weak ones too: they are offered, to be seen.
constexpr std::array<Name, 19> kCiphers = {"NULL",
                                           "AES-256-CBC",
                                           "AES-128-CBC",
                                           "AES-256-CTR",
                                           "AES-128-CTR",
                                           "AES-256-GCM",
                                           "AES-128-GCM",
                                           "AES-256-CCM",
                                           "AES-128-CCM",
                                           "AES-128-CBC-HMAC-SHA1",
                                           "AES-256-CBC-HMAC-SHA1",
                                           "AES-128-CBC-HMAC-SHA256",
                                           "AES-256-CBC-HMAC-SHA256",
                                           "ARIA-256-GCM",
                                           "ARIA-128-GCM",
                                           "CAMELLIA-256-CBC",
                                           "CAMELLIA-128-CBC",
                                           "DES-EDE3-CBC",
                                           "ChaCha20-Poly1305"};
constexpr std::array<Name, 1> kMacs = {"HMAC"};
constexpr std::array<Name, 3> kKdfs = {"HKDF", "TLS13-KDF", "TLS1-PRF"};
constexpr std::array<Name, 13> kKeyManagers = {"DH",       "DHX",    "DSA",  "RSA",     "RSA-PSS",
                                               "EC",       "X25519", "X448", "ED25519", "ED448",
                                               "TLS1-PRF", "HKDF",   "HMAC"};
constexpr std::array<Name, 6> kSignatures = {"DSA", "RSA", "ED25519", "ED448", "ECDSA", "HMAC"};
// The keys that a certificate of a server may have.
constexpr std::array<Name, 6> kDecoders = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448", "DSA"};

constexpr std::array<Wanted, 7> kWanted = {{
    {OSSL_OP_DIGEST, kDigests},
    {OSSL_OP_CIPHER, kCiphers},
    {OSSL_OP_MAC, kMacs},
    {OSSL_OP_KDF, kKdfs},
    {OSSL_OP_KEYMGMT, kKeyManagers},
    {OSSL_OP_SIGNATURE, kSignatures},
    {OSSL_OP_DECODER, kDecoders},
}};

bool IsWanted(const Wanted& wanted, const OSSL_ALGORITHM& algorithm) {
  const Name names = algorithm.algorithm_names;
  const Name name = names.substr(0, names.find(':'));
  if (std::find(wanted.names.begin(), wanted.names.end(), name) == wanted.names.end()) return false;
  const Name properties = algorithm.property_definition;
  return wanted.operation != OSSL_OP_DECODER ||
         properties.find("structure=SubjectPublicKeyInfo") != Name::npos;
}

// Lean is a provider that hands on what the default provider, in a context of its own, has. The
// pattern is that of OpenSSL's test/filterprov.c. OpenSSL calls a built-in provider's functions
// without anything of the caller's, so there is one for the process.
class Lean {
 public:
  static Lean& Get() noexcept {
    // Never destroyed: at the end of the process OpenSSL may have cleaned up before.
    static Lean* const lean = std::make_unique<Lean>().release();
    return *lean;
  }

  Lean() = default;
  Lean(const Lean&) = delete;
  Lean& operator=(const Lean&) = delete;
  ~Lean() = default;

  [[nodiscard]] OSSL_LIB_CTX* context() noexcept { return context_.get(); }

  // SetUp leaves no context where anything fails.
  void SetUp() {
    if (!HasUsualProviders()) return;
    inner_.reset(OSSL_LIB_CTX_new());
    if (!inner_) return;
    default_.reset(OSSL_PROVIDER_load(inner_.get(), kDefault));
    if (!default_) return;
    if (!Choose()) return;
    LibraryPtr made(OSSL_LIB_CTX_new());
    if (!made || OSSL_PROVIDER_add_builtin(made.get(), kLean, Begin) != 1) return;
    lean_.reset(OSSL_PROVIDER_load(made.get(), kLean));
    if (lean_) context_ = std::move(made);
  }

 private:
  // Choose is false where the provider lacks something: then it is another one than was tested.
  bool Choose() {
    for (std::size_t i = 0; i < kWanted.size(); ++i) {
      int no_cache = 0;
      const OSSL_ALGORITHM* algorithm =
          OSSL_PROVIDER_query_operation(default_.get(), kWanted[i].operation, &no_cache);
      for (; algorithm != nullptr && algorithm->algorithm_names != nullptr; ++algorithm) {
        if (IsWanted(kWanted[i], *algorithm)) chosen_[i].push_back(*algorithm);
      }
      if (chosen_[i].size() != kWanted[i].names.size()) return false;
      chosen_[i].push_back({});
    }
    return true;
  }

  // ChosenOf is the list for `operation`; null where all of it is handed on.
  [[nodiscard]] const OSSL_ALGORITHM* ChosenOf(int operation) const {
    for (std::size_t i = 0; i < kWanted.size(); ++i) {
      if (kWanted[i].operation == operation) return chosen_[i].data();
    }
    return nullptr;
  }

  // Whether what the process uses is the default provider and nothing else. It loads the system's
  // configuration, where nothing did so before.
  static bool HasUsualProviders() {
    struct Found {
      bool usual = false;
      bool other = false;
    } found;
    if (OSSL_PROVIDER_available(nullptr, kDefault) != 1) return false;
    OSSL_PROVIDER_do_all(
        nullptr,
        [](OSSL_PROVIDER* provider, void* into) {
          const bool is_usual = OSSL_PROVIDER_get0_name(provider) == std::string_view(kDefault);
          auto& seen = *static_cast<Found*>(into);
          (is_usual ? seen.usual : seen.other) = true;
          return 1;
        },
        &found);
    return found.usual && !found.other && EVP_default_properties_is_fips_enabled(nullptr) != 1;
  }

  static const OSSL_ALGORITHM* Query(void* /*context*/, int operation, int* no_cache) {
    if (const OSSL_ALGORITHM* const chosen = Get().ChosenOf(operation)) {
      *no_cache = 0;
      return chosen;
    }
    return OSSL_PROVIDER_query_operation(Get().default_.get(), operation, no_cache);
  }

  static void Unquery(void* /*context*/, int operation, const OSSL_ALGORITHM* algorithms) {
    if (Get().ChosenOf(operation) != nullptr) return;
    OSSL_PROVIDER_unquery_operation(Get().default_.get(), operation, algorithms);
  }

  // The groups of TLS are told this way.
  static int GetCapabilities(void* /*context*/, const char* capability, OSSL_CALLBACK* tell,
                             void* argument) {
    return OSSL_PROVIDER_get_capabilities(Get().default_.get(), capability, tell, argument);
  }

  // Begin is OpenSSL's OSSL_provider_init_fn. The algorithms are called with the context of the
  // provider that they come from.
  static int Begin(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*in*/,
                   const OSSL_DISPATCH** out, void** context) {
    // OpenSSL's table holds functions of all types as this one.
    static const std::array<OSSL_DISPATCH, 4> kFunctions = {{
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(Query)},
        {OSSL_FUNC_PROVIDER_UNQUERY_OPERATION, reinterpret_cast<void (*)()>(Unquery)},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(GetCapabilities)},
        {0, nullptr},
    }};
    *out = kFunctions.data();
    *context = OSSL_PROVIDER_get0_provider_ctx(Get().default_.get());
    return 1;
  }

  // In the order of their making; they are never freed.
  LibraryPtr inner_;
  ProviderPtr default_;
  std::array<std::vector<OSSL_ALGORITHM>, kWanted.size()> chosen_;  // each ended by an empty one
  ProviderPtr lean_;
  LibraryPtr context_;
};

}  // namespace

OSSL_LIB_CTX* LeanLibrary() noexcept {
  // Not part of Get: OpenSSL calls that while this is at work.
  static OSSL_LIB_CTX* const context = [] {
    Lean::Get().SetUp();
    ERR_clear_error();
    return Lean::Get().context();
  }();
  return context;
}

}  // namespace cotter::tls
