// SPDX-License-Identifier: Apache-2.0
//
// Names. libcurl has a thread of its own for each name that it looks up, and would have a thousand
// for a thousand requests of one host that begin together. So one of them goes first, and the
// others begin when libcurl remembers what it found.
#include <algorithm>
#include <chrono>
#include <utility>

#include "client/engine.h"

namespace cotter::client {
namespace {

// libcurl forgets a name after 60 seconds.
constexpr std::chrono::seconds kRemembered{50};

// LookupName is the name that the transfer's connection needs looked up; empty where none is.
std::string LookupName(const Transfer& transfer, const Settings& settings) {
  const HostName& host =
      settings.proxy ? settings.proxy->endpoint.host : transfer.url->endpoint().host;
  if (host.is_ip() || host.text() == "localhost") return {};
  return std::string(host.text());
}

}  // namespace

// WaitsForName reports that the transfer was put aside until its name has arrived.
bool Engine::WaitsForName(Transfer& transfer) {
  std::string name = LookupName(transfer, settings_);
  if (name.empty()) return false;
  const auto known = resolved_.find(name);
  if (known != resolved_.end() && std::chrono::steady_clock::now() < known->second) return false;
  const auto [waiting, first] = resolving_.try_emplace(name);
  if (first) {
    transfer.hop.resolves = std::move(name);
    return false;
  }
  waiting->second.push_back(transfer.shared_from_this());
  return true;
}

// NameArrived is called inside libcurl, which takes no new requests there.
void Engine::NameArrived(Transfer& transfer) {
  if (transfer.hop.resolves.empty()) return;
  const std::string name = std::exchange(transfer.hop.resolves, {});
  if (const auto waiting = resolving_.find(name); waiting != resolving_.end()) {
    std::vector<std::shared_ptr<Transfer>> others = std::move(waiting->second);
    resolving_.erase(waiting);
    LetTry(std::move(others));
  }
  resolved_.insert_or_assign(name, std::chrono::steady_clock::now() + kRemembered);
}

// NameFailed lets the others try for themselves, again one of them first.
void Engine::NameFailed(Transfer& transfer) noexcept {
  if (transfer.hop.resolves.empty()) return;
  const auto waiting = resolving_.find(transfer.hop.resolves);
  transfer.hop.resolves.clear();
  if (waiting == resolving_.end()) return;
  std::vector<std::shared_ptr<Transfer>> others = std::move(waiting->second);
  resolving_.erase(waiting);
  LetTry(std::move(others));
}

// LetTry starts those that waited for a name in this round. Without memory for that they end.
void Engine::LetTry(std::vector<std::shared_ptr<Transfer>> waiting) noexcept {
  if (named_.empty()) return named_.swap(waiting);
  try {
    named_.insert(named_.end(), waiting.begin(), waiting.end());
  } catch (...) {
    for (const std::shared_ptr<Transfer>& transfer : waiting) FinishWithoutMemory(*transfer);
  }
}

void Engine::StartNamed() {
  while (!named_.empty()) {
    for (const std::shared_ptr<Transfer>& transfer : std::exchange(named_, {})) {
      if (!transfer->finished) Guarded(*transfer, [&] { BeginHop(*transfer); });
    }
  }
}

}  // namespace cotter::client
