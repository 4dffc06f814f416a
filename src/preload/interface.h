// SPDX-License-Identifier: Apache-2.0
//
// What the two halves of the preload library know of each other. The thin half
// (libcotter-preload.so) is in every process below `cotter exec`: it needs nothing but libc, costs
// next to nothing at start, and hooks. The judge (libcotter-judge.so) needs OpenSSL and is loaded
// by a process that begins to use TLS. Plain types only, because the two are linked apart. Every
// function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

struct sockaddr;
struct bio_method_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_store_ctx_st;
struct x509_store_st;

namespace cotter::preload {

// Which connections become a line of the audit file.
enum class AuditEvents : std::uint8_t {
  kViolations,  // refused, or let through on a rule that reports
  kUnlisted,    // also those to hosts that no rule names
  kAll,
};

// Settings is what `cotter exec` was asked for. The texts are terminated, never null, and live as
// long as the process, as the image does.
struct Settings {
  const std::uint8_t* image;  // the compiled policy
  std::size_t image_size;
  const char* audit_path;  // empty: no file
  AuditEvents audit_events;
  bool report_only;
};

// NameVisitor gets a name that the program resolved, and the `data` that came with it.
using NameVisitor = void (*)(const char* name, std::size_t size, void* data);

// AddressVisitor gets an address with its port, and the socket that was connected there last, which
// may be closed or another's by now.
using AddressVisitor = void (*)(const sockaddr* address, int socket, void* data);

// Services is what the thin half does for the judge. What a visitor throws passes through it.
struct Services {
  // visit_names calls `visitor` for every name that the program resolved to the address of
  // `address`. False where names were forgotten, because a program resolved too many.
  bool (*visit_names)(const sockaddr* address, NameVisitor visitor, void* data);

  // visit_connections calls `visitor` for every address and port that the program connected to.
  // False where some were forgotten.
  bool (*visit_connections)(AddressVisitor visitor, void* data);

  // say writes a line to the standard error stream that the process began with, if it is still
  // that.
  void (*say)(const char* line, std::size_t size);
};

// Datum is gnutls_datum_t.
struct Datum {
  const unsigned char* data;
  unsigned size;
};

// HandshakeHook is gnutls_handshake_hook_func.
using HandshakeHook = int (*)(void* session, unsigned type, unsigned when, unsigned incoming,
                              const Datum* message);

// Gnutls is the functions of GnuTLS that the judge needs. Objects are opaque. The library is not
// linked: a program that does not use it must not load it.
struct Gnutls {
  void (*set_hook)(void* session, unsigned type, int when, HandshakeHook hook);
  const Datum* (*get_peers)(const void* session, unsigned* count);
  int (*get_credentials)(const void* session, int type, void** credentials);
  void (*get_trust_list)(void* credentials, void** list);
  int (*next_anchor)(void* list, void** position, void** certificate);
  void (*end_anchors)(void* position);
  int (*get_issuer)(void* list, void* certificate, void** issuer, unsigned flags);
  int (*new_certificate)(void** certificate);
  int (*read_certificate)(void* certificate, const Datum* data, int format);
  int (*write_certificate)(void* certificate, int format, Datum* data);
  void (*free_certificate)(void* certificate);
  void (**free_data)(void* data);  // gnutls_free is a variable
  void (*get_socket)(const void* session, int* receive, int* send);
};

// ProgramVerify is the verification that the program would have had.
using ProgramVerify = int (*)(x509_store_ctx_st* context, void* argument);

// Judge is what the judge does for the hooks.
struct Judge {
  // verify stands in for X509_verify_cert, or for the program's own callback in its place.
  int (*verify)(x509_store_ctx_st* context, ProgramVerify own, void* argument);

  // remember_verify notes the callback that the program set on a context; false without memory.
  bool (*remember_verify)(ssl_ctx_st* context, ProgramVerify own, void* argument);

  // verify_remembered is what such a context gets in its place.
  int (*verify_remembered)(x509_store_ctx_st* context, void* argument);

  // note_directory remembers that a trust store looks up roots in directories, or at a URI.
  void (*note_directory)(x509_store_st* store);

  // may_offer reports whether a session is one that was judged in this process.
  bool (*may_offer)(ssl_session_st* session);

  // is_open is true where data may pass: a server, or a handshake that was judged and let through.
  bool (*is_open)(const ssl_st* ssl);

  // begin is called before a handshake, or a part of it: it drops a session of another end point.
  void (*begin)(ssl_st* ssl);

  // confirm is called when a handshake may have ended. False where it ended without a verdict: the
  // connection is dead then.
  bool (*confirm)(ssl_st* ssl);

  // gate_bio is a method that lets data pass only where is_open would, in the place of the one that
  // BIO_f_ssl returned.
  const bio_method_st* (*gate_bio)(const bio_method_st* real);

  // The same for GnuTLS. gnutls_begin is called for a new session of a client; false without
  // memory, when there must be no session, because it would be taken for a server's. gnutls_end is
  // when it goes, gnutls_name with each name that the program gives it, and gnutls_hook in place of
  // the function of GnuTLS. gnutls_handshake stands around a handshake: its result is what the
  // program gets.
  bool (*gnutls_begin)(void* session);
  void (*gnutls_end)(void* session);
  void (*gnutls_name)(void* session, const char* name, std::size_t size);
  bool (*gnutls_hook)(void* session, unsigned type, int when, HandshakeHook hook);
  int (*gnutls_handshake)(void* session, const Gnutls* functions, int (*real)(void* session));

  // refuse tells of a connection that could not be looked at.
  void (*refuse)(const char* why);
};

// EntryPoint is the judge's one exported function. Null where the policy cannot be used.
using EntryPoint = const Judge* (*)(const Settings* settings, const Services* services);
inline constexpr const char* kEntryPointName = "cotter_preload_judge";

// The libraries, which stand in one directory.
inline constexpr const char* kPreloadName = "libcotter-preload.so";
inline constexpr const char* kJudgeName = "libcotter-judge.so";

// How the settings travel from process to process.
inline constexpr const char* kPolicyVariable = "COTTER_EXEC_POLICY";    // path of the image
inline constexpr const char* kOptionsVariable = "COTTER_EXEC_OPTIONS";  // words of kOption...
inline constexpr const char* kAuditVariable = "COTTER_EXEC_AUDIT";      // path; may be empty
inline constexpr const char* kReportOnlyOption = "report-only";
inline constexpr const char* kAllowUncoveredOption = "allow-uncovered";
inline constexpr const char* kAuditUnlistedOption = "audit-unlisted";
inline constexpr const char* kAuditAllOption = "audit-all";

// The exit code of a process that must not run, because its policy cannot be used.
inline constexpr int kCannotEnforce = 125;

}  // namespace cotter::preload
