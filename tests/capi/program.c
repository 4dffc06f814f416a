/* SPDX-License-Identifier: Apache-2.0
 *
 * A program in C11 that uses cotter by its C ABI alone, compiled against an installed cotter.
 *
 *   program POLICY ROOTS CHAIN PORT EXPECTED
 *
 * judges CHAIN (PEM) for api.example.com, and the server on 127.0.0.1:PORT inside a handshake;
 * EXPECTED is "pinned_ok" or the code of the refusal. */
#include <cotter/cotter.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CHAIN 8
#define HOST "api.example.com"

#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) {                                                          \
      fprintf(stderr, "program.c:%d: %s does not hold\n", __LINE__, #condition); \
      exit(1);                                                                   \
    }                                                                            \
  } while (0)

typedef struct tally {
  int verdicts;
  int violations;
  int released;
  char code[64];
} tally;

static void count_verdict(void *user, const cotter_verdict *verdict) {
  tally *counts = user;
  const char *code = cotter_verdict_code(verdict);
  counts->verdicts++;
  snprintf(counts->code, sizeof counts->code, "%s", code == NULL ? "" : code);
  CHECK(strcmp(cotter_verdict_host(verdict), HOST) == 0);
}

static void count_violation(void *user, const cotter_verdict *verdict) {
  tally *counts = user;
  counts->violations++;
  CHECK(strncmp(cotter_verdict_peer(verdict), "127.0.0.1:", 10) == 0);
  CHECK(cotter_verdict_found_count(verdict) >= 2);
  CHECK(strncmp(cotter_verdict_found(verdict, 0), "sha256/", 7) == 0);
  CHECK(cotter_verdict_found(verdict, 1000) == NULL);
}

static void count_release(void *user) {
  tally *counts = user;
  counts->released++;
}

static size_t read_chain(const char *path, cotter_blob *chain) {
  FILE *file = fopen(path, "r");
  size_t count = 0;
  X509 *certificate;
  CHECK(file != NULL);
  while (count < MAX_CHAIN && (certificate = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    CHECK(size > 0);
    chain[count].bytes = der;
    chain[count].size = (size_t)size;
    count++;
    X509_free(certificate);
  }
  fclose(file);
  CHECK(count > 0);
  return count;
}

static void judge_chain(const cotter_policy *policy, const cotter_trust *trust, const char *path,
                        const char *expected) {
  cotter_blob chain[MAX_CHAIN];
  const size_t count = read_chain(path, chain);
  cotter_verdict *verdict = NULL;
  cotter_error *error = NULL;
  size_t i;
  const cotter_status status = cotter_chain_judge(policy, trust, "API.Example.COM.", 443, chain,
                                                  count, COTTER_TIME_NOW, &verdict, &error);
  CHECK(verdict != NULL);
  if (strcmp(expected, "pinned_ok") == 0) {
    CHECK(status == COTTER_STATUS_OK && error == NULL);
    CHECK(cotter_verdict_allowed(verdict) == 1);
    CHECK(cotter_verdict_outcome(verdict) == COTTER_OUTCOME_PINNED_OK);
    CHECK(strcmp(cotter_verdict_outcome_name(verdict), "pinned_ok") == 0);
    CHECK(cotter_verdict_matched_pin(verdict) != NULL);
    CHECK(strcmp(cotter_verdict_rule(verdict), HOST) == 0);
    CHECK(cotter_verdict_policy_version(verdict) == cotter_policy_version(policy));
  } else {
    CHECK(status == COTTER_STATUS_REFUSED);
    CHECK(strcmp(cotter_error_code(error), expected) == 0);
    CHECK(strlen(cotter_error_message(error)) > 0);
    CHECK(cotter_verdict_allowed(verdict) == 0);
  }
  cotter_verdict_free(verdict);
  cotter_error_free(error);
  /* A wrong host is PKI's to refuse, whatever the pins. */
  CHECK(cotter_chain_judge(policy, trust, "other.example.org", 443, chain, count, COTTER_TIME_NOW,
                           NULL, NULL) == COTTER_STATUS_REFUSED);
  for (i = 0; i < count; i++) OPENSSL_free((void *)(uintptr_t)chain[i].bytes);
}

static int connect_to(uint16_t port) {
  struct sockaddr_in address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(fd >= 0);
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

/* One connection of a context that was attached as a whole, then one that is attached by itself. */
static void shake_hands(const cotter_enforcer *enforcer, uint16_t port, const char *expected) {
  const int allowed = strcmp(expected, "pinned_ok") == 0;
  tally counts = {0, 0, 0, ""};
  cotter_context_options options = COTTER_CONTEXT_OPTIONS_INIT;
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl;
  int fd = connect_to(port);
  cotter_verdict *verdict = NULL;
  cotter_error *error = NULL;
  options.on_verdict = count_verdict;
  options.user = &counts;
  options.release = count_release;
  CHECK(cotter_enforcer_attach_context(enforcer, context, &options, NULL) == COTTER_STATUS_OK);
  ssl = SSL_new(context);
  SSL_set_tlsext_host_name(ssl, HOST);
  SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* cannot disarm it */
  SSL_set_fd(ssl, fd);
  CHECK((SSL_connect(ssl) == 1) == allowed);
  CHECK(counts.verdicts == 1);
  CHECK(allowed || strcmp(counts.code, expected) == 0);
  CHECK(cotter_ssl_verdict(ssl, &verdict, NULL) == COTTER_STATUS_OK);
  CHECK(cotter_verdict_allowed(verdict) == allowed);
  cotter_verdict_free(verdict);
  SSL_free(ssl);
  close(fd);
  SSL_CTX_free(context);
  CHECK(counts.released == 1);

  fd = connect_to(port);
  context = SSL_CTX_new(TLS_client_method());
  CHECK(cotter_enforcer_prepare(context, NULL) == COTTER_STATUS_OK);
  ssl = SSL_new(context);
  CHECK(cotter_enforcer_attach(enforcer, ssl, HOST, 443, &error) == COTTER_STATUS_OK);
  CHECK(error == NULL);
  SSL_set_fd(ssl, fd);
  CHECK((SSL_connect(ssl) == 1) == allowed);
  verdict = NULL;
  if (allowed) {
    CHECK(cotter_ssl_confirm(ssl, &verdict, &error) == COTTER_STATUS_OK);
    CHECK(strncmp(cotter_verdict_tls_version(verdict), "TLSv1.", 6) == 0);
    CHECK(strncmp(cotter_verdict_peer(verdict), "127.0.0.1:", 10) == 0);
  } else {
    CHECK(cotter_ssl_confirm(ssl, &verdict, &error) == COTTER_STATUS_REFUSED);
    CHECK(verdict == NULL && strcmp(cotter_error_code(error), expected) == 0);
  }
  cotter_verdict_free(verdict);
  cotter_error_free(error);
  SSL_free(ssl);
  close(fd);
  SSL_CTX_free(context);
}

static void count_bad_pin(void *user, const cotter_verdict *verdict,
                          const cotter_request *request) {
  CHECK(strcmp(request->method, "GET") == 0 && request->header_count == 1);
  count_violation(user, verdict);
}

/* A request by cotter's own client. */
static void request(const cotter_source *source, const cotter_trust *trust, uint16_t port,
                    const char *expected) {
  const int allowed = strcmp(expected, "pinned_ok") == 0;
  tally counts = {0, 0, 0, ""};
  char url[64];
  char there[96];
  const char *connect_to[1];
  const cotter_header header = {"Authorization", "Bearer top-secret"};
  cotter_client_options options = COTTER_CLIENT_OPTIONS_INIT;
  cotter_request get = COTTER_REQUEST_INIT;
  cotter_client *client = NULL;
  cotter_response *response = NULL;
  cotter_error *error = NULL;
  snprintf(url, sizeof url, "https://" HOST ":%u/", port);
  snprintf(there, sizeof there, HOST ":%u:127.0.0.1:%u", port, port);
  connect_to[0] = there;
  options.source = source;
  options.trust = trust;
  options.on_violation = count_bad_pin;
  options.user = &counts;
  options.release = count_release;
  options.connect_to = connect_to;
  options.connect_to_count = 1;
  CHECK(cotter_client_new(&options, &client, NULL) == COTTER_STATUS_OK);
  get.url = url;
  get.headers = &header;
  get.header_count = 1;
  if (allowed) {
    CHECK(cotter_client_send(client, &get, &response, &error) == COTTER_STATUS_OK);
    CHECK(cotter_response_status(response) == 200);
    CHECK(strcmp(cotter_response_url(response), url) == 0);
    CHECK(cotter_response_header_count(response) > 0);
    CHECK(cotter_response_header_name(response, 0) != NULL);
    CHECK(cotter_response_header_value(response, 1000) == NULL);
    CHECK(strlen((const char *)cotter_response_body(response)) ==
          cotter_response_body_size(response));
    CHECK(cotter_verdict_matched_pin(cotter_response_verdict(response)) != NULL);
    CHECK(cotter_response_reused(response) == 0);
  } else {
    CHECK(cotter_client_send(client, &get, &response, &error) == COTTER_STATUS_REFUSED);
    CHECK(response == NULL && strcmp(cotter_error_code(error), expected) == 0);
    CHECK(cotter_error_retryable(error) == 0);
    CHECK(counts.violations == 1);
  }
  cotter_response_free(response);
  cotter_error_free(error);
  get.size = 0;
  CHECK(cotter_client_send(client, &get, &response, NULL) == COTTER_STATUS_FAILED);
  cotter_client_free(client);
  CHECK(counts.released == 1);
}

static void misuse(const cotter_policy *policy) {
  cotter_error *error = NULL;
  cotter_policy *none = (cotter_policy *)(uintptr_t)1;
  cotter_enforcer_options options = COTTER_ENFORCER_OPTIONS_INIT;
  cotter_enforcer *enforcer = NULL;
  uint8_t path[32] = {7};
  cotter_outcome outcome = COTTER_OUTCOME_PINNED_OK;
  CHECK(cotter_policy_load_file(NULL, NULL, &none, &error) == COTTER_STATUS_FAILED);
  CHECK(none == NULL && strcmp(cotter_error_code(error), "usage") == 0);
  cotter_error_free(error);
  CHECK(cotter_policy_load_file("/nonexistent", NULL, &none, &error) == COTTER_STATUS_FAILED);
  CHECK(strcmp(cotter_error_code(error), "file_unreadable") == 0);
  cotter_error_free(error);
  CHECK(cotter_policy_load_file("/nonexistent", NULL, NULL, NULL) == COTTER_STATUS_FAILED);
  CHECK(cotter_enforcer_new(&options, &enforcer, &error) == COTTER_STATUS_FAILED);
  CHECK(enforcer == NULL && strstr(cotter_error_message(error), "options.source") != NULL);
  cotter_error_free(error);
  options.size = 0;
  CHECK(cotter_enforcer_new(&options, &enforcer, NULL) == COTTER_STATUS_FAILED);
  CHECK(cotter_ssl_confirm(NULL, NULL, NULL) == COTTER_STATUS_FAILED);
  CHECK(cotter_insecure_evaluate_path(policy, HOST, 443, path, 1, 0, &outcome, &error) ==
        COTTER_STATUS_REFUSED);
  CHECK(outcome == COTTER_OUTCOME_PIN_MISMATCH);
  CHECK(strncmp(cotter_error_message(error), "bad ssl pin detected, found pins: [", 35) == 0);
  cotter_error_free(error);
  CHECK(cotter_insecure_evaluate_path(policy, HOST, 443, path, 0, 0, NULL, NULL) ==
        COTTER_STATUS_FAILED);
  CHECK(cotter_verdict_allowed(NULL) == 0 && cotter_verdict_code(NULL) == NULL);
  CHECK(cotter_error_code(NULL) == NULL && cotter_policy_name(NULL) == NULL);
  cotter_error_free(NULL);
  cotter_policy_free(NULL);
  cotter_source_free(NULL);
  cotter_trust_free(NULL);
  cotter_verdict_free(NULL);
  cotter_enforcer_free(NULL);
  cotter_client_free(NULL);
  cotter_response_free(NULL);
}

int main(int argc, char **argv) {
  cotter_policy *policy = NULL;
  cotter_policy *current = NULL;
  cotter_source *source = NULL;
  cotter_trust *trust = NULL;
  cotter_enforcer *enforcer = NULL;
  cotter_trust_options trust_options = COTTER_TRUST_OPTIONS_INIT;
  cotter_watch_options watch_options = COTTER_WATCH_OPTIONS_INIT;
  cotter_enforcer_options options = COTTER_ENFORCER_OPTIONS_INIT;
  const char *files[1];
  tally counts = {0, 0, 0, ""};
  int allowed;

  CHECK(argc == 6);
  allowed = strcmp(argv[5], "pinned_ok") == 0;
  CHECK(cotter_abi_version() == COTTER_ABI_VERSION);
  CHECK(strcmp(cotter_openssl_version(), OpenSSL_version(OPENSSL_VERSION)) == 0);
  CHECK(cotter_policy_load_file(argv[1], NULL, &policy, NULL) == COTTER_STATUS_OK);
  CHECK(strcmp(cotter_policy_name(policy), "test") == 0);
  CHECK(cotter_policy_rule_count(policy) == 1);
  files[0] = argv[2];
  trust_options.no_system_roots = 1;
  trust_options.files = files;
  trust_options.file_count = 1;
  CHECK(cotter_trust_load(&trust_options, &trust, NULL) == COTTER_STATUS_OK);
  misuse(policy);
  judge_chain(policy, trust, argv[3], argv[5]);

  CHECK(cotter_source_new(policy, &source, NULL) == COTTER_STATUS_OK);
  CHECK(cotter_source_refresh(source, NULL) == COTTER_STATUS_FAILED);
  CHECK(cotter_source_set(source, policy, NULL) == COTTER_STATUS_OK);
  cotter_source_free(source);
  watch_options.path = argv[1];
  watch_options.user = &counts;
  watch_options.release = count_release;
  CHECK(cotter_source_watch(&watch_options, &source, NULL) == COTTER_STATUS_OK);
  CHECK(cotter_source_refresh(source, NULL) == COTTER_STATUS_OK);
  CHECK(cotter_source_set(source, policy, NULL) == COTTER_STATUS_FAILED);
  CHECK(cotter_source_current(source, &current, NULL) == COTTER_STATUS_OK);
  CHECK(cotter_policy_version(current) == cotter_policy_version(policy));

  options.source = source;
  options.trust = trust;
  options.on_violation = count_violation;
  options.user = &counts;
  CHECK(cotter_enforcer_new(&options, &enforcer, NULL) == COTTER_STATUS_OK);
  request(source, trust, (uint16_t)atoi(argv[4]), argv[5]);
  /* What an enforcer needs it holds. */
  cotter_source_free(source);
  cotter_trust_free(trust);
  cotter_policy_free(current);
  cotter_policy_free(policy);
  shake_hands(enforcer, (uint16_t)atoi(argv[4]), argv[5]);
  CHECK(counts.violations == (allowed ? 0 : 2));
  cotter_enforcer_free(enforcer);
  CHECK(counts.released == 1);
  puts(argv[5]);
  return 0;
}
