// SPDX-License-Identifier: Apache-2.0
#include "client/deliver.h"

#include <exception>

namespace cotter::client {
namespace {

void Write(Logger& logger, const LogLine& line) {
  switch (line.level) {
    case LogLevel::kDebug:
      return logger.Debug(line.text);
    case LogLevel::kInfo:
      return logger.Info(line.text);
    case LogLevel::kWarn:
      return logger.Warn(line.text);
    case LogLevel::kError:
      return logger.Error(line.text);
  }
}

// Guarded runs `call`, and drops what it throws.
template <typename Call>
void Guarded(const Call& call) noexcept {
  try {
    call();
  } catch (...) {
    return;
  }
}

std::string Fill(const Request& request) {
  std::string upload(kSourceChunk, '\0');
  // A source writes bytes, and the buffer is a string for libcurl's sake.
  const std::span<std::uint8_t> buffer(reinterpret_cast<std::uint8_t*>(upload.data()),
                                       upload.size());
  const std::size_t size = request.source(buffer);
  COTTER_CHECK(size <= upload.size());
  upload.resize(size);
  return upload;
}

}  // namespace

void TellAndLog(const Options& options, const Mail& mail) noexcept {
  if (options.logger) {
    for (const LogLine& line : mail.log) Guarded([&] { Write(*options.logger, line); });
  }
  if (!options.on_bad_pin) return;
  for (const BadPin& bad : mail.bad_pins) Guarded([&] { options.on_bad_pin(bad); });
}

Delivery DeliverBody(const Request& request, const Mail& mail) noexcept {
  Delivery delivery;
  try {
    if (mail.progress && request.progress) request.progress(*mail.progress);
    if (!mail.received.empty() && !request.sink(AsBytes(mail.received))) {
      delivery.fault = Error{Code::kCancelled, "the sink wanted no more of the body"};
      return delivery;
    }
    if (mail.wants_upload) delivery.upload = Fill(request);
  } catch (const std::exception& thrown) {
    delivery.fault = Error{Code::kCancelled, std::string("the caller threw: ") + thrown.what()};
  } catch (...) {
    delivery.fault = Error{Code::kCancelled, "the caller threw"};
  }
  return delivery;
}

}  // namespace cotter::client
