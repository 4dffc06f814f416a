// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/candidates.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "base/sha256.h"
#include "preload/judge/state.h"
#include "tls/openssl_ptr.h"

namespace cotter::preload {
namespace {

// Names that one verification may list; X509_VERIFY_PARAM holds any number.
constexpr int kMaxVerifiedNames = 32;

struct Peer {
  std::string host;  // the address, without a zone
  std::uint16_t port = 0;
};

// ReadPeer is the address of a socket of the Internet; nullopt for others.
std::optional<Peer> ReadPeer(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto* const ipv4 = reinterpret_cast<const sockaddr_in*>(address);
    ::inet_ntop(AF_INET, &ipv4->sin_addr, text.data(), text.size());
    return Peer{.host = text.data(), .port = ntohs(ipv4->sin_port)};
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  const auto* const ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
  if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
    ::inet_ntop(AF_INET, &ipv6->sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, &ipv6->sin6_addr, text.data(), text.size());
  }
  return Peer{.host = text.data(), .port = ntohs(ipv6->sin6_port)};
}

// Resolved is what the program resolved to one address.
struct Resolved {
  std::vector<std::string> names;
  bool complete = true;  // none was forgotten
};

Resolved ResolvedTo(const sockaddr* address) {
  Resolved resolved;
  if (address == nullptr) return resolved;
  const auto add = [](const char* name, std::size_t size, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name, size);
  };
  resolved.complete = TheState().services.visit_names(address, add, &resolved.names);
  return resolved;
}

void Add(Candidates& candidates, const HostName& host, std::uint16_t port) {
  const bool known = std::ranges::any_of(candidates.endpoints, [&](const Endpoint& endpoint) {
    return endpoint.host == host && endpoint.port == port;
  });
  if (!known) candidates.endpoints.push_back(Endpoint{host, port});
}

// AddEveryPort adds `host` with a port for every rule that could apply to it.
void AddEveryPort(Candidates& candidates, const HostName& host) {
  const PolicyIndex& policy = TheState().policy;
  const std::vector<std::uint16_t> ports = policy.PortsOf(host);
  for (const std::uint16_t port : ports) Add(candidates, host, port);
  // A port that no rule names stands for all of those.
  std::uint16_t other = 443;
  while (std::ranges::find(ports, other) != ports.end()) ++other;
  const bool only_named =
      !ports.empty() && policy.Find(host, other).kind == Lookup::Kind::kOtherPorts;
  if (!only_named) Add(candidates, host, other);
}

bool Holds(const std::vector<std::string>& names, const HostName& host) {
  return std::ranges::any_of(names, [&host](const std::string& name) {
    const Result<HostName> other = HostName::Parse(name);
    return other && *other == host;
  });
}

// IsAddressOf reports that `peer` is an address that the program took for `host`: one it resolved
// the host to, the host itself, or the machine's own, which curl does not ask anybody for (RFC
// 6761, 6.3).
bool IsAddressOf(const HostName& host, const Peer& peer, const Resolved& resolved) {
  const std::string_view name = host.text();
  const bool local = name == "localhost" || name.ends_with(".localhost");
  const bool loopback = peer.host == "::1" || peer.host.starts_with("127.");
  return name == peer.host || (local && loopback) || Holds(resolved.names, host);
}

// AddConnected adds `host` with every port that the program connected to at an address of it; false
// where there is none. Ports that no rule covers matter only where there is no other: a program may
// talk to a host in several ways.
bool AddConnected(Candidates& candidates, const HostName& host) {
  struct Search {
    const HostName& host;
    std::vector<std::uint16_t> ports;
  } search{.host = host, .ports = {}};
  const auto visit = [](const sockaddr* address, int /*socket*/, void* data) {
    auto& found = *static_cast<Search*>(data);
    const std::optional<Peer> peer = ReadPeer(address);
    if (peer && IsAddressOf(found.host, *peer, ResolvedTo(address))) {
      found.ports.push_back(peer->port);
    }
  };
  if (!TheState().services.visit_connections(visit, &search) || search.ports.empty()) return false;
  const auto is_ruled = [&host](std::uint16_t port) {
    return TheState().policy.Find(host, port).kind != Lookup::Kind::kOtherPorts;
  };
  const bool any_ruled = std::ranges::any_of(search.ports, is_ruled);
  for (const std::uint16_t port : search.ports) {
    if (!any_ruled || is_ruled(port)) Add(candidates, host, port);
  }
  return true;
}

// AddAllConnected adds what every address that the program connected to may be; false where they
// are not known.
bool AddAllConnected(Candidates& candidates) {
  const auto visit = [](const sockaddr* address, int /*socket*/, void* data) {
    auto& all = *static_cast<Candidates*>(data);
    const std::optional<Peer> peer = ReadPeer(address);
    const Resolved resolved = ResolvedTo(address);
    if (!peer || !resolved.complete) return;
    for (const std::string& name : resolved.names) {
      if (const Result<HostName> host = HostName::Parse(name)) Add(all, *host, peer->port);
    }
    const Result<HostName> itself = HostName::Parse(peer->host);
    if (resolved.names.empty() && itself) Add(all, *itself, peer->port);
  };
  const bool complete = TheState().services.visit_connections(visit, &candidates);
  return complete && !candidates.endpoints.empty();
}

std::string Shown(const Peer& peer) {
  const bool ipv6 = peer.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + peer.host + "]" : peer.host) + ":" + std::to_string(peer.port);
}

// FindPeer is the one address of the candidates that a socket of the program is connected to now,
// for programs that keep their socket from the TLS library; empty where there are more.
std::string FindPeer(const Candidates& candidates) {
  struct Search {
    const Candidates& candidates;
    std::vector<std::string> peers;
  } search{.candidates = candidates, .peers = {}};
  const auto visit = [](const sockaddr* address, int socket, void* data) {
    auto& found = *static_cast<Search*>(data);
    const std::optional<Peer> noted = ReadPeer(address);
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* const now = reinterpret_cast<sockaddr*>(&storage);
    if (!noted || ::getpeername(socket, now, &size) != 0) return;
    const std::optional<Peer> peer = ReadPeer(now);
    if (!peer || peer->host != noted->host || peer->port != noted->port) return;
    const Resolved resolved = ResolvedTo(address);
    if (std::ranges::any_of(found.candidates.endpoints, [&](const Endpoint& endpoint) {
          return endpoint.port == peer->port && IsAddressOf(endpoint.host, *peer, resolved);
        })) {
      found.peers.push_back(Shown(*peer));
    }
  };
  const int saved = errno;
  const bool complete = TheState().services.visit_connections(visit, &search);
  errno = saved;
  return complete && search.peers.size() == 1 ? search.peers.front() : std::string();
}

// AppendText appends what the program wrote into `names`, once.
void AppendText(std::vector<std::string>& names, const char* text) {
  if (text == nullptr || *text == '\0') return;
  if (std::ranges::find(names, text) == names.end()) names.emplace_back(text);
}

// NamesOf is every name that the program gave to OpenSSL.
std::vector<std::string> NamesOf(ssl_st* ssl) {
  std::vector<std::string> names;
  AppendText(names, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
  for (int i = 0; i < kMaxVerifiedNames; ++i) {
    const char* const name = X509_VERIFY_PARAM_get0_host(param, i);
    if (name == nullptr) break;
    AppendText(names, name);
  }
  const std::unique_ptr<char, tls::FreeWith<[](char* text) { OPENSSL_free(text); }>> address(
      X509_VERIFY_PARAM_get1_ip_asc(param));
  AppendText(names, address.get());
  return names;
}

}  // namespace

Digest Candidates::Key() const {
  std::vector<std::string> words;
  for (const Endpoint& endpoint : endpoints) {
    words.push_back(std::string(endpoint.host.text()) + " " + std::to_string(endpoint.port));
  }
  std::ranges::sort(words);
  std::string text;
  for (const std::string& word : words) text.append(word).append("\n");
  return base::Sha256(AsBytes(text));
}

Candidates FindCandidates(const std::vector<std::string>& names, const sockaddr* peer_address) {
  Candidates candidates;
  const std::optional<Peer> peer = ReadPeer(peer_address);
  candidates.named = !names.empty();
  if (peer) candidates.peer = Shown(*peer);
  const Resolved resolved = ResolvedTo(peer ? peer_address : nullptr);
  std::vector<std::string> wanted = names.empty() ? resolved.names : names;
  if (wanted.empty() && !resolved.complete) {
    candidates.undecidable = "the program names no server, and it resolved too many to remember";
  } else if (wanted.empty() && !peer) {
    if (AddAllConnected(candidates)) return candidates;
    candidates.undecidable = "the program names no server, and there is no socket to ask";
  } else if (wanted.empty()) {
    wanted.push_back(peer->host);
  }
  for (const std::string& name : wanted) {
    const Result<HostName> host = HostName::Parse(name);
    if (!host) {
      candidates.undecidable = "the program names a server by what is no host name";
      break;
    }
    if (peer && peer->port != 0 && IsAddressOf(*host, *peer, resolved)) {
      Add(candidates, *host, peer->port);
    } else if (peer || !AddConnected(candidates, *host)) {
      AddEveryPort(candidates, *host);
    }
  }
  return candidates;
}

Candidates FindCandidates(ssl_st* ssl) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  const int socket = SSL_get_fd(ssl);
  const bool connected = socket >= 0 && ::getpeername(socket, address, &size) == 0;
  Candidates candidates = FindCandidates(NamesOf(ssl), connected ? address : nullptr);
  const bool audited = TheState().settings.audit_path[0] != '\0';
  if (!connected && audited) candidates.peer = FindPeer(candidates);
  return candidates;
}

}  // namespace cotter::preload
