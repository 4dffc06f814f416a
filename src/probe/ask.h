// SPDX-License-Identifier: Apache-2.0
//
// The engine for who has one server to look at and waits for it: a loop and an engine of its own,
// run until everything is answered. Safe from any thread; it starts one of its own, and one for
// each name that is looked up, which may be left behind where the name service does not answer.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/connect.h"
#include "probe/engine/facts.h"
#include "probe/engine/question.h"
#include "probe/look.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::probe {

// OneLook is what to ask of a server that may take `timeout` in all: the usual look and the one for
// the other key type, without ALPN, because nobody says that HTTP is spoken there. The caller sets
// what it holds the server against.
[[nodiscard]] std::shared_ptr<Settings> OneLook(const net::ConnectOptions& connect,
                                                const std::optional<std::string>& sni,
                                                std::chrono::milliseconds timeout);

// AskAndWait asks all questions at once, and has the answers in their order. Certificates are
// judged as of `now`. Names are those that the system's name service knows. Fails as Engine::Create
// does.
[[nodiscard]] Result<std::vector<HostFacts>> AskAndWait(const std::vector<Question>& questions,
                                                        Time now);

// AddFailures adds the looks of `host` that failed to `failures`, and those that say nothing about
// the server to `passed_over`.
void AddFailures(const HostFacts& host, std::vector<PeerError>& failures,
                 std::vector<PeerError>& passed_over);

}  // namespace cotter::probe
