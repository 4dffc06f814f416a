/* SPDX-License-Identifier: Apache-2.0
 *
 * The C ABI: what other languages bind to. It keeps the promises of the C++ doors: pins are held
 * against verified paths alone, and whoever only asserts a path says `insecure` in the name of the
 * function. The rules, once for all functions:
 *
 *   - Results. A cotter_status says how it went; COTTER_STATUS_OK is 0. Results are
 *     out-parameters, last but for the error, and set to NULL or 0 on failure. No function
 *     throws or ends the process for anything that is passed in, except for pointers that are
 *     none.
 *   - Errors. Every function that can fail takes a `cotter_error **error` last. It may be
 *     NULL; else it is set to NULL, or to an error that the caller frees. cotter_error_code is
 *     a stable name (docs/codes); the message is for people.
 *   - Ownership. Whoever gets a handle from a function named _new, _load, _open or _current,
 *     or as an out-parameter, frees it with the _free of its type, once. _free(NULL) does
 *     nothing. Handles hold what they need of others: the others may be freed first, in any
 *     order. What goes in by pointer is read before the function returns and never kept, but
 *     for callbacks and their `user`.
 *   - Borrowing. A `const char *` or `const uint8_t *` that comes back belongs to the handle
 *     it was asked of, and lives as long. It is UTF-8 and ends in NUL.
 *   - Text goes in as UTF-8 that ends in NUL. Sizes of everything else are explicit.
 *   - Threads. Handles may be used from any thread at once, but for cotter_error and
 *     cotter_response (one thread at a time); freeing one that another thread uses is an
 *     error. An SSL belongs to one thread, as OpenSSL has it.
 *   - Callbacks run on the thread of the connection, with no lock of cotter's held. A C++
 *     exception that one throws goes no further. `release`, where there is one, is called
 *     once, when `user` is not needed any more, also where the function that took it fails,
 *     unless the struct that holds both could not be read.
 *   - Options. Structs of options begin with their size, set by their _INIT macro, so that a
 *     program that was compiled with an older header goes on working. Zero in a field is its
 *     default, and the default is the strict one.
 *   - NULL where a handle or text is required is COTTER_STATUS_FAILED with the code "usage";
 *     questions to a NULL handle are answered with NULL or 0.
 *
 * Link with `pkg-config --libs cotter`, or find_package(cotter) and cotter::cotter.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* COTTER_ABI_VERSION grows when a function or field is added; the SONAME changes if one goes. */
#define COTTER_ABI_VERSION 2

#if defined(__GNUC__)
#define COTTER_API __attribute__((visibility("default")))
#else
#define COTTER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Of OpenSSL: a program that uses the SSL functions has them from <openssl/ssl.h>. */
struct ssl_ctx_st;
struct ssl_st;

typedef struct cotter_error cotter_error;
typedef struct cotter_policy cotter_policy;     /* a compiled policy; never changes */
typedef struct cotter_source cotter_source;     /* which policy is in force now */
typedef struct cotter_trust cotter_trust;       /* trust anchors; never change */
typedef struct cotter_verdict cotter_verdict;   /* the answer for one connection */
typedef struct cotter_enforcer cotter_enforcer; /* attaches a source to connections */
typedef struct cotter_client cotter_client;     /* an HTTP client that holds to a source */
typedef struct cotter_response cotter_response; /* its answer */

typedef int32_t cotter_status;
enum {
  COTTER_STATUS_OK = 0,
  COTTER_STATUS_REFUSED = 1, /* the server was refused: by pins or by PKI. Never try again */
  COTTER_STATUS_FAILED = 2,  /* the input is wrong, a file cannot be read, the network failed */
  COTTER_STATUS_INTERNAL = 3 /* no memory, or a bug in cotter */
};

typedef int32_t cotter_outcome;
enum {
  COTTER_OUTCOME_PINNED_OK = 0,
  COTTER_OUTCOME_PIN_MISMATCH = 1,
  COTTER_OUTCOME_REPORTED = 2, /* a mismatch that the rule lets through */
  COTTER_OUTCOME_NOT_PINNED = 3,
  COTTER_OUTCOME_REVOKED = 4,
  COTTER_OUTCOME_UNLISTED_REFUSED = 5,
  COTTER_OUTCOME_PORT_REFUSED = 6,
  COTTER_OUTCOME_SEARCH_BOUND = 7,
  COTTER_OUTCOME_PKI_ERROR = 8
};

/* COTTER_TIME_NOW stands for the system's clock where a time is asked for: seconds since
 * 1970-01-01T00:00:00Z. */
#define COTTER_TIME_NOW INT64_MIN

/* ---- Versions ---------------------------------------------------------------------------------*/

/* cotter_abi_version is the COTTER_ABI_VERSION of the library that runs. */
COTTER_API uint32_t cotter_abi_version(void);

/* cotter_version is the release, "0.1.0". Static. */
COTTER_API const char *cotter_version(void);

/* cotter_openssl_version is what the OpenSSL that cotter runs on calls itself. Static. */
COTTER_API const char *cotter_openssl_version(void);

/* ---- Errors -----------------------------------------------------------------------------------*/

/* cotter_error_code is the stable name of what went wrong ("pin_mismatch"). */
COTTER_API const char *cotter_error_code(const cotter_error *error);

/* cotter_error_message is for people. That of a pin mismatch is exactly
 * "bad ssl pin detected, found pins: [...]". */
COTTER_API const char *cotter_error_message(const cotter_error *error);

/* cotter_error_retryable is 1 where the same request may go well another time; never for a refusal.
 */
COTTER_API int32_t cotter_error_retryable(const cotter_error *error);

COTTER_API void cotter_error_free(cotter_error *error);

/* ---- Policies ---------------------------------------------------------------------------------*/

/* cotter_policy_load_file reads the policy file at `path`: TOML, JSON, or compiled. `environment`
 * is the one that it must be for; NULL: any. */
COTTER_API cotter_status cotter_policy_load_file(const char *path, const char *environment,
                                                 cotter_policy **policy, cotter_error **error);

/* cotter_policy_load_bytes reads a policy from memory. `name` is its name in errors; NULL:
 * "policy". */
COTTER_API cotter_status cotter_policy_load_bytes(const uint8_t *bytes, size_t size,
                                                  const char *name, const char *environment,
                                                  cotter_policy **policy, cotter_error **error);

COTTER_API const char *cotter_policy_name(const cotter_policy *policy);
COTTER_API uint64_t cotter_policy_version(const cotter_policy *policy);
COTTER_API size_t cotter_policy_rule_count(const cotter_policy *policy);
COTTER_API void cotter_policy_free(cotter_policy *policy);

/* ---- Sources ----------------------------------------------------------------------------------*/

/* cotter_source_new is a source of `policy` until cotter_source_set. */
COTTER_API cotter_status cotter_source_new(const cotter_policy *policy, cotter_source **source,
                                           cotter_error **error);

typedef struct cotter_watch_options {
  size_t size;
  const char *path;        /* required: of the policy file */
  const char *environment; /* NULL: that of the first policy, for good */
  uint32_t interval_ms;    /* how often the file is looked at; 0: once a second */
  /* Told why the file could not be used; the last good policy stays in force. May be NULL. */
  void (*on_failure)(void *user, const char *code, const char *message);
  void *user;
  void (*release)(void *user); /* may be NULL */
} cotter_watch_options;
#define COTTER_WATCH_OPTIONS_INIT \
  { sizeof(cotter_watch_options), NULL, NULL, 0, NULL, NULL, NULL }

/* cotter_source_watch follows a policy file from a thread of its own. A file that is deleted, cut
 * short, broken or older never changes what is in force. Fails where the file cannot be used now.
 */
COTTER_API cotter_status cotter_source_watch(const cotter_watch_options *options,
                                             cotter_source **source, cotter_error **error);

typedef struct cotter_remote_options {
  size_t size;
  const char *const *remotes; /* required: base URLs of the repository and its mirrors, in order */
  size_t remote_count;
  const char *state;       /* required: the directory that keeps what is trusted */
  const char *environment; /* what this client is; NULL: "production" */
  /* The root of trust while the state is empty, which came another way than the network: its
   * content, or a file with it. */
  const char *root;
  const char *root_file;
  /* The policy that was shipped with the program, TOML or JSON; it is in force until a higher one
   * is signed. Both NULL: none. */
  const char *base;
  const char *base_file;
  /* Keeps the highest version seen outside of the state, should that be deleted. NULL: none. */
  const char *floor_file;
  const char *channel_roots_file; /* PEM; NULL: the roots of the system */
  int32_t insecure_http;          /* not 0: http:// may be fetched */
  int32_t patience_ms;            /* how long to wait for the first poll; 0: 5 s; below 0: not */
  /* Told of every poll, on the source's thread. `outcome` is "updated", "unchanged" or
   * "update_rejected"; `version` that of the policy in force; `step`, `code` and `message` say
   * where and why it was rejected, and are "" where it was not. It must not refresh the source. */
  void (*on_event)(void *user, const char *outcome, uint64_t version, const char *step,
                   const char *code, const char *message);
  void *user;
  void (*release)(void *user); /* may be NULL */
} cotter_remote_options;
#define COTTER_REMOTE_OPTIONS_INIT                                                                \
  {                                                                                               \
    sizeof(cotter_remote_options), NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, \
        NULL, NULL, NULL                                                                          \
  }

/* cotter_source_remote follows a signed repository (The Update Framework) from a thread of its own:
 * every six hours, half more or less, sooner near an expiry, and soon after a server did not match
 * its pins. Whatever is wrong with what is offered, the policy in force stays. Fails where there is
 * no policy to begin with. */
COTTER_API cotter_status cotter_source_remote(const cotter_remote_options *options,
                                              cotter_source **source, cotter_error **error);

/* cotter_source_set puts `policy` into force; every connection is judged by it from its next use
 * on. Fails with "usage" for a source that watches a file or follows
 * a repository. */
COTTER_API cotter_status cotter_source_set(cotter_source *source, const cotter_policy *policy,
                                           cotter_error **error);

/* cotter_source_refresh has a watched file read, or a repository polled, now; when it returns the
 * policy is in force. Fails with why it is not; the one before it is then. */
COTTER_API cotter_status cotter_source_refresh(cotter_source *source, cotter_error **error);

/* cotter_source_current is the policy that is in force; to be freed. */
COTTER_API cotter_status cotter_source_current(const cotter_source *source, cotter_policy **policy,
                                               cotter_error **error);

/* cotter_source_changes is how often another policy was put into force since the source was made.
 */
COTTER_API uint64_t cotter_source_changes(const cotter_source *source);

COTTER_API void cotter_source_free(cotter_source *source);

/* ---- Trust ------------------------------------------------------------------------------------*/

/* cotter_blob is bytes that the caller owns. */
typedef struct cotter_blob {
  const uint8_t *bytes;
  size_t size;
} cotter_blob;

typedef struct cotter_trust_options {
  size_t size;
  int32_t no_system_roots;  /* not 0: only what the fields below name is trusted */
  const char *const *files; /* PEM bundles or DER */
  size_t file_count;
  const char *const *directories; /* as `openssl rehash` makes them */
  size_t directory_count;
  const cotter_blob *certificates; /* DER, one each */
  size_t certificate_count;
} cotter_trust_options;
#define COTTER_TRUST_OPTIONS_INIT \
  { sizeof(cotter_trust_options), 0, NULL, 0, NULL, 0, NULL, 0 }

/* cotter_trust_load reads trust anchors. `options` NULL: the roots of the system. */
COTTER_API cotter_status cotter_trust_load(const cotter_trust_options *options,
                                           cotter_trust **trust, cotter_error **error);

COTTER_API void cotter_trust_free(cotter_trust *trust);

/* ---- Verdicts ---------------------------------------------------------------------------------*/

/* cotter_chain_judge verifies a presented chain (DER, leaf first, as the server sent it) against
 * `trust` for `host` at `now`, and holds the verified paths against the policy, in one call. It is
 * COTTER_STATUS_OK where the connection is allowed and COTTER_STATUS_REFUSED where it is not; in
 * both cases `verdict` is set, and on refusal the error too. `verdict` may be NULL. */
COTTER_API cotter_status cotter_chain_judge(const cotter_policy *policy, const cotter_trust *trust,
                                            const char *host, uint16_t port,
                                            const cotter_blob *chain, size_t count, int64_t now,
                                            cotter_verdict **verdict, cotter_error **error);

/* cotter_insecure_evaluate_path holds a path that the caller merely asserts against the policy:
 * nothing is verified, so it is no reason to trust a connection. `spki_sha256` is 32 bytes for each
 * of `count` certificates, 1 to 16, leaf first. Allocates nothing but for long names. The status is
 * as that of cotter_chain_judge; `outcome` may be NULL. */
COTTER_API cotter_status cotter_insecure_evaluate_path(const cotter_policy *policy,
                                                       const char *host, uint16_t port,
                                                       const uint8_t *spki_sha256, size_t count,
                                                       int64_t now, cotter_outcome *outcome,
                                                       cotter_error **error);

COTTER_API cotter_outcome cotter_verdict_outcome(const cotter_verdict *verdict);
COTTER_API const char *cotter_verdict_outcome_name(const cotter_verdict *verdict);

/* cotter_verdict_allowed is 1 where the connection may go on, else 0. */
COTTER_API int32_t cotter_verdict_allowed(const cotter_verdict *verdict);

/* cotter_verdict_code is the stable name of what best explains the verdict; NULL where it is an
 * untroubled yes. cotter_verdict_message is for people, "" where the connection is allowed. */
COTTER_API const char *cotter_verdict_code(const cotter_verdict *verdict);
COTTER_API const char *cotter_verdict_message(const cotter_verdict *verdict);

/* The reference host, canonical, and the port. */
COTTER_API const char *cotter_verdict_host(const cotter_verdict *verdict);
COTTER_API uint16_t cotter_verdict_port(const cotter_verdict *verdict);

/* Every reason, by the name of its code. NULL over the count. */
COTTER_API size_t cotter_verdict_reason_count(const cotter_verdict *verdict);
COTTER_API const char *cotter_verdict_reason(const cotter_verdict *verdict, size_t index);

/* The pins of the default path, leaf first, as "sha256/BASE64". NULL over the count. */
COTTER_API size_t cotter_verdict_found_count(const cotter_verdict *verdict);
COTTER_API const char *cotter_verdict_found(const cotter_verdict *verdict, size_t index);

/* cotter_verdict_matched_pin is the pin that satisfied the rule; NULL where none did.
 * cotter_verdict_backup_matched is 1 where it is a backup. */
COTTER_API const char *cotter_verdict_matched_pin(const cotter_verdict *verdict);
COTTER_API int32_t cotter_verdict_backup_matched(const cotter_verdict *verdict);

/* cotter_verdict_rule is the pattern of the rule that applied; NULL where none did. */
COTTER_API const char *cotter_verdict_rule(const cotter_verdict *verdict);

COTTER_API const char *cotter_verdict_policy_name(const cotter_verdict *verdict);
COTTER_API uint64_t cotter_verdict_policy_version(const cotter_verdict *verdict);

/* cotter_verdict_tls_version is "TLSv1.3"; "" where there was no connection. */
COTTER_API const char *cotter_verdict_tls_version(const cotter_verdict *verdict);

/* cotter_verdict_resumed is 1 where a session was resumed, and the verdict is on what the session's
 * first handshake showed. */
COTTER_API int32_t cotter_verdict_resumed(const cotter_verdict *verdict);

/* cotter_verdict_peer is the address and port that the connection went to, as "192.0.2.7:443"; ""
 * where it is not known. */
COTTER_API const char *cotter_verdict_peer(const cotter_verdict *verdict);

COTTER_API void cotter_verdict_free(cotter_verdict *verdict);

/* ---- Enforcing on OpenSSL ---------------------------------------------------------------------*/

typedef struct cotter_enforcer_options {
  size_t size;
  const cotter_source *source; /* required */
  const cotter_trust *trust;   /* required */
  /* Told of every connection that pins, a revoked key or an unlisted host refuse, or that a rule
   * only reports, before the error returns. It can change nothing. The verdict is borrowed. */
  void (*on_violation)(void *user, const cotter_verdict *verdict);
  /* The clock; NULL: the system's. */
  int64_t (*now)(void *user);
  void *user;
  void (*release)(void *user);
  /* A file that every violation is appended to, mode 0600, rotated. NULL: none. */
  const char *violation_file;
  /* Not 0: sessions of this process may be resumed, where they are bound to what decided about them
   * and are judged again and allowed; those that were read from a file never are. 0: every
   * handshake is a full one. */
  int32_t resume;
} cotter_enforcer_options;
#define COTTER_ENFORCER_OPTIONS_INIT \
  { sizeof(cotter_enforcer_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0 }

COTTER_API cotter_status cotter_enforcer_new(const cotter_enforcer_options *options,
                                             cotter_enforcer **enforcer, cotter_error **error);

typedef struct cotter_context_options {
  size_t size;
  const char *host; /* that every connection of the context is for; NULL: each says it itself, by
                       the name that it verifies (SSL_set1_host), else its SNI */
  uint16_t port;    /* that the policy is looked up by; 0: 443 */
  /* Handed every verdict inside the handshake, allowed or not. The verdict is borrowed. */
  void (*on_verdict)(void *user, const cotter_verdict *verdict);
  void *user;
  void (*release)(void *user);
} cotter_context_options;
#define COTTER_CONTEXT_OPTIONS_INIT \
  { sizeof(cotter_context_options), NULL, 0, NULL, NULL, NULL }

/* cotter_enforcer_attach_context attaches every client connection that is made of `context` from
 * then on. Whatever the program sets on them afterwards, a connection without an allowed verdict is
 * ended before any data. `context` must be of the libssl that cotter runs on. `options` may be
 * NULL. */
COTTER_API cotter_status cotter_enforcer_attach_context(const cotter_enforcer *enforcer,
                                                        struct ssl_ctx_st *context,
                                                        const cotter_context_options *options,
                                                        cotter_error **error);

/* cotter_enforcer_prepare puts the verifier into `context`, for cotter_enforcer_attach. */
COTTER_API cotter_status cotter_enforcer_prepare(struct ssl_ctx_st *context, cotter_error **error);

/* cotter_enforcer_attach attaches one client connection before its handshake, for `host`, which SNI
 * is set to. Its context was prepared. After the handshake cotter_ssl_confirm is required. */
COTTER_API cotter_status cotter_enforcer_attach(const cotter_enforcer *enforcer, struct ssl_st *ssl,
                                                const char *host, uint16_t port,
                                                cotter_error **error);

COTTER_API void cotter_enforcer_free(cotter_enforcer *enforcer);

/* cotter_ssl_confirm asserts that the handshake that `ssl` has ended was judged and allowed, else
 * it ends the connection. `verdict` may be NULL. */
COTTER_API cotter_status cotter_ssl_confirm(struct ssl_st *ssl, cotter_verdict **verdict,
                                            cotter_error **error);

/* cotter_ssl_check_use is asked before each use of a connection that stays open: after a change of
 * the policy it is judged again, and ended where it no longer holds. Programs that never ask have
 * the sockets of such connections shut down; those whose SSL has no socket are found here alone. */
COTTER_API cotter_status cotter_ssl_check_use(struct ssl_st *ssl, cotter_error **error);

/* cotter_ssl_use_socket names the socket of an attached connection whose SSL has none (memory
 * BIOs); borrowed until the SSL is freed. */
COTTER_API void cotter_ssl_use_socket(struct ssl_st *ssl, int socket);

/* cotter_ssl_verdict is the verdict that the handshake of `ssl` has come to so far, allowed or not.
 * Fails with "no_verified_path" where there is none. */
COTTER_API cotter_status cotter_ssl_verdict(const struct ssl_st *ssl, cotter_verdict **verdict,
                                            cotter_error **error);

/* ---- The HTTP client --------------------------------------------------------------------------*/

typedef struct cotter_header {
  const char *name;
  const char *value;
} cotter_header;

typedef struct cotter_request {
  size_t size;
  const char *method; /* NULL: GET */
  const char *url;    /* required: http or https */
  const cotter_header *headers;
  size_t header_count;
  const uint8_t *body;
  size_t body_size;
  uint32_t timeout_ms;    /* of the whole request; 0: the client's */
  int32_t own_connection; /* not 0: a new connection, closed afterwards */
} cotter_request;
#define COTTER_REQUEST_INIT \
  { sizeof(cotter_request), NULL, NULL, NULL, 0, NULL, 0, 0, 0 }

enum {
  COTTER_PROFILE_INTERMEDIATE = 0, /* TLS 1.2 with forward secrecy, and TLS 1.3 */
  COTTER_PROFILE_MODERN = 1,       /* TLS 1.3 alone */
  COTTER_PROFILE_FIPS = 2          /* refused unless OpenSSL runs on its FIPS provider */
};

typedef struct cotter_client_options {
  size_t size;
  const cotter_source *source; /* required */
  const cotter_trust *trust;   /* NULL: the roots of the system */
  /* Told of every connection that is refused or only reported, before the request fails; it can
   * change nothing. `request` has the method, URL and headers as the caller gave them, secrets
   * among them. Both are borrowed. */
  void (*on_violation)(void *user, const cotter_verdict *verdict, const cotter_request *request);
  int64_t (*now)(void *user); /* NULL: the system's clock */
  void *user;
  void (*release)(void *user);
  const char *violation_file;     /* as of an enforcer */
  const char *proxy;              /* http://, https:// or socks5h://; NULL: none */
  const char *client_certificate; /* PEM files, offered to the origin after the verdict alone */
  const char *client_key;
  const char *client_passphrase;
  const char *const *connect_to; /* HOST1:PORT1:HOST2:PORT2, as curl's: TCP alone goes there */
  size_t connect_to_count;
  uint32_t timeout_ms;         /* of a whole request; 0: 30 seconds */
  uint32_t connect_timeout_ms; /* of each connection; 0: 10 seconds */
  int32_t no_redirects; /* not 0: a redirect is the response; else 10 are followed, each judged */
  int32_t profile;      /* COTTER_PROFILE_... */
  int32_t no_http2;     /* not 0: HTTP/1.1 alone */
  uint64_t max_body_bytes; /* of a response, decoded; 0: 64 MiB */
} cotter_client_options;
#define COTTER_CLIENT_OPTIONS_INIT                                                             \
  {                                                                                            \
    sizeof(cotter_client_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
        NULL, NULL, 0, 0, 0, 0, 0, 0, 0                                                        \
  }

/* cotter_client_new makes a client. It starts no thread. */
COTTER_API cotter_status cotter_client_new(const cotter_client_options *options,
                                           cotter_client **client, cotter_error **error);

/* cotter_client_send makes a request and waits for the answer; many threads may send at once, over
 * connections that they share. A status of 400 or more is a response. */
COTTER_API cotter_status cotter_client_send(const cotter_client *client,
                                            const cotter_request *request,
                                            cotter_response **response, cotter_error **error);

COTTER_API void cotter_client_free(cotter_client *client);

COTTER_API int32_t cotter_response_status(const cotter_response *response);

/* cotter_response_url is that of the last request, after redirects, without credentials. */
COTTER_API const char *cotter_response_url(const cotter_response *response);
COTTER_API const char *cotter_response_http_version(const cotter_response *response);

/* NULL over the count. A name may stand several times. */
COTTER_API size_t cotter_response_header_count(const cotter_response *response);
COTTER_API const char *cotter_response_header_name(const cotter_response *response, size_t index);
COTTER_API const char *cotter_response_header_value(const cotter_response *response, size_t index);

/* cotter_response_body is cotter_response_body_size bytes; one NUL follows them. */
COTTER_API const uint8_t *cotter_response_body(const cotter_response *response);
COTTER_API size_t cotter_response_body_size(const cotter_response *response);

/* cotter_response_verdict is that of the connection that the answer came on; its host and message
 * are "". Borrowed. */
COTTER_API const cotter_verdict *cotter_response_verdict(const cotter_response *response);

/* cotter_response_reused is 1 where that connection had served a request before. */
COTTER_API int32_t cotter_response_reused(const cotter_response *response);

COTTER_API void cotter_response_free(cotter_response *response);

#ifdef __cplusplus
} /* extern "C" */
#endif
