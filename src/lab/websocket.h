// SPDX-License-Identifier: Apache-2.0
//
// The server's half of RFC 6455, as much as the lab needs: the answer to an upgrade, frames of a
// client, and one message to it. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cotter::lab {

// UpgradeAnswer is the 101 to a request whose header Sec-WebSocket-Key is `key` (RFC 6455, 4.2.2).
[[nodiscard]] std::string UpgradeAnswer(std::string_view key);

// WebSocketFrame is one frame of a client, unmasked.
struct WebSocketFrame {
  static constexpr std::uint8_t kText = 1;
  static constexpr std::uint8_t kBinary = 2;
  static constexpr std::uint8_t kClose = 8;

  std::uint8_t opcode = 0;
  std::string payload;
};

// TakeFrame takes the first frame off `bytes`; nullopt where it is not whole yet, or longer than
// 64 KiB.
[[nodiscard]] std::optional<WebSocketFrame> TakeFrame(std::string& bytes);

// MakeFrame is a frame from the server. `payload` has at most 125 bytes.
[[nodiscard]] std::string MakeFrame(std::uint8_t opcode, std::string_view payload);

}  // namespace cotter::lab
