// SPDX-License-Identifier: Apache-2.0
//
// Observations as they travel from an agent to its collector: the facts as JSON, and around them an
// envelope that is signed byte for byte with the agent's Ed25519 key.
//
//   cotter-watch-1 NAME SEQUENCE TIME SIGNATURE
//   {"reports": [...]}
//
// The signature, base64, is over the first line without it ("cotter-watch-1 NAME SEQUENCE TIME"), a
// line feed, and the JSON. SEQUENCE grows with each envelope of an agent, so none is taken twice;
// TIME, in seconds since 1970, keeps old ones out. Pure functions but for reading key files; safe
// from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "watch/facts.h"
#include <cotter/result.h>
#include <cotter/time.h>

struct evp_pkey_st;

namespace cotter::watch {

// One envelope. A report of a server with many addresses is a few KiB.
inline constexpr std::size_t kMaxEnvelope = std::size_t{4} << 20;
inline constexpr std::size_t kMaxReports = 1000;
inline constexpr std::size_t kMaxPeers = 256;   // of one server
inline constexpr std::size_t kMaxChains = 256;  // likewise
inline constexpr std::size_t kMaxPath = 32;     // certificates of a chain

// Envelopes are refused outside this many seconds around now.
inline constexpr std::int64_t kMaxEnvelopeAge = 300;

// FormatReports writes facts as JSON. Allocates.
[[nodiscard]] std::string FormatReports(std::span<const ServerFacts> reports);

// FormatBatch moves reports from `waiting` to `batch`, as many as one envelope takes, and writes
// them: bounded by their bytes too, for what servers present says how large a report is.
[[nodiscard]] std::string FormatBatch(std::map<std::string, ServerFacts>& waiting,
                                      std::map<std::string, ServerFacts>& batch);

// ParseReports reads them, strictly. Fails with kFormatMalformed.
[[nodiscard]] Result<std::vector<ServerFacts>> ParseReports(std::string_view json);

// SigningKey is an agent's private key.
class SigningKey {
 public:
  // Read takes an unencrypted Ed25519 key in PEM from a file that others cannot read. Fails with
  // kFileUnreadable, kKeyEncrypted, kKeyUnsupported or kInputUnknown.
  [[nodiscard]] static Result<SigningKey> Read(const std::string& path);

  [[nodiscard]] Result<Bytes> Sign(ByteView message) const;

 private:
  explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;  // shared by copies, never changed
};

// CheckingKey is an agent's public key.
class CheckingKey {
 public:
  // Read takes an Ed25519 key in PEM. Fails with kFileUnreadable, kKeyUnsupported or kInputUnknown.
  [[nodiscard]] static Result<CheckingKey> Read(const std::string& path);

  [[nodiscard]] bool Verifies(ByteView message, ByteView signature) const;

 private:
  explicit CheckingKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;  // shared by copies, never changed
};

// Seal makes an envelope around `json`.
[[nodiscard]] Result<std::string> Seal(std::string_view name, std::uint64_t sequence, Time time,
                                       std::string_view json, const SigningKey& key);

// Envelope is what an envelope says before its signature was checked. Borrows from the text.
struct Envelope {
  std::string_view name;
  std::uint64_t sequence = 0;
  Time time;
  Bytes signature;
  std::string_view signed_head;  // the first line without the signature
  std::string_view json;
};

// OpenEnvelope takes an envelope apart. Fails with kFormatMalformed.
[[nodiscard]] Result<Envelope> OpenEnvelope(std::string_view text);

// IsSignedBy reports whether `key` signed the envelope.
[[nodiscard]] bool IsSignedBy(const Envelope& envelope, const CheckingKey& key);

}  // namespace cotter::watch
