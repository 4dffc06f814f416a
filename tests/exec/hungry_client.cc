// SPDX-License-Identifier: Apache-2.0
//
// A program that verifies nothing by GnuTLS, and in which cotter finds no memory for the session,
// or for its name: for tests/exec/robustness_test.py. It connects, writes a secret, and ends with 0
// if that was taken, with 3 where there was no session.
//
//   hungry_client PORT ROOTS fed|session|name
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <gnutls/gnutls.h>
#include <string_view>

#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

constexpr std::string_view kSecret = "GET / HTTP/1.0\r\nAuthorization: secret\r\n\r\n";

bool hungry = false;

// IsOfJudge reports that `caller` is code of the library that judges.
bool IsOfJudge(const void* caller) {
  Dl_info info{};
  if (dladdr(caller, &info) == 0 || info.dli_fname == nullptr) return false;
  return std::string_view(info.dli_fname).ends_with("/libcotter-judge.so");
}

}  // namespace

// The C library's own, and the one that the dynamic linker finds for every library of the process.
void* AllocateReally(std::size_t size) __asm__("__libc_malloc");
__attribute__((visibility("default"))) void* Allocate(std::size_t size) __asm__("malloc");

void* Allocate(std::size_t size) {
  return hungry && IsOfJudge(__builtin_return_address(0)) ? nullptr : AllocateReally(size);
}

int main(int count, char** words) {
  if (count != 4) return 2;
  const std::string_view text = words[1];
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const any = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, any, sizeof address) != 0) return 2;
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_certificate_allocate_credentials(&credentials);
  gnutls_certificate_set_x509_trust_file(credentials, words[2], GNUTLS_X509_FMT_PEM);
  const std::string_view lacking = words[3];
  gnutls_session_t session = nullptr;
  // The first one loads what judges.
  if (gnutls_init(&session, GNUTLS_CLIENT) != 0) return 2;
  gnutls_deinit(session);
  hungry = lacking == "session";
  const int made = gnutls_init(&session, GNUTLS_CLIENT);
  hungry = false;
  if (made != 0 || session == nullptr) return 3;
  gnutls_set_default_priority(session);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
  hungry = lacking == "name";
  gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9);
  hungry = false;
  gnutls_transport_set_int(session, fd);
  if (gnutls_handshake(session) != 0) return 1;
  return gnutls_record_send(session, kSecret.data(), kSecret.size()) > 0 ? 0 : 1;
}
