// SPDX-License-Identifier: Apache-2.0
//
// What a look offers in its ClientHello. A server with two certificates shows the one that fits the
// client's signature algorithms, so asking for each key type takes a hello of its own. For the
// files of this room; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/tls_stream.h"
#include "probe/reach.h"
#include <cotter/host.h>
#include <cotter/openssl.h>
#include <cotter/path.h>
#include <cotter/result.h>

namespace cotter::probe {

// Offer is which keys the client says it understands.
enum class Offer : std::uint8_t { kAnyKey, kRsa, kEcdsa };

// NameOf is "any", "RSA" or "ECDSA".
[[nodiscard]] std::string_view NameOf(Offer offer) noexcept;

// MakeInsecureLookContext is what clients that make `offer` and accept every certificate are made
// from: they collect what a server shows, carry no data, and whoever uses one verifies the
// presented chain on its own. Fails with kTlsFailed.
[[nodiscard]] Result<SslContextPtr> MakeInsecureLookContext(Offer offer);

// MakeInsecureLookSsl is one such client. `server_name` is the SNI; empty sends none. Fails with
// kTlsFailed or kHostInvalid.
[[nodiscard]] Result<net::SslPtr> MakeInsecureLookSsl(SSL_CTX& context,
                                                      const std::string& server_name);

// MakeEnforcedContext is what clients that make `offer` under an enforcer are made from. Fails with
// kTlsFailed.
[[nodiscard]] Result<SslContextPtr> MakeEnforcedContext(Offer offer);

// MakeEnforcedSsl is one such client. `server_name` is the SNI; empty leaves it to the enforcer.
// Fails with kTlsFailed or kHostInvalid, and as Enforcer::Attach does.
[[nodiscard]] Result<net::SslPtr> MakeEnforcedSsl(SSL_CTX& context, const std::string& server_name,
                                                  const tls::Enforcer& enforcer,
                                                  const Endpoint& endpoint);

// KeyOf is the offer that the leaf of `presented` answers; nullopt for other kinds of key, and
// where there is no leaf that can be read.
[[nodiscard]] std::optional<Offer> KeyOf(const PresentedChain& presented) noexcept;

// Decline is whether the end of a handshake says that the server has no key of the type that was
// offered.
enum class Decline : std::uint8_t {
  kNo,       // something else went wrong
  kYes,      // an alert, or a certificate with a key of another type
  kPerhaps,  // a close without a word: so do some servers, and those that are tired of being asked.
             // One that answers the usual offer again means yes
};

// ReadDecline reads `error`, with which a handshake for `offer` ended. `key` is that of the
// certificate that was presented, if one was. It holds only of a server that has just answered
// another offer.
[[nodiscard]] Decline ReadDecline(const Error& error, Offer offer,
                                  std::optional<Offer> key) noexcept;

}  // namespace cotter::probe
