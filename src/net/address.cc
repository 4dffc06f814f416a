// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <array>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>

#include "net/socket.h"

namespace cotter::net {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};

std::string NumericName(const Address& address, std::string* port) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (getnameinfo(address.data(), address.size(), host.data(), host.size(), service.data(),
                  service.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  if (port != nullptr) *port = service.data();
  return host.data();
}

}  // namespace

std::optional<Address> Address::FromSockaddr(const sockaddr* address, socklen_t size) noexcept {
  const bool fits = (address->sa_family == AF_INET && size == sizeof(sockaddr_in)) ||
                    (address->sa_family == AF_INET6 && size == sizeof(sockaddr_in6));
  if (!fits) return std::nullopt;
  Address made;
  std::memcpy(&made.storage_, address, size);
  made.size_ = size;
  return made;
}

Result<Address> Address::FromText(const std::string& text, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (text.find('\0') == std::string::npos &&
      getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &raw) == 0) {
    const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
    if (const std::optional<Address> made = FromSockaddr(list->ai_addr, list->ai_addrlen)) {
      return *made;
    }
  }
  return Error{Code::kHostInvalid, "expected an IP address"};
}

const sockaddr* Address::data() const noexcept {
  return reinterpret_cast<const sockaddr*>(&storage_);
}

bool Address::is_loopback() const noexcept {
  if (is_ipv6()) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage_, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &storage_, sizeof v4);
  return (ntohl(v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

std::uint16_t Address::port() const noexcept {
  if (is_ipv6()) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage_, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &storage_, sizeof v4);
  return ntohs(v4.sin_port);
}

std::string Address::HostText() const { return NumericName(*this, nullptr); }

std::string Address::HostBytes() const {
  if (is_ipv6()) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage_, sizeof v6);
    std::string bytes(sizeof v6.sin6_addr, '\0');
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return bytes;
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &storage_, sizeof v4);
  std::string bytes(sizeof v4.sin_addr, '\0');
  std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
  return bytes;
}

std::string Address::ToString() const {
  std::string port;
  const std::string host = NumericName(*this, &port);
  return (is_ipv6() ? "[" + host + "]" : host) + ":" + port;
}

bool operator==(const Address& a, const Address& b) noexcept {
  return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

bool HasRoute(const Address& address) noexcept {
  // Connecting a datagram socket only looks up the route.
  const Socket probe(socket(address.data()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return probe.fd() >= 0 && connect(probe.fd(), address.data(), address.size()) == 0;
}

}  // namespace cotter::net
