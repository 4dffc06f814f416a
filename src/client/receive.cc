// SPDX-License-Identifier: Apache-2.0
#include "client/receive.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "client/engine.h"
#include "client/redact.h"
#include "client/transfer.h"

namespace cotter::client {
namespace {

// Room that is made for the headers of an answer before the first of them is known.
constexpr std::size_t kUsualHeaders = 8;

Transfer& Of(void* easy) noexcept { return *static_cast<Easy*>(easy)->transfer; }

// Refuse ends the hop for a reason of ours. The first one stays.
void Refuse(Transfer& transfer, Code code, std::string message) {
  if (!transfer.hop.refusal) transfer.hop.refusal = Error{code, std::move(message)};
}

int StatusOf(std::string_view line) {
  const std::size_t space = line.find(' ');
  int status = 0;
  if (space != std::string_view::npos) {
    std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
  }
  return status;
}

void TakeHeaderLine(Transfer& transfer, std::string_view line) {
  Hop& hop = transfer.hop;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  // Another head follows on interim answers alone; a trailer may look like one.
  const bool is_over = hop.header_done && hop.status >= 200;
  if (line.starts_with("HTTP/") && !is_over) {
    hop.received.clear();
    hop.received.reserve(kUsualHeaders);
    hop.header_done = false;
    hop.status = StatusOf(line);
    return;
  }
  if (line.empty()) {
    if (is_over) return;
    hop.header_done = true;
    if (hop.status >= 200) hop.body_use = transfer.engine.UseOfBody(transfer);
    return;
  }
  if (hop.header_done) return;  // a trailer
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  hop.received.push_back({std::string(line.substr(0, colon)), std::string(value)});
}

std::size_t Discard(Transfer& transfer, std::size_t size) {
  transfer.hop.discarded += size;
  if (transfer.hop.discarded <= kMaxDiscardedBytes) return size;
  transfer.hop.cut = true;
  return 0;
}

std::size_t Keep(Transfer& transfer, std::string_view data) {
  const std::uint64_t limit = transfer.engine.settings().options.max_body_bytes;
  if (data.size() > limit || transfer.body.size() > limit - data.size()) {
    Refuse(transfer, Code::kBodyTooLarge,
           "the response body is longer than " + std::to_string(limit) + " bytes");
    return 0;
  }
  transfer.body.append(data);
  return data.size();
}

// ToSink hands `data` over, or has libcurl wait until the sink has taken what it was given before.
std::size_t ToSink(Transfer& transfer, std::string_view data) {
  const std::lock_guard lock(transfer.engine.mutex());
  if (!transfer.mail.received.empty() &&
      transfer.mail.received.size() + data.size() > kSinkWindow) {
    transfer.receive_paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer.sink_touched = true;
  transfer.mail.received.append(data);
  transfer.engine.Notify(transfer);
  return data.size();
}

}  // namespace

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) try {
  Transfer& transfer = Of(user);
  const std::size_t bytes = size * count;
  transfer.hop.header_bytes += bytes;
  if (transfer.hop.header_bytes > kMaxHeaderBytes) {
    Refuse(transfer, Code::kBodyTooLarge, "the response header is longer than 256 KiB");
    return 0;
  }
  TakeHeaderLine(transfer, {data, bytes});
  return bytes;
} catch (...) {
  return 0;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) try {
  Transfer& transfer = Of(user);
  const std::string_view bytes(data, size * count);
  if (transfer.hop.body_use != BodyUse::kDeliver) return Discard(transfer, bytes.size());
  return transfer.request.sink ? ToSink(transfer, bytes) : Keep(transfer, bytes);
} catch (...) {
  return 0;
}

std::size_t OnSend(char* buffer, std::size_t size, std::size_t count, void* user) try {
  Transfer& transfer = Of(user);
  const std::lock_guard lock(transfer.engine.mutex());
  Upload& upload = transfer.upload;
  if (upload.failed) return CURL_READFUNC_ABORT;
  const std::size_t left = upload.ready.size() - upload.taken;
  if (left > 0) {
    const std::size_t taken = std::min(left, size * count);
    std::memcpy(buffer, upload.ready.data() + upload.taken, taken);
    upload.taken += taken;
    return taken;
  }
  if (upload.ended) return 0;
  transfer.send_paused = true;
  transfer.mail.wants_upload = true;
  transfer.engine.Notify(transfer);
  return CURL_READFUNC_PAUSE;
} catch (...) {
  return CURL_READFUNC_ABORT;
}

// OnSeek lets libcurl begin a body again that nothing was taken of, and no other: the source gives
// each byte once.
int OnSeek(void* user, curl_off_t offset, int origin) try {
  Transfer& transfer = Of(user);
  const std::lock_guard lock(transfer.engine.mutex());
  const bool untouched = transfer.upload.taken == 0 && offset == 0 && origin == SEEK_SET;
  return untouched ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
} catch (...) {
  return CURL_SEEKFUNC_FAIL;
}

int OnProgress(void* user, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
               curl_off_t sent) try {
  Transfer& transfer = Of(user);
  const auto count = [](curl_off_t value) {
    return value > 0 ? static_cast<std::uint64_t>(value) : std::uint64_t{0};
  };
  const Progress now{count(received), count(to_receive), count(sent), count(to_send)};
  const std::lock_guard lock(transfer.engine.mutex());
  const Progress& before = transfer.last_progress;
  if (now.received == before.received && now.sent == before.sent &&
      now.to_receive == before.to_receive && now.to_send == before.to_send) {
    return 0;
  }
  transfer.last_progress = now;
  transfer.mail.progress = now;
  transfer.engine.Notify(transfer);
  return 0;
} catch (...) {
  return 1;
}

// OnSocket is called for each socket, when the name has been looked up.
int OnSocket(void* user, curl_socket_t /*socket*/, curlsocktype /*purpose*/) try {
  Of(user).engine.SocketMade(Of(user));
  return CURL_SOCKOPT_OK;
} catch (...) {
  return CURL_SOCKOPT_ERROR;
}

// OnTrace keeps headers alone, and of those what is no secret: libcurl's own remarks quote cookies.
int OnTrace(CURL* /*easy*/, curl_infotype type, char* data, std::size_t size, void* user) try {
  if (type != CURLINFO_HEADER_IN && type != CURLINFO_HEADER_OUT) return 0;
  Transfer& transfer = Of(user);
  std::string_view text(data, size);
  const std::string_view arrow = type == CURLINFO_HEADER_OUT ? "> " : "< ";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    transfer.engine.Log(transfer, LogLevel::kDebug, std::string(arrow) + RedactedLine(line));
  }
  return 0;
} catch (...) {
  return 0;
}

}  // namespace cotter::client
