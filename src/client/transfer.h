// SPDX-License-Identifier: Apache-2.0
//
// One request from Start to its result, over as many hops (requests on the wire) as redirects and
// retries make. Its fields fall into three kinds by who may touch them, and nobody else does: what
// is constant, what belongs to the thread that drives the client, and what stands under the
// engine's mutex. Lives as long as its Pending or its place in the engine.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/curl_library.h"
#include "client/settings.h"
#include "client/url.h"
#include <cotter/client.h>

namespace cotter::client {

class Engine;

using SteadyTime = std::chrono::steady_clock::time_point;

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

struct LogLine {
  LogLevel level;
  std::string text;
};

// Mail is what the driving thread has for the one that waits.
struct Mail {
  std::vector<BadPin> bad_pins;
  std::vector<LogLine> log;
  std::string received;  // for the sink
  bool wants_upload = false;
  std::optional<Progress> progress;

  [[nodiscard]] bool empty() const noexcept {
    return bad_pins.empty() && log.empty() && received.empty() && !wants_upload && !progress;
  }
};

// Upload is the other direction: what the source gave and the wire has not taken.
struct Upload {
  std::string ready;
  std::size_t taken = 0;
  bool ended = false;
  bool failed = false;
};

// A sink that is slower than the network holds back at most this much.
inline constexpr std::size_t kSinkWindow = std::size_t{256} << 10;
inline constexpr std::size_t kSourceChunk = std::size_t{64} << 10;

// Headers of one answer, interim ones (1xx) and trailers among them. Servers send some KiB.
inline constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;

// The body of a redirect or of an answer that is tried again is read up to here, to keep the
// connection; a longer one costs it.
inline constexpr std::size_t kMaxDiscardedBytes = std::size_t{64} << 10;

// Short, so that it can be said without memory.
inline constexpr std::string_view kNoMemory = "out of memory";

class Transfer;

// Easy is libcurl's handle for one hop, and where it writes what went wrong.
struct Easy {
  std::shared_ptr<const Url> url;  // that the handle was last told
  CurlUrlPtr parsed;               // the same as libcurl's object, borrowed by the handle
  CurlPtr handle;
  Transfer* transfer = nullptr;  // that it works for, which libcurl's callbacks are about
  bool plain = false;            // its latest hop was a plain GET, and the next one may be too
  std::array<char, CURL_ERROR_SIZE> error{};
};

// What becomes of the body of a hop's answer; known when its header is complete.
enum class BodyUse : std::uint8_t { kUndecided, kDeliver, kDiscard };

// Hop is one request on the wire. Of the driving thread.
struct Hop {
  std::unique_ptr<Easy> easy;
  CurlListPtr headers;
  std::size_t generation = 0;    // of the multi handle that it runs in; 0: none
  std::size_t place = 0;         // among those that run
  std::string resolves;          // the name that others wait for it to look up
  bool ready = false;            // its connection was judged, and the request may have left
  std::optional<Error> refusal;  // goes before whatever libcurl says
  bool sent = false;             // the request may have arrived; known when the hop has ended
  ConnectionFacts facts;
  int status = 0;
  std::vector<Header> received;
  std::size_t header_bytes = 0;
  bool header_done = false;
  BodyUse body_use = BodyUse::kUndecided;
  std::size_t discarded = 0;
  std::optional<std::chrono::milliseconds> retry_delay;  // planned when the header was complete
  bool cut = false;                                      // ended by us, for its body was not wanted
};

class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  Transfer(Engine& owner, Request what, std::optional<SteadyTime> until)
      : engine(owner), request(std::move(what)), deadline(until) {}

  // Constant.
  Engine& engine;
  const Request request;
  const std::optional<SteadyTime> deadline;

  // Of the driving thread.
  std::shared_ptr<const Url> first_url;  // that the caller asked for
  std::shared_ptr<const Url> url;        // of the current hop; the same one until a hop leads on
  std::string method;
  std::vector<Header> headers;  // of the caller, as far as the current origin may see them
  bool sends_body = false;
  bool left_origin = false;  // a redirect led elsewhere: secrets are gone for good
  std::uint32_t redirects = 0;
  std::uint32_t attempts = 1;
  bool begun = false;  // there was a hop before
  Hop hop;
  std::string body;          // of the answer
  std::string http_version;  // of the latest answer
  bool finished = false;
  bool sink_touched = false;  // the sink has bytes of this answer

  // Under the engine's mutex.
  Mail mail;
  Upload upload;
  bool receive_paused = false;
  bool send_paused = false;
  Progress last_progress;
  bool waiting = false;        // a thread is in Wait and does not drive
  bool abandoned = false;      // nobody wants body or progress any more
  std::optional<Error> fault;  // of the caller's own sink or source; goes before the result
  std::optional<Result<Response>> result;  // set: the transfer is over
  std::condition_variable wake;
};

}  // namespace cotter::client
