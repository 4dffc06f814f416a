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
#include <cotter/result.h>

namespace cotter::probe {

// Offer is which keys the client says it understands.
enum class Offer : std::uint8_t { kAnyKey, kRsa, kEcdsa };

// NameOf is "any", "RSA" or "ECDSA".
[[nodiscard]] std::string_view NameOf(Offer offer) noexcept;

// MakeInsecureLookSsl is a client, TLS 1.2 at least, that makes `offer` and accepts every
// certificate: it collects what a server shows, carries no data, and whoever uses it verifies the
// presented chain on its own. `server_name` is the SNI; empty sends none. Fails with kTlsFailed.
[[nodiscard]] Result<net::SslPtr> MakeInsecureLookSsl(Offer offer, const std::string& server_name);

// KeyOf is the offer that the server's certificate answers; nullopt for other kinds of key. The
// handshake of `ssl` is complete.
[[nodiscard]] std::optional<Offer> KeyOf(const SSL* ssl) noexcept;

}  // namespace cotter::probe
