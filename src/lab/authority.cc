// SPDX-License-Identifier: Apache-2.0
#include "lab/authority.h"

#include <array>
#include <utility>

#include <arpa/inet.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/clock.h"
#include "base/file.h"
#include "lab/handles.h"

namespace cotter::lab {
namespace {

// From the arc of RFC 5612, "example enterprise number for documentation": nobody implements it.
constexpr const char* kUnknownExtensionOid = "1.3.6.1.4.1.32473.1";

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;

enum class Role : std::uint8_t { kLeaf, kAuthority };

// Subject is who a certificate is for.
struct Subject {
  const X509_NAME* name = nullptr;
  EVP_PKEY* key = nullptr;
};

// Signer is who signs it. `certificate` is null when the certificate signs itself.
struct Signer {
  X509* certificate = nullptr;
  EVP_PKEY* key = nullptr;
};

using NameHandle = std::unique_ptr<X509_NAME, FreeWith<&X509_NAME_free>>;
using GeneralNamesHandle = std::unique_ptr<GENERAL_NAMES, FreeWith<&GENERAL_NAMES_free>>;

X509Handle Decode(const Certificate& certificate) {
  const std::uint8_t* cursor = certificate.der.data();
  X509Handle decoded(d2i_X509(nullptr, &cursor, static_cast<long>(certificate.der.size())));
  COTTER_CHECK(decoded != nullptr);
  return decoded;
}

template <typename Object, typename Encode>
Bytes EncodeDer(Object* object, Encode encode) {
  const int size = encode(object, nullptr);
  COTTER_CHECK(size > 0);
  Bytes der(static_cast<std::size_t>(size));
  std::uint8_t* cursor = der.data();
  COTTER_CHECK(encode(object, &cursor) == size);
  return der;
}

// Text is what `write` puts into a memory BIO.
template <typename Write>
std::string Text(Write write) {
  const BioHandle memory(BIO_new(BIO_s_mem()));
  COTTER_CHECK(memory != nullptr);
  COTTER_CHECK(write(memory.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string PemBlock(const char* label, const Bytes& der) {
  return Text([&](BIO* out) {
    return PEM_write_bio(out, label, "", der.data(), static_cast<long>(der.size())) > 0 ? 1 : 0;
  });
}

NameHandle MakeName(const CertificateOptions& options) {
  NameHandle name(X509_NAME_new());
  COTTER_CHECK(name != nullptr);
  const auto add = [&](int nid, const std::string& value) {
    if (value.empty()) return;
    const auto* text = AsBytes(value).data();
    COTTER_CHECK(X509_NAME_add_entry_by_NID(name.get(), nid, MBSTRING_UTF8, text,
                                            static_cast<int>(value.size()), -1, 0) == 1);
  };
  add(NID_organizationName, options.organization);
  add(NID_commonName, options.common_name);
  return name;
}

void SetTime(ASN1_TIME* field, Time time) {
  COTTER_CHECK(ASN1_TIME_set(field, static_cast<time_t>(time.unix_seconds)) != nullptr);
}

Bytes RandomSerial() {
  Bytes serial(16);
  COTTER_CHECK(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  return serial;
}

void SetSerial(X509* certificate, const Bytes& serial) {
  using NumberHandle = std::unique_ptr<BIGNUM, FreeWith<&BN_free>>;
  const NumberHandle number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  COTTER_CHECK(number != nullptr);
  COTTER_CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void AddGeneralName(GENERAL_NAMES* names, const std::string& text) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  COTTER_CHECK(name != nullptr);
  std::array<std::uint8_t, 16> address{};
  const bool is_v4 = inet_pton(AF_INET, text.c_str(), address.data()) == 1;
  const bool is_v6 = !is_v4 && inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
  if (is_v4 || is_v6) {
    ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
    COTTER_CHECK(ASN1_OCTET_STRING_set(value, address.data(), is_v4 ? 4 : 16) == 1);
    GENERAL_NAME_set0_value(name, GEN_IPADD, value);
  } else {
    ASN1_IA5STRING* value = ASN1_IA5STRING_new();
    COTTER_CHECK(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1);
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
  }
  COTTER_CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

ExtensionHandle AlternativeNames(const CertificateOptions& options) {
  const GeneralNamesHandle names(sk_GENERAL_NAME_new_null());
  COTTER_CHECK(names != nullptr);
  for (const std::string& name : options.names) AddGeneralName(names.get(), name);
  // RFC 5280, 4.2.1.6: critical where the subject is empty.
  const bool subject_is_empty = options.common_name.empty() && options.organization.empty();
  ExtensionHandle extension(
      X509V3_EXT_i2d(NID_subject_alt_name, subject_is_empty ? 1 : 0, names.get()));
  COTTER_CHECK(extension != nullptr);
  return extension;
}

void AddExtension(X509* certificate, X509V3_CTX* context, int nid, const std::string& value) {
  const ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str()));
  COTTER_CHECK(extension != nullptr);
  COTTER_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::string Joined(const std::vector<std::string>& parts, const std::string& prefix) {
  std::string joined;
  for (const std::string& part : parts) {
    if (!joined.empty()) joined += ',';
    joined += prefix + part;
  }
  return joined;
}

void AddUnknownCriticalExtension(X509* certificate) {
  using ObjectHandle = std::unique_ptr<ASN1_OBJECT, FreeWith<&ASN1_OBJECT_free>>;
  using OctetsHandle = std::unique_ptr<ASN1_OCTET_STRING, FreeWith<&ASN1_OCTET_STRING_free>>;
  constexpr std::array<std::uint8_t, 2> kDerNull = {0x05, 0x00};
  const ObjectHandle oid(OBJ_txt2obj(kUnknownExtensionOid, 1));
  const OctetsHandle value(ASN1_OCTET_STRING_new());
  COTTER_CHECK(oid != nullptr && value != nullptr);
  COTTER_CHECK(ASN1_OCTET_STRING_set(value.get(), kDerNull.data(), kDerNull.size()) == 1);
  const ExtensionHandle extension(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 1, value.get()));
  COTTER_CHECK(extension != nullptr);
  COTTER_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void AddConstraints(X509* certificate, X509V3_CTX* context, const CertificateOptions& options) {
  std::string basic = "critical,CA:TRUE";
  if (options.path_length) basic += ",pathlen:" + std::to_string(*options.path_length);
  AddExtension(certificate, context, NID_basic_constraints, basic);
  AddExtension(certificate, context, NID_key_usage, "critical,keyCertSign,cRLSign");
  const std::string permitted = Joined(options.permitted_names, "permitted;");
  const std::string excluded = Joined(options.excluded_names, "excluded;");
  if (permitted.empty() && excluded.empty()) return;
  const std::string comma = permitted.empty() || excluded.empty() ? "" : ",";
  AddExtension(certificate, context, NID_name_constraints,
               "critical," + permitted + comma + excluded);
}

void AddExtensions(X509* certificate, X509* issuer, Role role, const CertificateOptions& options) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  if (role == Role::kAuthority) {
    AddConstraints(certificate, &context, options);
  } else {
    AddExtension(certificate, &context, NID_basic_constraints, "critical,CA:FALSE");
    AddExtension(certificate, &context, NID_key_usage, "critical,digitalSignature");
  }
  const std::vector<std::string> usage = options.extended_key_usage.value_or(
      role == Role::kLeaf ? std::vector<std::string>{"serverAuth"} : std::vector<std::string>{});
  if (!usage.empty()) AddExtension(certificate, &context, NID_ext_key_usage, Joined(usage, ""));
  AddExtension(certificate, &context, NID_subject_key_identifier, "hash");
  if (issuer != certificate) {
    AddExtension(certificate, &context, NID_authority_key_identifier, "keyid:always");
  }
  if (!options.names.empty()) {
    COTTER_CHECK(X509_add_ext(certificate, AlternativeNames(options).get(), -1) == 1);
  }
  if (options.unknown_critical_extension) AddUnknownCriticalExtension(certificate);
}

const EVP_MD* DigestFor(EVP_PKEY* key, SignatureHash hash) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return nullptr;
  switch (hash) {
    case SignatureHash::kSha256:
      return EVP_sha256();
    case SignatureHash::kSha384:
      return EVP_sha384();
    case SignatureHash::kInsecureSha1:
      return EVP_sha1();
  }
  std::abort();
}

Validity DefaultValidity(Role role) {
  const std::int64_t now = base::Now().unix_seconds;
  const std::int64_t days = role == Role::kAuthority ? 3650 : 90;
  return {Time{now - kHour}, Time{now - kHour + days * kDay}};
}

Certificate Build(Role role, const Subject& subject, const Signer& signer,
                  const CertificateOptions& options) {
  const X509Handle certificate(X509_new());
  COTTER_CHECK(certificate != nullptr);
  COTTER_CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  SetSerial(certificate.get(), options.serial ? *options.serial : RandomSerial());
  const Validity validity = options.validity.value_or(DefaultValidity(role));
  SetTime(X509_getm_notBefore(certificate.get()), validity.not_before);
  SetTime(X509_getm_notAfter(certificate.get()), validity.not_after);
  const X509_NAME* issuer_name =
      signer.certificate != nullptr ? X509_get_subject_name(signer.certificate) : subject.name;
  COTTER_CHECK(X509_set_subject_name(certificate.get(), subject.name) == 1);
  COTTER_CHECK(X509_set_issuer_name(certificate.get(), issuer_name) == 1);
  COTTER_CHECK(X509_set_pubkey(certificate.get(), subject.key) == 1);
  X509* issuer = signer.certificate != nullptr ? signer.certificate : certificate.get();
  AddExtensions(certificate.get(), issuer, role, options);
  COTTER_CHECK(X509_sign(certificate.get(), signer.key, DigestFor(signer.key, options.hash)) > 0);
  return {EncodeDer(certificate.get(), i2d_X509)};
}

Key KeyFor(const CertificateOptions& options) {
  return options.key ? *options.key : Key::Generate(options.key_kind);
}

bool IsSelfIssued(X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

// ChainBelow is what a certificate issued by `issuer` is sent with.
std::vector<Certificate> ChainBelow(const Identity& issuer, X509* decoded_issuer) {
  if (IsSelfIssued(decoded_issuer)) return {};
  std::vector<Certificate> chain = {issuer.certificate};
  chain.insert(chain.end(), issuer.chain.begin(), issuer.chain.end());
  return chain;
}

Identity MakeSelfSigned(Role role, const CertificateOptions& options) {
  Key key = KeyFor(options);
  const NameHandle name = MakeName(options);
  Certificate certificate =
      Build(role, {name.get(), key.native()}, {nullptr, key.native()}, options);
  return {std::move(certificate), {}, std::move(key)};
}

Identity MakeBelow(Role role, const Identity& issuer, EVP_PKEY* signing_key,
                   const CertificateOptions& options) {
  Key key = KeyFor(options);
  const NameHandle name = MakeName(options);
  const X509Handle above = Decode(issuer.certificate);
  Certificate certificate =
      Build(role, {name.get(), key.native()}, {above.get(), signing_key}, options);
  return {std::move(certificate), ChainBelow(issuer, above.get()), std::move(key)};
}

EVP_PKEY* GenerateNative(KeyKind kind) {
  switch (kind) {
    case KeyKind::kP256:
      return EVP_EC_gen("P-256");
    case KeyKind::kP384:
      return EVP_EC_gen("P-384");
    case KeyKind::kRsa2048:
      return EVP_RSA_gen(2048);
    case KeyKind::kRsa3072:
      return EVP_RSA_gen(3072);
    case KeyKind::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    case KeyKind::kInsecureRsa1024:
      return EVP_RSA_gen(1024);
  }
  std::abort();
}

}  // namespace

Key Key::Generate(KeyKind kind) {
  EVP_PKEY* key = GenerateNative(kind);
  COTTER_CHECK(key != nullptr);
  return Key(std::shared_ptr<evp_pkey_st>(key, EVP_PKEY_free));
}

Bytes Key::Spki() const { return EncodeDer(native(), i2d_PUBKEY); }

std::string Key::PublicPem() const {
  return Text([&](BIO* out) { return PEM_write_bio_PUBKEY(out, native()); });
}

std::string Key::PrivatePem() const {
  return Text([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, native(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string Certificate::Pem() const { return PemBlock(PEM_STRING_X509, der); }

std::string Request::Pem() const { return PemBlock(PEM_STRING_X509_REQ, der); }

std::string Identity::ChainPem() const {
  std::string text = certificate.Pem();
  for (const Certificate& issuer : chain) text += issuer.Pem();
  return text;
}

Identity MakeRoot(const CertificateOptions& options) {
  return MakeSelfSigned(Role::kAuthority, options);
}

Identity MakeIntermediate(const Identity& issuer, const CertificateOptions& options) {
  return MakeBelow(Role::kAuthority, issuer, issuer.key.native(), options);
}

Identity Issue(const Identity& issuer, const CertificateOptions& options) {
  return MakeBelow(Role::kLeaf, issuer, issuer.key.native(), options);
}

Identity IssueSelfSigned(const CertificateOptions& options) {
  return MakeSelfSigned(Role::kLeaf, options);
}

Identity CrossSign(const Identity& issuer, const Identity& subject,
                   const CertificateOptions& options) {
  const X509Handle above = Decode(issuer.certificate);
  const X509Handle original = Decode(subject.certificate);
  Certificate certificate =
      Build(Role::kAuthority, {X509_get_subject_name(original.get()), subject.key.native()},
            {above.get(), issuer.key.native()}, options);
  return {std::move(certificate), ChainBelow(issuer, above.get()), subject.key};
}

Identity Forge(const Identity& issuer, const CertificateOptions& options) {
  // The forger has no access to the issuer's key, so it signs with one of its own of the same
  // kind as the certificate's: a well-formed signature that does not verify.
  const Key forger = Key::Generate(KeyKind::kP256);
  return MakeBelow(Role::kLeaf, issuer, forger.native(), options);
}

Request MakeRequest(const Key& key, const CertificateOptions& options) {
  using ExtensionsHandle =
      std::unique_ptr<STACK_OF(X509_EXTENSION), FreeWith<[](STACK_OF(X509_EXTENSION) * stack) {
                        sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
                      }>>;
  const RequestHandle request(X509_REQ_new());
  COTTER_CHECK(request != nullptr);
  COTTER_CHECK(X509_REQ_set_subject_name(request.get(), MakeName(options).get()) == 1);
  COTTER_CHECK(X509_REQ_set_pubkey(request.get(), key.native()) == 1);
  if (!options.names.empty()) {
    const ExtensionsHandle extensions(sk_X509_EXTENSION_new_null());
    COTTER_CHECK(extensions != nullptr);
    COTTER_CHECK(sk_X509_EXTENSION_push(extensions.get(), AlternativeNames(options).release()) > 0);
    COTTER_CHECK(X509_REQ_add_extensions(request.get(), extensions.get()) == 1);
  }
  COTTER_CHECK(X509_REQ_sign(request.get(), key.native(), DigestFor(key.native(), options.hash)) >
               0);
  return {EncodeDer(request.get(), i2d_X509_REQ)};
}

Result<void> WritePublicFile(const std::string& path, std::string_view text) {
  return base::WriteFileAtomically(path, AsBytes(text));
}

Result<void> WriteKeyFile(const std::string& path, const Key& key) {
  return base::WriteFileAtomically(path, AsBytes(key.PrivatePem()), 0600);
}

}  // namespace cotter::lab
