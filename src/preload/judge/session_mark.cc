// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/session_mark.h"

#include <algorithm>
#include <memory>

#include "base/clock.h"

namespace cotter::preload {
namespace {

struct SessionMark {
  Digest key;
  Outcome outcome = Outcome::kPkiError;
  Time expires;
  tls::X509StorePtr store;  // held, so that no other store gets its address
};

void FreeMark(void* /*parent*/, void* mark, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argl*/,
              void* /*argp*/) {
  const std::unique_ptr<SessionMark> owner(static_cast<SessionMark*>(mark));
}

tls::X509StorePtr Share(X509_STORE* store) {
  if (store != nullptr) X509_STORE_up_ref(store);
  return tls::X509StorePtr(store);
}

// CopyMark gives a TLS 1.3 ticket, which is a copy of the session, a mark of its own.
int CopyMark(CRYPTO_EX_DATA* /*to*/, const CRYPTO_EX_DATA* /*from*/, void** data, int /*index*/,
             long /*argl*/, void* /*argp*/) {
  const auto* const mark = static_cast<const SessionMark*>(*data);
  if (mark == nullptr) return 1;
  *data = nullptr;
  try {
    *data = std::make_unique<SessionMark>(SessionMark{.key = mark->key,
                                                      .outcome = mark->outcome,
                                                      .expires = mark->expires,
                                                      .store = Share(mark->store.get())})
                .release();
  } catch (...) {
    return 1;  // a session without a mark is not resumed
  }
  return 1;
}

int MarkIndex() {
  static const int index = SSL_SESSION_get_ex_new_index(0, nullptr, nullptr, CopyMark, FreeMark);
  return index;
}

const SessionMark* MarkOf(const SSL_SESSION* session) {
  return static_cast<const SessionMark*>(SSL_SESSION_get_ex_data(session, MarkIndex()));
}

// SecondsLeft is how long `certificate` holds from now on; 0 where that is unknown.
std::int64_t SecondsLeft(const X509* certificate) {
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return 0;
  return std::int64_t{days} * 24 * 60 * 60 + seconds;
}

}  // namespace

bool MarkSession(SSL_SESSION* session, const Digest& key, Outcome outcome, Time until,
                 X509_STORE* store, X509* leaf, const STACK_OF(X509) * chain) {
  const Time now = base::Now();
  std::int64_t left = std::min(until.unix_seconds - now.unix_seconds, SecondsLeft(leaf));
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    left = std::min(left, SecondsLeft(sk_X509_value(chain, i)));
  }
  auto mark = std::make_unique<SessionMark>(SessionMark{.key = key,
                                                        .outcome = outcome,
                                                        .expires = Time{now.unix_seconds + left},
                                                        .store = Share(store)});
  void* const before = SSL_SESSION_get_ex_data(session, MarkIndex());
  // Where this fails, the session still owns the mark it had.
  if (SSL_SESSION_set_ex_data(session, MarkIndex(), mark.get()) != 1) return false;
  (void)mark.release();  // the session owns it now
  FreeMark(nullptr, before, nullptr, 0, 0, nullptr);
  return true;
}

bool IsMarked(const SSL_SESSION* session) { return MarkOf(session) != nullptr; }

std::optional<Outcome> OutcomeOf(const SSL_SESSION* session, const Digest& key,
                                 const X509_STORE* store) {
  const SessionMark* const mark = MarkOf(session);
  const bool fits = mark != nullptr && mark->key == key && mark->store.get() == store &&
                    base::Now() < mark->expires;
  return fits ? std::optional(mark->outcome) : std::nullopt;
}

}  // namespace cotter::preload
