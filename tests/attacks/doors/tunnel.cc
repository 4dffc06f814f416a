// SPDX-License-Identifier: Apache-2.0
#include "tests/attacks/doors/tunnel.h"

#include <charconv>
#include <memory>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace cotter::attacks {
namespace {

// SplitAddress takes "ADDRESS:PORT" apart, brackets and all.
std::pair<std::string, std::string> SplitAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string address = text.substr(0, colon);
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  return {address, colon == std::string::npos ? "" : text.substr(colon + 1)};
}

Result<Socket> Connect(const std::string& where) {
  const auto [address, port] = SplitAddress(where);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), port.c_str(), &hints, &found) != 0) {
    return Error{Code::kConnectRefused, where + " is no address"};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0) {
    return Error{Code::kConnectRefused, where + " does not answer"};
  }
  return socket;
}

bool Send(const Socket& socket, const std::string& bytes) {
  return send(socket.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
}

// Receive reads exactly `count` bytes; less where the peer ends before.
std::string Receive(const Socket& socket, std::size_t count) {
  std::string bytes(count, '\0');
  const ssize_t got = recv(socket.get(), bytes.data(), count, MSG_WAITALL);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

// Bracketed is the host as an authority has it.
std::string Bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string Authority(const Url& url) {
  return Bracketed(url.host) + ":" + std::to_string(url.port);
}

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr std::string_view kSocks = "socks5h://";

// Credentials is USER:PASSWORD of a proxy's URL, or empty.
std::string_view Credentials(std::string_view proxy) {
  proxy.remove_prefix(proxy.find("://") + 3);
  const std::size_t at = proxy.rfind('@');
  return at == std::string_view::npos ? std::string_view() : proxy.substr(0, at);
}

Result<Socket> OpenByConnect(const GetRequest& request) {
  const std::size_t at = request.proxy.rfind('@');
  Result<Socket> socket =
      Connect(request.proxy.substr(at == std::string::npos ? kHttp.size() : at + 1));
  if (!socket) return socket;
  const int descriptor = socket->get();
  const Result<void> tunnel =
      AskForTunnel(request, {.read = [&](char* room, std::size_t size) -> long {
                               return recv(descriptor, room, size, 0);
                             },
                             .write = [&](const char* text, std::size_t size) -> long {
                               return send(descriptor, text, size, 0);
                             }});
  if (!tunnel) return tunnel.error();
  return socket;
}

// OpenBySocks is RFC 1928 without authentication, the name resolved by the proxy.
Result<Socket> OpenBySocks(const GetRequest& request) {
  Result<Socket> socket = Connect(request.proxy.substr(kSocks.size()));
  if (!socket) return socket;
  const Error refused{Code::kProxyFailed, "the SOCKS proxy refused"};
  using namespace std::string_literals;
  if (!Send(*socket, "\x05\x01\x00"s) || Receive(*socket, 2) != "\x05\x00"s) return refused;
  std::string ask = "\x05\x01\x00\x03"s;
  ask += static_cast<char>(request.url.host.size());
  ask += request.url.host;
  ask += static_cast<char>(request.url.port >> 8);
  ask += static_cast<char>(request.url.port & 0xff);
  // The answer's address is an IPv4 one here.
  if (!Send(*socket, ask)) return refused;
  const std::string answer = Receive(*socket, 4);
  if (answer.size() != 4 || answer[1] != 0 || answer[3] != 1) return refused;
  if (Receive(*socket, 6).size() != 6) return refused;
  return socket;
}

// BodyLength is the value of Content-Length in a header.
std::size_t BodyLength(const std::string& header) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const std::size_t at = header.find(kName);
  std::size_t length = 0;
  if (at == std::string::npos) return length;
  const char* const from = header.data() + at + kName.size();
  std::from_chars(from, header.data() + header.size(), length);
  return length;
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}

Socket::Socket(Socket&& other) noexcept : descriptor_(other.Release()) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

int Socket::Release() { return std::exchange(descriptor_, -1); }

std::string Socket::Peer() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (getpeername(descriptor_, address, &size) != 0 ||
      getnameinfo(address, size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  return Bracketed(host) + ":" + port;
}

Result<Socket> OpenTunnel(const GetRequest& request) {
  if (request.proxy.starts_with(kHttp)) return OpenByConnect(request);
  if (request.proxy.starts_with(kSocks)) return OpenBySocks(request);
  if (request.proxy.starts_with(kHttps)) {
    return Connect("127.0.0.1:" + std::to_string(SplitUrl(request.proxy).port));
  }
  return Connect(request.connect);
}

Result<void> AskForTunnel(const GetRequest& request, const Pipe& pipe) {
  const std::string target = Authority(request.url);
  std::string ask = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (const std::string_view credentials = Credentials(request.proxy); !credentials.empty()) {
    ask += "Proxy-Authorization: Basic " + EncodeBase64(AsBytes(credentials)) + "\r\n";
  }
  ask += "\r\n";
  if (pipe.write(ask.data(), ask.size()) <= 0) {
    return Error{Code::kProxyFailed, "the proxy hung up"};
  }
  std::string answer;
  while (!answer.ends_with("\r\n\r\n")) {
    char byte = 0;
    if (pipe.read(&byte, 1) <= 0) {
      return Error{Code::kProxyFailed, "the proxy hung up: " + answer};
    }
    answer += byte;
  }
  if (answer.substr(std::min<std::size_t>(9, answer.size()), 3) != "200") {
    return Error{Code::kProxyFailed, answer.substr(0, answer.find('\r'))};
  }
  return Ok();
}

int Exchange(const GetRequest& request, const Pipe& pipe) {
  std::string text = "GET " + request.url.path + " HTTP/1.1\r\nHost: " + Authority(request.url);
  for (const auto& [name, value] : request.headers) {
    text.append("\r\n").append(name).append(": ").append(value);
  }
  text += request.keep ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  if (pipe.write(text.data(), text.size()) <= 0) return 0;
  std::string answer;
  std::size_t whole = std::string::npos;
  while (answer.size() < whole) {
    char buffer[4096];
    const long got = pipe.read(buffer, sizeof buffer);
    if (got <= 0) return 0;
    answer.append(buffer, static_cast<std::size_t>(got));
    const std::size_t end = answer.find("\r\n\r\n");
    if (end != std::string::npos) whole = end + 4 + BodyLength(answer.substr(0, end));
  }
  int status = 0;
  std::from_chars(answer.data() + std::min<std::size_t>(9, answer.size()),
                  answer.data() + answer.size(), status);
  return status;
}

}  // namespace cotter::attacks
