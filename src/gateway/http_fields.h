// SPDX-License-Identifier: Apache-2.0
//
// The heads that the gateway writes: what is kept of a message, what is left out, what is changed.
// Pure functions, safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gateway/config.h"
#include "net/async/listener.h"
#include "net/http/head.h"
#include "net/target.h"

namespace cotter::gateway {

// AppendUpstreamHead appends the head that the server gets: Host is the server's own, and fields
// for one hop are gone. Without `keep_alive` the server is told that no other request comes.
void AppendUpstreamHead(std::string& to, const net::http::RequestHead& request,
                        std::span<const net::http::Field> fields, const net::Target& target,
                        bool keep_alive);

// AppendClientHead appends the head that the client gets. A Location at the server itself becomes
// one at the gateway, so that redirects stay pinned; Alt-Svc, which would lead elsewhere, is gone.
void AppendClientHead(std::string& to, const net::http::ResponseHead& response,
                      std::span<const net::http::Field> fields, const net::Target& target,
                      bool keep_alive);

// IsNameOf reports that a client may call what listens at `bound` `host`: by the names of loopback,
// or the address. A page in a browser whose name was made to lead here has another (DNS
// rebinding). Unix sockets, which no browser reaches, take any name. Allocates.
[[nodiscard]] bool IsNameOf(std::string_view host, const net::ListenAddress& bound);

// IsNameOfRoute also takes the server's own name, and the route's `hosts`.
[[nodiscard]] bool IsNameOfRoute(std::string_view host, const RouteConfig& route,
                                 const net::ListenAddress& bound);

}  // namespace cotter::gateway
