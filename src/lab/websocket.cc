// SPDX-License-Identifier: Apache-2.0
#include "lab/websocket.h"

#include <array>

#include <openssl/evp.h>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::lab {
namespace {

// RFC 6455, 1.3.
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kMasked = 0x80;

std::uint8_t ByteAt(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

}  // namespace

std::string UpgradeAnswer(std::string_view key) {
  const std::string text = std::string(key) + std::string(kGuid);
  std::array<std::uint8_t, 20> digest{};
  unsigned size = 0;
  COTTER_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) ==
               1);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         EncodeBase64(digest) + "\r\n\r\n";
}

std::optional<WebSocketFrame> TakeFrame(std::string& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const bool masked = (ByteAt(bytes, 1) & kMasked) != 0;
  std::size_t length = ByteAt(bytes, 1) & 0x7f;
  std::size_t at = 2;
  if (length == 127) return std::nullopt;
  if (length == 126) {
    if (bytes.size() < 4) return std::nullopt;
    length = std::size_t{ByteAt(bytes, 2)} << 8 | ByteAt(bytes, 3);
    at = 4;
  }
  const std::size_t mask = at;
  if (masked) at += 4;
  if (bytes.size() < at + length) return std::nullopt;
  WebSocketFrame frame{.opcode = static_cast<std::uint8_t>(ByteAt(bytes, 0) & 0x0f),
                       .payload = bytes.substr(at, length)};
  for (std::size_t i = 0; masked && i < length; ++i) {
    frame.payload[i] = static_cast<char>(ByteAt(frame.payload, i) ^ ByteAt(bytes, mask + i % 4));
  }
  bytes.erase(0, at + length);
  return frame;
}

std::string MakeFrame(std::uint8_t opcode, std::string_view payload) {
  COTTER_CHECK(payload.size() <= 125);
  std::string frame;
  frame += static_cast<char>(kFinal | opcode);
  frame += static_cast<char>(payload.size());
  frame += payload;
  return frame;
}

}  // namespace cotter::lab
