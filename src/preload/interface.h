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

// AddressVisitor gets an address with its port.
using AddressVisitor = void (*)(const sockaddr* address, void* data);

// Services is what the thin half does for the judge.
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

// Span is bytes of elsewhere.
struct Span {
  const std::uint8_t* data;
  std::size_t size;
};

// ChainRequest is one connection of another TLS library than OpenSSL.
struct ChainRequest {
  const Span* names;  // that the program named the server by; may be none
  std::size_t name_count;
  const sockaddr* peer;  // null where there is no socket
  const Span* presented;
  std::size_t presented_count;
  const Span* anchors;  // those of the program's trust anchors that may matter
  std::size_t anchor_count;
  bool has_anchors;  // the program has any
};

// What the judge says of a connection.
enum class Answer : std::uint8_t {
  kUnruled,  // no rule: what the program itself decides stands
  kAllowed,
  kRefused,
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

  // note_directory remembers that a trust store looks up roots in directories.
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

  // judge_chain judges a connection of another TLS library.
  Answer (*judge_chain)(const ChainRequest* request);

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
