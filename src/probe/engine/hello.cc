// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/hello.h"

#include <algorithm>
#include <array>

namespace cotter::probe {
namespace {

struct Suite {
  std::uint16_t number;
  std::string_view name;
};

// Suites that a sound server of TLS 1.2 or older may choose, strongest first.
constexpr std::array kUsual{
    Suite{0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    Suite{0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    Suite{0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    Suite{0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    Suite{0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    Suite{0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    Suite{0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
    Suite{0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
    Suite{0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
    Suite{0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
    Suite{0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    Suite{0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    Suite{0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    Suite{0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    Suite{0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"},
    Suite{0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
    Suite{0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
    Suite{0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
    Suite{0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"},
    Suite{0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"},
    Suite{0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"},
    Suite{0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"},
    Suite{0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"},
    Suite{0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"},
};

constexpr std::array kTls13{
    Suite{0x1301, "TLS_AES_128_GCM_SHA256"},
    Suite{0x1302, "TLS_AES_256_GCM_SHA384"},
    Suite{0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
    Suite{0x1304, "TLS_AES_128_CCM_SHA256"},
};

// What nobody should use (RFC 9325, 4.1: NULL, RC4, fewer than 112 bits; and 3DES, whose blocks are
// too small: CVE-2016-2183), and anonymous suites.
constexpr std::array kWeak{
    Suite{0x0001, "TLS_RSA_WITH_NULL_MD5"},
    Suite{0x0002, "TLS_RSA_WITH_NULL_SHA"},
    Suite{0x003b, "TLS_RSA_WITH_NULL_SHA256"},
    Suite{0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"},
    Suite{0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA"},
    Suite{0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"},
    Suite{0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"},
    Suite{0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"},
    Suite{0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA"},
    Suite{0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256"},
    Suite{0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256"},
    Suite{0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"},
    Suite{0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"},
    Suite{0xc015, "TLS_ECDH_anon_WITH_NULL_SHA"},
    Suite{0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA"},
    Suite{0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA"},
    Suite{0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"},
    Suite{0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"},
    Suite{0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"},
    Suite{0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5"},
    Suite{0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"},
    Suite{0x0011, "TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA"},
    Suite{0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"},
    Suite{0x0062, "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA"},
    Suite{0x0064, "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA"},
    Suite{0x0009, "TLS_RSA_WITH_DES_CBC_SHA"},
    Suite{0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"},
    Suite{0x0004, "TLS_RSA_WITH_RC4_128_MD5"},
    Suite{0x0005, "TLS_RSA_WITH_RC4_128_SHA"},
    Suite{0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"},
    Suite{0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
    Suite{0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"},
    Suite{0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
    Suite{0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    Suite{0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"},
    Suite{0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"},
};

template <std::size_t kSize>
constexpr std::array<std::uint16_t, kSize> NumbersOf(const std::array<Suite, kSize>& suites) {
  std::array<std::uint16_t, kSize> numbers{};
  for (std::size_t i = 0; i < kSize; ++i) numbers[i] = suites[i].number;
  return numbers;
}
constexpr auto kUsualNumbers = NumbersOf(kUsual);
constexpr auto kTls13Numbers = NumbersOf(kTls13);
constexpr auto kWeakNumbers = NumbersOf(kWeak);

// For SSL 3 and TLS 1.0 weak suites count too: often they are all that such a server has.
constexpr auto kOldNumbers = [] {
  std::array<std::uint16_t, kUsual.size() + kWeak.size()> numbers{};
  std::copy(kUsualNumbers.begin(), kUsualNumbers.end(), numbers.begin());
  std::copy(kWeakNumbers.begin(), kWeakNumbers.end(), numbers.begin() + kUsual.size());
  return numbers;
}();

// RFC 5746, 3.3: stands for an empty renegotiation_info, which SSL 3 could not carry.
constexpr std::uint16_t kRenegotiationScsv = 0x00ff;

constexpr std::uint8_t kAlertRecord = 21;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kWarning = 1;
constexpr std::uint8_t kUnrecognizedName = 112;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kServerHello = 2;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kRandomSize = 32;

std::uint16_t NumberOf(TlsVersion version) noexcept {
  return static_cast<std::uint16_t>(0x0300 + static_cast<unsigned>(version));
}

std::optional<TlsVersion> VersionOf(std::size_t number) noexcept {
  if (number < 0x0300 || number > 0x0304) return std::nullopt;
  return static_cast<TlsVersion>(number - 0x0300);
}

void Put(Bytes& out, std::size_t value, std::size_t size) {
  while (size-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * size)));
}

void PutBlock(Bytes& out, const Bytes& content, std::size_t length_size) {
  Put(out, content.size(), length_size);
  out.insert(out.end(), content.begin(), content.end());
}

void PutExtension(Bytes& out, std::uint16_t type, const Bytes& content) {
  Put(out, type, 2);
  PutBlock(out, content, 2);
}

Bytes ListOf(std::initializer_list<std::uint16_t> numbers, std::size_t length_size) {
  Bytes list;
  for (const std::uint16_t number : numbers) Put(list, number, 2);
  Bytes out;
  PutBlock(out, list, length_size);
  return out;
}

Bytes ServerNameOf(const std::string& name) {
  Bytes entry;
  Put(entry, 0, 1);
  PutBlock(entry, Bytes(name.begin(), name.end()), 2);
  Bytes out;
  PutBlock(out, entry, 2);
  return out;
}

Bytes ExtensionsOf(const ClientHello& hello) {
  Bytes out;
  if (!hello.server_name.empty()) PutExtension(out, 0, ServerNameOf(hello.server_name));
  // x25519, P-256, P-384, P-521, ffdhe2048.
  PutExtension(out, 10, ListOf({0x001d, 0x0017, 0x0018, 0x0019, 0x0100}, 2));
  PutExtension(out, 11, {1, 0});  // points as they are
  if (hello.version >= TlsVersion::kTls12) {
    PutExtension(out, 13,
                 ListOf({0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b,
                         0x0401, 0x0501, 0x0601, 0x0807, 0x0203, 0x0201},
                        2));
  }
  if (hello.version == TlsVersion::kTls13) {
    PutExtension(out, kSupportedVersions, ListOf({NumberOf(hello.version)}, 1));
    // No share at all: the server asks for one, and that is answer enough (RFC 8446, 4.2.8).
    PutExtension(out, 51, {0, 0});
  }
  return out;
}

// Reader cuts fields off the front of bytes; after one that is not there, nothing is.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  std::size_t Number(std::size_t size) {
    std::size_t value = 0;
    for (const std::uint8_t byte : Take(size)) value = value << 8 | byte;
    return value;
  }
  ByteView Block(std::size_t length_size) { return Take(Number(length_size)); }
  ByteView Take(std::size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

 private:
  ByteView rest_;
  bool good_ = true;
};

Result<HelloAnswer> ReadServerHello(ByteView body) {
  const Error malformed{Code::kTlsFailed, "the server's ServerHello is malformed"};
  Reader reader(body);
  std::size_t version = reader.Number(2);
  reader.Take(kRandomSize);
  const std::size_t session = reader.Block(1).size();
  const auto suite = static_cast<std::uint16_t>(reader.Number(2));
  reader.Take(1);  // compression
  if (!reader.good() || session > 32) return malformed;
  Reader extensions(reader.empty() ? ByteView() : reader.Block(2));
  while (reader.good() && extensions.good() && !extensions.empty()) {
    const std::size_t type = extensions.Number(2);
    const ByteView content = extensions.Block(2);
    if (type == kSupportedVersions) version = Reader(content).Number(2);
  }
  const std::optional<TlsVersion> known = VersionOf(version);
  if (!reader.good() || !extensions.good() || !known) return malformed;
  return HelloAnswer(ServerChoice{*known, suite});
}

struct AlertText {
  std::uint8_t number;
  std::string_view name;
};
constexpr std::array kAlerts{
    AlertText{0, "close_notify"},
    AlertText{10, "unexpected_message"},
    AlertText{40, "handshake_failure"},
    AlertText{47, "illegal_parameter"},
    AlertText{50, "decode_error"},
    AlertText{70, "protocol_version"},
    AlertText{71, "insufficient_security"},
    AlertText{80, "internal_error"},
    AlertText{86, "inappropriate_fallback"},
    AlertText{109, "missing_extension"},
    AlertText{kUnrecognizedName, "unrecognized_name"},
};

}  // namespace

std::string SuiteName(std::uint16_t suite) {
  const auto find = [suite](const auto& table) -> const Suite* {
    const auto at = std::find_if(table.begin(), table.end(),
                                 [suite](const Suite& one) { return one.number == suite; });
    return at == table.end() ? nullptr : &*at;
  };
  for (const Suite* found : {find(kUsual), find(kTls13), find(kWeak)}) {
    if (found != nullptr) return std::string(found->name);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 12; shift >= 0; shift -= 4) text += kDigits[(suite >> shift) & 0xfU];
  return text;
}

std::span<const std::uint16_t> UsualSuites(TlsVersion version) noexcept {
  if (version == TlsVersion::kTls13) return kTls13Numbers;
  if (version == TlsVersion::kTls12) return kUsualNumbers;
  return kOldNumbers;
}

std::span<const std::uint16_t> WeakSuites() noexcept { return kWeakNumbers; }

Bytes EncodeHello(const ClientHello& hello) {
  COTTER_CHECK(!hello.suites.empty() && hello.random.size() == kRandomSize);
  Bytes body;
  Put(body, std::min(NumberOf(hello.version), NumberOf(TlsVersion::kTls12)), 2);
  body.insert(body.end(), hello.random.begin(), hello.random.end());
  // RFC 8446, D.4: a session id lets TLS 1.3 pass through what knows only 1.2.
  const bool compatible = hello.version == TlsVersion::kTls13;
  PutBlock(body, compatible ? Bytes(hello.random.begin(), hello.random.end()) : Bytes(), 1);
  Bytes suites;
  for (const std::uint16_t suite : hello.suites) Put(suites, suite, 2);
  Put(suites, kRenegotiationScsv, 2);
  PutBlock(body, suites, 2);
  PutBlock(body, {0}, 1);  // no compression
  if (hello.version != TlsVersion::kSsl3) PutBlock(body, ExtensionsOf(hello), 2);
  Bytes message;
  Put(message, kClientHello, 1);
  PutBlock(message, body, 3);
  Bytes record;
  Put(record, kHandshakeRecord, 1);
  // RFC 8446, 5.1: the record of a first ClientHello may say TLS 1.0, which everybody understands.
  Put(record, std::min(NumberOf(hello.version), NumberOf(TlsVersion::kTls10)), 2);
  PutBlock(record, message, 2);
  return record;
}

Result<HelloAnswer> ReadHelloAnswer(ByteView received) {
  Bytes handshake;
  for (ByteView rest = received;;) {
    const bool begins_wrong =
        (!rest.empty() && rest[0] != kAlertRecord && rest[0] != kHandshakeRecord) ||
        (rest.size() > 1 && rest[1] != 3);
    if (begins_wrong) {
      return Error{Code::kNotTls, "the server does not speak TLS on this port"};
    }
    if (rest.size() < kRecordHeader) break;
    const std::size_t length = std::size_t{rest[3]} << 8 | rest[4];
    if (length == 0) return Error{Code::kTlsFailed, "the server sent an empty record"};
    const bool whole = rest.size() - kRecordHeader >= length;
    const ByteView content =
        rest.subspan(kRecordHeader, std::min(length, rest.size() - kRecordHeader));
    if (rest[0] == kAlertRecord) {
      if (length != 2) return Error{Code::kTlsFailed, "the server's alert is malformed"};
      if (!whole) break;
      // RFC 6066, 3: some warn that they do not know the name, and go on.
      if (content[0] == kWarning && content[1] == kUnrecognizedName) {
        rest = rest.subspan(kRecordHeader + length);
        continue;
      }
      return HelloAnswer(ServerAlert{content[1]});
    }
    handshake.insert(handshake.end(), content.begin(), content.end());
    if (!handshake.empty() && handshake[0] != kServerHello) {
      return Error{Code::kTlsFailed, "the server does not begin with a ServerHello"};
    }
    Reader reader(handshake);
    reader.Take(1);
    const ByteView body = reader.Block(3);
    if (reader.good()) return ReadServerHello(body);
    if (!whole) break;
    rest = rest.subspan(kRecordHeader + length);
  }
  if (received.size() >= kMaxHelloAnswer) {
    return Error{Code::kTlsFailed, "the server's ServerHello is longer than the limit"};
  }
  return HelloAnswer(NeedMore{});
}

std::string AlertName(std::uint8_t description) {
  const auto at = std::find_if(kAlerts.begin(), kAlerts.end(), [description](const AlertText& one) {
    return one.number == description;
  });
  return at != kAlerts.end() ? std::string(at->name) : "alert " + std::to_string(description);
}

}  // namespace cotter::probe
