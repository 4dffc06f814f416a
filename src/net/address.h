// SPDX-License-Identifier: Apache-2.0
//
// An IP address with its port, as the socket calls take it. A value, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/socket.h>

#include <cotter/result.h>

namespace cotter::net {

// Which addresses of a name are wanted.
enum class Family : std::uint8_t { kAny, kIpv4, kIpv6 };

// Address is one IPv4 or IPv6 endpoint.
class Address {
 public:
  // FromSockaddr copies `address` of `size` bytes; nullopt for any family but IPv4 and IPv6.
  [[nodiscard]] static std::optional<Address> FromSockaddr(const sockaddr* address,
                                                           socklen_t size) noexcept;

  // FromText reads an address literal, "127.0.0.1", "::1" or "fe80::1%eth0"; it never asks a name
  // server. Fails with kHostInvalid.
  [[nodiscard]] static Result<Address> FromText(const std::string& text, std::uint16_t port);

  [[nodiscard]] const sockaddr* data() const noexcept;
  [[nodiscard]] socklen_t size() const noexcept { return size_; }
  [[nodiscard]] bool is_ipv6() const noexcept { return storage_.ss_family == AF_INET6; }
  [[nodiscard]] bool is_loopback() const noexcept;

  [[nodiscard]] std::uint16_t port() const noexcept;

  // HostText is the address alone: "127.0.0.1", "::1", "fe80::1%eth0". Allocates.
  [[nodiscard]] std::string HostText() const;

  // HostBytes is the address alone as it stands in packets: 4 or 16 bytes. Allocates.
  [[nodiscard]] std::string HostBytes() const;

  // ToString is "127.0.0.1:443" or "[::1]:443". Allocates.
  [[nodiscard]] std::string ToString() const;

  // Equal are addresses with the same family, address, port and zone.
  friend bool operator==(const Address& a, const Address& b) noexcept;

 private:
  Address() = default;

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// HasRoute reports whether this machine has any way to send to `address`. It sends nothing. A
// machine without IPv6 has none to the IPv6 addresses of a name.
[[nodiscard]] bool HasRoute(const Address& address) noexcept;

}  // namespace cotter::net
