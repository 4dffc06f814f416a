// SPDX-License-Identifier: Apache-2.0
#include "preload/shim/names.h"

#include <array>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

namespace cotter::preload {
namespace {

// Programs that name no server in TLS talk to a handful. An entry is 272 bytes, and pages of the
// table that nobody needs are never touched.
constexpr std::size_t kMaxEntries = 4096;

using Address = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

struct Entry {
  Address address;
  std::array<char, 255> name;
  std::uint8_t size;
};

// Ports are told apart only for rules that name ports.
constexpr std::size_t kMaxConnections = 1024;

struct Connection {
  Address address;
  in_port_t port;  // in network order
  int socket;      // the last that was connected there; it may be another's by now
};

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
std::array<Entry, kMaxEntries> entries;
std::size_t count = 0;  // of all that were ever noted
std::array<Connection, kMaxConnections> connections;
std::size_t connection_count = 0;  // the same

Address MapIpv4(const void* bytes) noexcept {
  Address mapped{};
  mapped[10] = mapped[11] = 0xFF;
  std::memcpy(mapped.data() + 12, bytes, 4);
  return mapped;
}

// ReadAddress is the address of a socket address; false where it has none.
bool ReadAddress(const sockaddr& address, Address& out) noexcept {
  if (address.sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    out = MapIpv4(&ipv4.sin_addr);
    return true;
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv6, &address, sizeof ipv6);
  std::memcpy(out.data(), &ipv6.sin6_addr, out.size());
  return true;
}

bool IsAddress(std::string_view name) noexcept {
  std::array<char, 256> text{};
  std::array<std::uint8_t, 16> parsed{};
  if (name.size() >= text.size()) return false;
  std::memcpy(text.data(), name.data(), name.size());
  if (char* const zone = std::strchr(text.data(), '%')) *zone = '\0';
  in_addr ipv4{};
  return ::inet_pton(AF_INET6, text.data(), parsed.data()) == 1 ||
         ::inet_aton(text.data(), &ipv4) != 0;
}

// Note is called under the mutex.
void Note(std::string_view name, const Address& address) noexcept {
  const std::size_t known = count < kMaxEntries ? count : kMaxEntries;
  for (std::size_t i = 0; i < known; ++i) {
    const Entry& entry = entries[i];
    if (entry.address == address && std::string_view(entry.name.data(), entry.size) == name) return;
  }
  Entry& entry = entries[count++ % kMaxEntries];
  entry.address = address;
  entry.size = static_cast<std::uint8_t>(name.size());
  std::memcpy(entry.name.data(), name.data(), name.size());
}

bool IsNoted(std::string_view name) noexcept {
  return !name.empty() && name.size() < sizeof(Entry::name) && !IsAddress(name);
}

}  // namespace

void NoteName(std::string_view name, const addrinfo& answer) noexcept {
  if (!IsNoted(name)) return;
  LockNames();
  for (const addrinfo* at = &answer; at != nullptr; at = at->ai_next) {
    Address address{};
    if (at->ai_addr != nullptr && ReadAddress(*at->ai_addr, address)) Note(name, address);
  }
  UnlockNames();
}

void NoteName(std::string_view name, const hostent& answer) noexcept {
  if (!IsNoted(name) || answer.h_addr_list == nullptr) return;
  LockNames();
  for (char** at = answer.h_addr_list; *at != nullptr; ++at) {
    Address address{};
    if (answer.h_addrtype == AF_INET) {
      address = MapIpv4(*at);
    } else {
      std::memcpy(address.data(), *at, address.size());
    }
    Note(name, address);
  }
  UnlockNames();
}

bool VisitNamesOf(const sockaddr& address, NameVisitor visitor, void* data) {
  Address wanted{};
  if (!ReadAddress(address, wanted)) return true;
  // No lock is held while a visitor runs: it allocates, and may throw past us.
  bool complete = true;
  for (std::size_t i = 0; complete; ++i) {
    Entry entry;
    LockNames();
    complete = count <= kMaxEntries;
    while (i < count && complete && entries[i].address != wanted) ++i;
    const bool found = complete && i < count;
    if (found) entry = entries[i];
    UnlockNames();
    if (!found) break;
    visitor(entry.name.data(), entry.size, data);
  }
  return complete;
}

void NoteConnection(int socket, const sockaddr& address, std::size_t size) noexcept {
  Connection made{};
  const bool ipv4 = address.sa_family == AF_INET && size >= sizeof(sockaddr_in);
  const bool ipv6 = address.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6);
  if ((!ipv4 && !ipv6) || !ReadAddress(address, made.address)) return;
  std::memcpy(&made.port, address.sa_data, sizeof made.port);  // at the same place in both
  if (made.port == 0) return;
  made.socket = socket;
  LockNames();
  const std::size_t known = connection_count < kMaxConnections ? connection_count : kMaxConnections;
  bool is_known = false;
  for (std::size_t i = 0; i < known && !is_known; ++i) {
    is_known = connections[i].address == made.address && connections[i].port == made.port;
    if (is_known) connections[i].socket = socket;
  }
  if (!is_known) connections[connection_count++ % kMaxConnections] = made;
  UnlockNames();
}

bool VisitConnections(AddressVisitor visitor, void* data) {
  // A copy, because visitors ask for names.
  std::array<Connection, kMaxConnections> copy;
  LockNames();
  const bool complete = connection_count <= kMaxConnections;
  const std::size_t known = complete ? connection_count : kMaxConnections;
  std::memcpy(copy.data(), connections.data(), known * sizeof(Connection));
  UnlockNames();
  for (std::size_t i = 0; i < known; ++i) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = copy[i].port;
    std::memcpy(&address.sin6_addr, copy[i].address.data(), copy[i].address.size());
    visitor(reinterpret_cast<const sockaddr*>(&address), copy[i].socket, data);
  }
  return complete;
}

void LockNames() noexcept { ::pthread_mutex_lock(&mutex); }
void UnlockNames() noexcept { ::pthread_mutex_unlock(&mutex); }

}  // namespace cotter::preload
