// SPDX-License-Identifier: Apache-2.0
//
// The egress gateway: plain HTTP or TCP in, pinned TLS out. One thread serves everything.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gateway/config.h"
#include <cotter/result.h>
#include <cotter/update.h>

namespace cotter::gateway {

// Where the gateway may listen.
enum class Reach : std::uint8_t {
  kThisMachine,       // loopback and Unix sockets
  kInsecureAnywhere,  // what clients send is readable on the way to the gateway
};

struct GatewayOptions {
  std::string config_file;
  Reach reach = Reach::kThisMachine;

  // The signed repository to follow. The configuration's policy, which may then be left out, is the
  // one that holds until a higher one is signed; its environment, where it names one, is the
  // client's. `on_event` is the gateway's own.
  std::optional<update::RemoteOptions> remote{};
};

// Check reads the configuration and everything that it names, and listens nowhere. Returns the
// configuration. Fails with what is wrong.
[[nodiscard]] Result<GatewayConfig> Check(const GatewayOptions& options);

// Serve runs until SIGTERM or SIGINT, and then until what clients have begun is done, at most the
// drain time. SIGHUP reads the configuration and all that it names again, or polls the repository.
// The signals are blocked for the process. Fails where the gateway cannot begin.
[[nodiscard]] Result<void> Serve(const GatewayOptions& options);

}  // namespace cotter::gateway
