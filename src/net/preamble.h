// SPDX-License-Identifier: Apache-2.0
//
// What is said in clear before TLS: a STARTTLS dialogue, or the line that asks a proxy for a
// tunnel. A Preamble is a state machine without I/O, so that it can be tested and fuzzed alone;
// Dialogue adds what came in. It says fixed words only: nothing of the caller's is in it
// but the host's name, and a proxy's credentials go to that proxy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::net {

// All bytes of one preamble together: greetings and capability lists take 1 or 2 KiB, and a longer
// one is not read further.
inline constexpr std::size_t kMaxPreambleBytes = std::size_t{16} * 1024;

// PreambleStep is what a preamble made of the bytes it saw.
struct PreambleStep {
  enum class Kind : std::uint8_t {
    kNeedMore,  // nothing yet: call again with more bytes behind these
    kSend,      // `consumed` bytes were a reply, and `send` is the next thing to say
    kReady,     // `consumed` bytes were the go-ahead: TLS comes next, after `send` if not empty
  };
  Kind kind = Kind::kNeedMore;
  std::size_t consumed = 0;
  std::string send;
};

// Preamble is one dialogue. Used once, by one thread.
class Preamble {
 public:
  virtual ~Preamble() = default;

  // Opening is what the client says first; nothing where the server greets. Called once, first.
  [[nodiscard]] virtual std::string Opening() { return {}; }

  // Advance looks at all bytes received and not consumed yet. Fails with kStarttlsRefused or
  // kProxyFailed where the peer refuses or breaks the protocol.
  [[nodiscard]] virtual Result<PreambleStep> Advance(std::string_view received) = 0;

  // overrun is the code for a peer that says more than it may.
  [[nodiscard]] virtual Code overrun() const noexcept { return Code::kStarttlsRefused; }
};

// Dialogue is a preamble and what came in that it has not answered yet, for whoever moves the
// bytes. Bytes that stand behind a reply when it is the client's turn are an error, never kept:
// they would be taken for part of what follows (the command injection of CVE-2011-0411).
class Dialogue {
 public:
  // `preamble` is borrowed.
  explicit Dialogue(Preamble& preamble) : preamble_(preamble) {}

  // Turn is what to do next: send `send`, if it is not empty, and then begin TLS, or read on.
  struct Turn {
    std::string send;
    bool ready = false;
  };

  // Take looks at the bytes that came in. Fails as Preamble::Advance does.
  [[nodiscard]] Result<Turn> Take(ByteView bytes);

 private:
  Preamble& preamble_;
  std::string received_;
  std::size_t total_ = 0;
};

// ClosedBeforeTls is the error of a peer that ends a dialogue.
[[nodiscard]] Error ClosedBeforeTls();

}  // namespace cotter::net
