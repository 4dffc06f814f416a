// SPDX-License-Identifier: Apache-2.0
#include "probe/ask.h"

#include <utility>

#include "net/async/event_loop.h"
#include "net/resolve.h"
#include "probe/engine/engine.h"

namespace cotter::probe {
namespace {

// Every address of a name at once, twice, so that a silent one costs no more than itself.
constexpr std::size_t kMostOpen = 2 * net::kMaxAddresses;

// WhatFailed is the error of a look, with what it asked for beside the usual; nullopt where it did
// what it was for.
std::optional<Error> WhatFailed(const LookFacts& look) {
  const bool shown = look.chain != nullptr || look.presented != nullptr || look.record != nullptr;
  if (!look.error && look.completed() && !shown) {
    return Error{Code::kTlsFailed, "TLS handshake: the server presented no certificate"};
  }
  if (look.purpose != Purpose::kOtherKey || !look.error) return look.error;
  std::string message = "asking for an ";
  message.append(NameOf(look.offer)).append(" certificate: ").append(look.error->message);
  return Error{look.error->code, std::move(message)};
}

}  // namespace

std::shared_ptr<Settings> OneLook(const net::ConnectOptions& connect,
                                  const std::optional<std::string>& sni,
                                  std::chrono::milliseconds timeout) {
  auto settings = std::make_shared<Settings>();
  settings->connect = connect;
  settings->sni = sni;
  settings->wanted.other_keys = true;
  settings->limits = {.resolve = timeout,
                      .connect = timeout,
                      .preamble = timeout,
                      .handshake = timeout,
                      .request = timeout,
                      .address = timeout,
                      .whole = timeout};
  settings->http = false;
  return settings;
}

Result<std::vector<HostFacts>> AskAndWait(const std::vector<Question>& questions, Time now) {
  Result<std::unique_ptr<net::EventLoop>> loop = net::EventLoop::Create();
  if (!loop) return loop.error();
  EngineOptions options;
  options.most_open = kMostOpen;
  options.names = NameSource::kSystem;
  options.clock = [now] { return now; };
  Result<std::unique_ptr<Engine>> engine = Engine::Create(**loop, std::move(options));
  if (!engine) return engine.error();
  std::vector<std::optional<HostFacts>> answers(questions.size());
  std::size_t left = questions.size();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    (*engine)->Ask(questions[i], [&answers, &left, &loop, i](HostFacts facts) {
      answers[i] = std::move(facts);
      if (--left == 0) (*loop)->Stop();
    });
  }
  if (left > 0) (*loop)->Run();
  engine->reset();
  (*loop)->Settle();
  std::vector<HostFacts> all;
  for (std::optional<HostFacts>& one : answers) all.push_back(*std::move(one));
  return all;
}

void AddFailures(const HostFacts& host, std::vector<PeerError>& failures,
                 std::vector<PeerError>& passed_over) {
  for (const AddressFacts& address : host.addresses) {
    for (const LookFacts& look : address.looks) {
      std::optional<Error> error = WhatFailed(look);
      if (!error) continue;
      (address.passed_over ? passed_over : failures).push_back({address.peer, *std::move(error)});
    }
  }
}

}  // namespace cotter::probe
