// SPDX-License-Identifier: Apache-2.0
#include "net/service_manager.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "net/socket.h"

namespace cotter::net {

void NotifyServiceManager(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  // "@" stands for the zero byte of an abstract name.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const Socket sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (sender.fd() < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  sendto(sender.fd(), state.data(), state.size(), MSG_NOSIGNAL,
         static_cast<const sockaddr*>(static_cast<const void*>(&address)), size);
}

}  // namespace cotter::net
