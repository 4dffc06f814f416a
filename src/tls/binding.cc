// SPDX-License-Identifier: Apache-2.0
#include "tls/binding.h"

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/sha256.h"
#include "core/policy_image.h"

namespace cotter::tls {
namespace {

// Text is bytes to be hashed, in which no two different values look alike: numbers have a fixed
// length, and texts have theirs in front.
class Text {
 public:
  explicit Text(std::string_view purpose) { Add(purpose); }

  void Add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      bytes_.push_back(static_cast<std::uint8_t>(number >> shift));
    }
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void Add(Enum value) { Add(static_cast<std::uint64_t>(value)); }
  void Add(ByteView bytes) {
    Add(bytes.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void Add(std::string_view text) { Add(AsBytes(text)); }
  void Add(const Digest& digest) { Add(ByteView(digest.bytes)); }

  [[nodiscard]] Digest Hash() const { return base::Sha256(bytes_); }

 private:
  Bytes bytes_;
};

void AddRule(const Lookup& lookup, Text& text) {
  text.Add(lookup.kind);
  if (lookup.kind != Lookup::Kind::kRule) return;
  const CompiledRule& rule = lookup.rule;
  text.Add(rule.mode());
  text.Add(rule.require());
  text.Add(rule.local_anchors());
  text.Add(rule.on_expiry());
  text.Add(std::uint64_t{rule.expires().has_value()});
  if (rule.expires()) text.Add(static_cast<std::uint64_t>(rule.expires()->unix_seconds));
  text.Add(rule.pin_count());
  for (std::size_t i = 0; i < rule.pin_count(); ++i) {
    const Pin pin = rule.pin(i);
    text.Add(pin.kind);
    text.Add(pin.place);
    text.Add(pin.use);
    text.Add(pin.digest);
  }
}

void AddClientCertificate(const SSL* ssl, Text& text) {
  const X509* const own = SSL_get_certificate(ssl);
  Digest digest;
  unsigned size = 0;
  const bool has =
      own != nullptr && X509_digest(own, EVP_sha256(), digest.bytes.data(), &size) == 1;
  text.Add(std::uint64_t{has});
  if (has) text.Add(digest);
}

}  // namespace

Digest Binder::WholePolicy(const std::shared_ptr<const PolicyIndex>& policy) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (policy_ == policy) return whole_;
  }
  // Once a policy, because the keys may be many.
  const ByteView bytes = policy->image();
  const auto header = image::Load<image::Header>(bytes.data());
  const image::Layout layout(header);
  Text text("cotter policy");
  text.Add(policy->unlisted());
  text.Add(std::uint64_t{policy->partial_chain()});
  text.Add(bytes.subspan(layout.revoked, layout.inspection - layout.revoked));
  text.Add(bytes.subspan(layout.inspection, layout.text - layout.inspection));
  const Digest whole = text.Hash();
  const std::lock_guard<std::mutex> lock(mutex_);
  policy_ = policy;
  whole_ = whole;
  kept_ = {};
  return whole;
}

std::optional<Digest> Binder::Find(const std::shared_ptr<const PolicyIndex>& policy,
                                   const Endpoint& endpoint, const TrustStore& trust) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (policy_ != policy) return std::nullopt;
  for (const Kept& kept : kept_) {
    if (kept.endpoint && kept.trust == &trust && kept.endpoint->port == endpoint.port &&
        kept.endpoint->host == endpoint.host) {
      return kept.digest;
    }
  }
  return std::nullopt;
}

Digest Binder::Bind(const std::shared_ptr<const PolicyIndex>& policy, const Endpoint& endpoint,
                    const TrustStore& trust, const SSL* ssl) {
  const bool shows_certificate = SSL_get_certificate(ssl) != nullptr;
  if (!shows_certificate) {
    if (const std::optional<Digest> kept = Find(policy, endpoint, trust)) return *kept;
  }
  Text text("cotter session");
  text.Add(WholePolicy(policy));
  AddRule(policy->Find(endpoint.host, endpoint.port), text);
  text.Add(trust.ContentDigest());
  text.Add(endpoint.host.text());
  text.Add(std::uint64_t{endpoint.port});
  AddClientCertificate(ssl, text);
  const Digest digest = text.Hash();
  if (shows_certificate) return digest;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (policy_ == policy) {
    kept_[next_] = {endpoint, &trust, digest};
    next_ = (next_ + 1) % kMostKept;
  }
  return digest;
}

}  // namespace cotter::tls
