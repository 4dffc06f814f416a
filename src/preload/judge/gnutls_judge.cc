// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/gnutls_judge.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>

#include "preload/judge/candidates.h"
#include "preload/judge/ruling.h"
#include "tls/path_verifier.h"
#include <cotter/trust.h>

namespace cotter::preload {
namespace {

// Values of gnutls.h.
constexpr unsigned kAnyMessage = static_cast<unsigned>(-1);
constexpr unsigned kClientHello = 1;
constexpr unsigned kServerHelloDone = 14;
constexpr unsigned kFinished = 20;
constexpr int kHookBoth = -1;
constexpr unsigned kHookPost = 1;
constexpr int kCertificateCredentials = 1;
constexpr int kDer = 0;
constexpr unsigned kGetCopy = 1U << 4;
constexpr int kVerificationError = -348;  // GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR

// Anchors that a program may have; the roots of all platforms together are below 500.
constexpr std::size_t kMaxAnchors = 4096;

// Session is what is known of one gnutls_session_t.
struct Session {
  std::vector<std::string> names;
  bool lost_name = false;  // one for which there was no memory: nobody knows whose rule applies
  const Gnutls* functions = nullptr;
  bool judged = false;  // in the current handshake, and let through

  // The program's own hook, which ours calls.
  HandshakeHook own_hook = nullptr;
  unsigned own_type = kAnyMessage;
  int own_when = kHookBoth;
};

// Sessions is all of them. Never destroyed, as everything that threads may use at the end.
class Sessions {
 public:
  static Sessions& All() {
    alignas(Sessions) static unsigned char room[sizeof(Sessions)];
    static Sessions* const all = [] {
      // A mutex that another thread held at a fork would stay locked in the child for ever.
      ::pthread_atfork([] { All().mutex_.lock(); }, [] { All().mutex_.unlock(); },
                       [] { All().mutex_.unlock(); });
      return std::construct_at(reinterpret_cast<Sessions*>(room));
    }();
    return *all;
  }

  void Begin(void* session) {
    const std::lock_guard lock(mutex_);
    sessions_[session] = std::make_shared<Session>();
  }
  void End(void* session) {
    const std::lock_guard lock(mutex_);
    sessions_.erase(session);
  }
  // Find is null for sessions of servers. A session is used by one thread at a time.
  std::shared_ptr<Session> Find(void* session) {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(session);
    return at == sessions_.end() ? nullptr : at->second;
  }

 private:
  std::mutex mutex_;
  std::map<void*, std::shared_ptr<Session>> sessions_;
};

// AnchorReader takes the program's trust anchors out of GnuTLS, as DER.
class AnchorReader {
 public:
  AnchorReader(const Gnutls& gnutls, void* session) : gnutls_(gnutls) {
    void* credentials = nullptr;
    const int got = gnutls.get_credentials(session, kCertificateCredentials, &credentials);
    if (got == 0 && credentials != nullptr) gnutls.get_trust_list(credentials, &list_);
  }

  // IssuersOf is the anchors that GnuTLS takes for issuers of `presented`.
  [[nodiscard]] std::vector<Bytes> IssuersOf(const std::vector<Bytes>& presented) const {
    std::vector<Bytes> anchors;
    for (const Bytes& der : presented) {
      void* certificate = nullptr;
      if (list_ == nullptr || gnutls_.new_certificate(&certificate) != 0) break;
      const Datum data{.data = der.data(), .size = static_cast<unsigned>(der.size())};
      void* issuer = nullptr;
      if (gnutls_.read_certificate(certificate, &data, kDer) == 0 &&
          gnutls_.get_issuer(list_, certificate, &issuer, kGetCopy) == 0) {
        Append(anchors, issuer);
        gnutls_.free_certificate(issuer);
      }
      gnutls_.free_certificate(certificate);
    }
    return anchors;
  }

  // All is every anchor.
  [[nodiscard]] std::vector<Bytes> All() const {
    std::vector<Bytes> anchors;
    void* position = nullptr;
    void* certificate = nullptr;
    while (list_ != nullptr && anchors.size() < kMaxAnchors &&
           gnutls_.next_anchor(list_, &position, &certificate) == 0) {
      Append(anchors, certificate);
      gnutls_.free_certificate(certificate);
    }
    if (position != nullptr) gnutls_.end_anchors(position);
    return anchors;
  }

 private:
  void Append(std::vector<Bytes>& anchors, void* certificate) const {
    Datum der{};
    if (gnutls_.write_certificate(certificate, kDer, &der) != 0) return;
    Bytes bytes(der.data, der.data + der.size);
    (*gnutls_.free_data)(Writable(der.data));
    if (std::ranges::find(anchors, bytes) == anchors.end()) anchors.push_back(std::move(bytes));
  }

  // What GnuTLS allocated, it takes back as bytes that it may write.
  static void* Writable(const unsigned char* data) {
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(data));
  }

  const Gnutls& gnutls_;
  void* list_ = nullptr;
};

std::shared_ptr<const tls::TrustStore> TrustOf(std::vector<Bytes> anchors) {
  tls::TrustOptions options;
  options.system_roots = tls::SystemRoots::kNone;
  options.certificates = std::move(anchors);
  auto loaded = tls::TrustStore::Load(options);
  return loaded ? *std::move(loaded) : nullptr;
}

Candidates CandidatesOf(const Session& session, void* handle) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  int receive = -1;
  int send = -1;
  session.functions->get_socket(handle, &receive, &send);
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  // A program with functions of its own to send and receive has something else in this place.
  const bool connected = receive >= 0 && ::getpeername(receive, address, &size) == 0;
  return FindCandidates(session.names, connected ? address : nullptr);
}

Answer RuleChain(const Candidates& candidates, const tls::ParsedChain& chain,
                 const AnchorReader& reader, const std::vector<Bytes>& presented) {
  const auto rule = [&](const std::vector<Bytes>& anchors, Finality finality) {
    const auto trust = TrustOf(anchors);
    return Rule(candidates,
                {.leaf = chain.leaf.get(), .presented = chain.rest.get(), .anchors = trust.get()},
                finality)
        .answer;
  };
  // The usual case needs one anchor, and reading all of them takes 10 ms.
  const std::vector<Bytes> issuers = reader.IssuersOf(presented);
  if (!issuers.empty()) {
    const Answer answer = rule(issuers, Finality::kMoreAnchors);
    if (answer != Answer::kRefused) return answer;
  }
  return rule(reader.All(), Finality::kFinal);
}

// JudgeSession is the verdict on what the server of a session presented, now or when it began.
bool JudgeSession(Session& session, void* handle) {
  if (session.lost_name) return session.judged = false;
  const Candidates candidates = CandidatesOf(session, handle);
  unsigned count = 0;
  const Datum* const peers = session.functions->get_peers(handle, &count);
  PresentedChain presented;
  for (unsigned i = 0; peers != nullptr && i < count; ++i) {
    presented.certificates.emplace_back(peers[i].data, peers[i].data + peers[i].size);
  }
  if (presented.certificates.empty()) {
    session.judged =
        RuleUnseen(candidates, "the handshake showed no certificate") != Answer::kRefused;
    return session.judged;
  }
  const Result<tls::ParsedChain> chain = tls::ParseChain(presented);
  session.judged = chain ? RuleChain(candidates, *chain, AnchorReader(*session.functions, handle),
                                     presented.certificates) != Answer::kRefused
                         : RuleUnseen(candidates, chain.error().message) != Answer::kRefused;
  return session.judged;
}

// OnMessage is called for every message of a handshake.
int OnMessage(void* handle, unsigned type, unsigned when, unsigned incoming, const Datum* message) {
  const std::shared_ptr<Session> session = Sessions::All().Find(handle);
  if (!session) return kVerificationError;
  if (session->own_hook != nullptr &&
      (session->own_type == kAnyMessage || session->own_type == type) &&
      (session->own_when == kHookBoth || session->own_when == static_cast<int>(when))) {
    const int own = session->own_hook(handle, type, when, incoming, message);
    if (own < 0) return own;
  }
  if (when != kHookPost) return 0;
  if (incoming == 0 && type == kClientHello) session->judged = false;
  if (incoming == 0 || (type != kServerHelloDone && type != kFinished) || session->judged) return 0;
  return JudgeSession(*session, handle) ? 0 : kVerificationError;
}

int OnMessageNoThrow(void* handle, unsigned type, unsigned when, unsigned incoming,
                     const Datum* message) noexcept {
  try {
    return OnMessage(handle, type, when, incoming, message);
  } catch (...) {
    return kVerificationError;
  }
}

}  // namespace

bool BeginGnutls(void* session) noexcept {
  try {
    Sessions::All().Begin(session);
    return true;
  } catch (...) {
    return false;
  }
}

void EndGnutls(void* session) noexcept {
  try {
    Sessions::All().End(session);
  } catch (...) {
    return;  // nothing was known of it
  }
}

void NameGnutls(void* session, const char* name, std::size_t size) noexcept {
  const std::shared_ptr<Session> known = Sessions::All().Find(session);
  if (!known) return;
  try {
    known->names.emplace_back(name, size);
  } catch (...) {
    known->lost_name = true;
  }
}

bool HookGnutls(void* session, unsigned type, int when, HandshakeHook hook) noexcept {
  try {
    const std::shared_ptr<Session> known = Sessions::All().Find(session);
    if (!known) return false;
    known->own_hook = hook;
    known->own_type = type;
    known->own_when = when;
    return true;
  } catch (...) {
    return true;
  }
}

int HandshakeGnutls(void* session, const Gnutls* functions, int (*real)(void* session)) noexcept {
  try {
    const std::shared_ptr<Session> known = Sessions::All().Find(session);
    if (!known) return real(session);  // a server's
    known->functions = functions;
    functions->set_hook(session, kAnyMessage, kHookBoth, OnMessageNoThrow);
    const int result = real(session);
    if (result != 0 || known->judged) return result;
    return JudgeSession(*known, session) ? 0 : kVerificationError;
  } catch (...) {
    return kVerificationError;
  }
}

}  // namespace cotter::preload
