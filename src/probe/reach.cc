// SPDX-License-Identifier: Apache-2.0
#include "probe/reach.h"

namespace cotter::probe {
namespace {

bool IsLocalhost(const HostName& host) {
  // RFC 6761, 6.3: all names below it are this machine too.
  return host.text() == "localhost" || host.text().ends_with(".localhost");
}

}  // namespace

bool SaysNothing(const net::Target& target, const net::Route& route, const Error& error) {
  if (!route.tunnel.empty()) return false;
  const net::Address& address = route.addresses.front();
  if (error.code == Code::kNetworkError) return !net::HasRoute(address);
  return error.code == Code::kConnectRefused && address.is_loopback() && IsLocalhost(target.host);
}

bool SetServerName(SSL& ssl, std::string name) noexcept {
  return SSL_ctrl(&ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

}  // namespace cotter::probe
