// SPDX-License-Identifier: Apache-2.0
//
// What a service manager is told: sd_notify(3), spoken directly, because it is one datagram.
#pragma once

#include <string_view>

namespace cotter::net {

// NotifyServiceManager sends `state` ("READY=1", "STOPPING=1") to the socket that NOTIFY_SOCKET
// names; where there is none, or nobody takes it, nothing happens.
void NotifyServiceManager(std::string_view state);

}  // namespace cotter::net
