// SPDX-License-Identifier: Apache-2.0
//
// The hooks of name resolution and of connect. They change nothing: they note which names led to
// which addresses, for programs that name no server in TLS, and to which ports.
#include <netdb.h>
#include <sys/socket.h>

#include "preload/shim/export.h"
#include "preload/shim/names.h"
#include "preload/shim/real.h"

namespace cotter::preload {
namespace {

using GetAddrInfo = int(const char*, const char*, const addrinfo*, addrinfo**);
using GetHost = hostent*(const char*);
using GetHost2 = hostent*(const char*, int);
using GetHostR = int(const char*, hostent*, char*, std::size_t, hostent**, int*);
using GetHost2R = int(const char*, int, hostent*, char*, std::size_t, hostent**, int*);

using Connect = int(int, const sockaddr*, socklen_t);

constinit Next<Connect> next_connect("connect");
constinit Next<GetAddrInfo> get_addr_info("getaddrinfo");
constinit Next<GetHost> get_host("gethostbyname");
constinit Next<GetHost2> get_host_2("gethostbyname2");
constinit Next<GetHostR> get_host_r("gethostbyname_r");
constinit Next<GetHost2R> get_host_2_r("gethostbyname2_r");

void Note(const char* name, const hostent* answer) noexcept {
  if (name != nullptr && answer != nullptr) NoteName(name, *answer);
}

}  // namespace

COTTER_HOOK int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                            addrinfo** answer) {
  const int result = get_addr_info.Get()(name, service, hints, answer);
  if (result == 0 && name != nullptr && answer != nullptr && *answer != nullptr) {
    NoteName(name, **answer);
  }
  return result;
}

COTTER_HOOK hostent* gethostbyname(const char* name) {
  hostent* const answer = get_host.Get()(name);
  Note(name, answer);
  return answer;
}

COTTER_HOOK hostent* gethostbyname2(const char* name, int family) {
  hostent* const answer = get_host_2.Get()(name, family);
  Note(name, answer);
  return answer;
}

COTTER_HOOK int gethostbyname_r(const char* name, hostent* result, char* buffer, std::size_t size,
                                hostent** answer, int* error) {
  const int code = get_host_r.Get()(name, result, buffer, size, answer, error);
  if (code == 0) Note(name, *answer);
  return code;
}

COTTER_HOOK int gethostbyname2_r(const char* name, int family, hostent* result, char* buffer,
                                 std::size_t size, hostent** answer, int* error) {
  const int code = get_host_2_r.Get()(name, family, result, buffer, size, answer, error);
  if (code == 0) Note(name, *answer);
  return code;
}

COTTER_HOOK int connect(int socket, const sockaddr* address, socklen_t size) {
  if (address != nullptr && size >= sizeof(sa_family_t)) NoteConnection(socket, *address, size);
  return next_connect.Get()(socket, address, size);
}

}  // namespace cotter::preload
