// SPDX-License-Identifier: Apache-2.0
#include "tls/sessions.h"

#include <algorithm>
#include <utility>

namespace cotter::tls {
namespace {

void FreeNote(void* /*parent*/, void* note, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argl*/,
              void* /*argp*/) {
  const std::unique_ptr<SessionNote> owner(static_cast<SessionNote*>(note));
}

// CopyNote gives the copy of a session, which TLS 1.3 makes for each ticket, a note of its own.
int CopyNote(CRYPTO_EX_DATA* /*to*/, const CRYPTO_EX_DATA* /*from*/, void** note, int /*index*/,
             long /*argl*/, void* /*argp*/) {
  if (*note == nullptr) return 1;
  try {
    *note = std::make_unique<SessionNote>(*static_cast<const SessionNote*>(*note)).release();
  } catch (...) {
    *note = nullptr;
    return 0;
  }
  return 1;
}

int NoteIndex() noexcept {
  static const int index = SSL_SESSION_get_ex_new_index(0, nullptr, nullptr, CopyNote, FreeNote);
  return index;
}

std::optional<Digest> BindingOf(const SSL_SESSION* session) noexcept {
  unsigned size = 0;
  const unsigned char* const context = SSL_SESSION_get0_id_context(session, &size);
  Digest binding;
  if (size != binding.bytes.size()) return std::nullopt;
  std::copy_n(context, size, binding.bytes.begin());
  return binding;
}

}  // namespace

bool ReserveSessionIndex() noexcept { return NoteIndex() >= 0; }

const SessionNote* NoteOf(const SSL_SESSION* session) noexcept {
  if (session == nullptr) return nullptr;
  return static_cast<const SessionNote*>(SSL_SESSION_get_ex_data(session, NoteIndex()));
}

SessionNote MakeNote(std::shared_ptr<const Evidence> evidence,
                     const std::optional<CompiledRule>& rule, Time now) {
  SessionNote note{.evidence = std::move(evidence), .created = now, .expires = {}};
  note.expires = std::min(Time{now.unix_seconds + kMaxSessionAge}, note.evidence->not_after);
  // Pins that have expired already expire no more.
  if (rule && rule->expires() && *rule->expires() > now) {
    note.expires = std::min(note.expires, *rule->expires());
  }
  return note;
}

bool PutNote(SSL_SESSION* session, SessionNote note) {
  auto owner = std::make_unique<SessionNote>(std::move(note));
  const std::unique_ptr<SessionNote> before(
      static_cast<SessionNote*>(SSL_SESSION_get_ex_data(session, NoteIndex())));
  if (SSL_SESSION_set_ex_data(session, NoteIndex(), owner.get()) != 1) {
    // Where there was one, its place is there, so this cannot have failed.
    COTTER_CHECK(before == nullptr);
    return false;
  }
  (void)owner.release();  // freed with the session
  return true;
}

bool MayResume(SSL_SESSION* session, const Digest& binding, const PolicyIndex& policy,
               Time now) noexcept {
  const SessionNote* const note = NoteOf(session);
  if (note == nullptr || BindingOf(session) != binding) return false;
  if (SSL_SESSION_get_max_early_data(session) != 0) return false;
  // A clock that was put back makes nothing younger.
  if (now < note->created || now >= note->expires) return false;
  return JudgeAgain(policy, *note->evidence, now).allowed();
}

void SessionStore::Add(SessionPtr session, Time now) {
  const std::optional<Digest> binding = BindingOf(session.get());
  if (!binding || NoteOf(session.get()) == nullptr) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(entries_,
                [now](const Entry& entry) { return NoteOf(entry.session.get())->expires <= now; });
  const auto is_same = [&](const Entry& entry) { return entry.binding == *binding; };
  if (std::ranges::count_if(entries_, is_same) >= std::ptrdiff_t{kMaxSessionsPerBinding}) {
    entries_.erase(std::ranges::find_if(entries_, is_same));
  }
  if (entries_.size() >= kMaxSessions) entries_.pop_front();
  entries_.push_back({*binding, std::move(session)});
}

SessionPtr SessionStore::Take(const Digest& binding) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto newest = std::find_if(entries_.rbegin(), entries_.rend(),
                                   [&](const Entry& entry) { return entry.binding == binding; });
  if (newest == entries_.rend()) return nullptr;
  if (SSL_SESSION_get_protocol_version(newest->session.get()) < TLS1_3_VERSION) {
    return SessionPtr(SSL_SESSION_dup(newest->session.get()));
  }
  SessionPtr session = std::move(newest->session);
  entries_.erase(std::next(newest).base());
  return session;
}

}  // namespace cotter::tls
