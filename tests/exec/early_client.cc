// SPDX-License-Identifier: Apache-2.0
//
// A program that sends early data by GnuTLS, on the session of an earlier connection to the same
// server: for tests/exec/robustness_test.py. It ends with 0 if that was taken.
//
//   early_client PORT ROOTS
#include <array>
#include <charconv>
#include <cstdint>
#include <gnutls/gnutls.h>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::string_view kSecret = "GET / HTTP/1.0\r\nAuthorization: secret\r\n\r\n";
constexpr std::string_view kFirst = "GET /first HTTP/1.0\r\n\r\n";

constexpr unsigned kPatience = 20'000;  // ms, for a ticket

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const any = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  return connect(fd, any, sizeof address) == 0 ? fd : -1;
}

// Talk makes one connection. With `ticket` it offers that session and sends early data; without,
// it keeps the session there.
bool Talk(int port, gnutls_certificate_credentials_t credentials, gnutls_datum_t& ticket) {
  const int fd = Connect(port);
  const bool early = ticket.size != 0;
  gnutls_session_t session = nullptr;
  gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_ENABLE_EARLY_DATA);
  gnutls_set_default_priority(session);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", 9);
  gnutls_session_set_verify_cert(session, "localhost", 0);
  gnutls_transport_set_int(session, fd);
  if (early) {
    gnutls_session_set_data(session, ticket.data, ticket.size);
  }
  const bool taken =
      !early || gnutls_record_send_early_data(session, kSecret.data(), kSecret.size()) >= 0;
  int result = gnutls_handshake(session);
  if (result == 0 && !early) {
    gnutls_record_send(session, kFirst.data(), kFirst.size());
    std::array<char, 512> answer{};
    gnutls_record_set_timeout(session, kPatience);
    ssize_t got = GNUTLS_E_AGAIN;
    while (got == GNUTLS_E_AGAIN &&
           (gnutls_session_get_flags(session) & GNUTLS_SFLAGS_SESSION_TICKET) == 0) {
      got = gnutls_record_recv(session, answer.data(), answer.size());
    }
    result = gnutls_session_get_data2(session, &ticket);
  }
  gnutls_deinit(session);
  close(fd);
  return taken && result == 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_certificate_allocate_credentials(&credentials);
  gnutls_certificate_set_x509_trust_file(credentials, words[2], GNUTLS_X509_FMT_PEM);
  gnutls_datum_t ticket{};
  const std::string_view text = words[1];
  int port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return Talk(port, credentials, ticket) && Talk(port, credentials, ticket) ? 0 : 1;
}
