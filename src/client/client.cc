// SPDX-License-Identifier: Apache-2.0
//
// The public face: handles on what engine.h does.
#include <algorithm>
#include <utility>

#include "client/engine.h"
#include "client/redact.h"
#include <cotter/client.h>

namespace cotter::client {

std::optional<std::string_view> Response::FindHeader(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(
      headers, [&](const Header& header) { return SameName(header.name, name); });
  if (found == headers.end()) return std::nullopt;
  return std::string_view(found->value);
}

Pending::Pending(std::shared_ptr<Engine> engine, std::shared_ptr<Transfer> transfer)
    : engine_(std::move(engine)), transfer_(std::move(transfer)) {}

Pending::Pending(Pending&&) noexcept = default;

Pending& Pending::operator=(Pending&& other) noexcept {
  if (this != &other) {
    if (transfer_) engine_->Settle(*transfer_);
    engine_ = std::move(other.engine_);
    transfer_ = std::move(other.transfer_);
  }
  return *this;
}

Pending::~Pending() {
  if (transfer_) engine_->Settle(*transfer_);
}

Result<Response> Pending::Wait() {
  COTTER_CHECK(transfer_ != nullptr);
  Result<Response> response = engine_->Wait(*transfer_);
  transfer_.reset();
  return response;
}

void Pending::Cancel() noexcept {
  if (transfer_) engine_->Cancel(*transfer_);
}

Result<Client> Client::Create(Options options) {
  if (const Result<void> loaded = LoadCurl(); !loaded) return loaded.error();
  Result<Settings> settings = CheckOptions(std::move(options));
  if (!settings) return settings.error();
  Result<std::shared_ptr<Engine>> engine = Engine::Create(*std::move(settings));
  if (!engine) return engine.error();
  return Client(*std::move(engine));
}

Pending Client::Start(Request request) const {
  return Pending(engine_, engine_->Start(std::move(request)));
}

Result<Response> Client::Send(Request request) const { return Start(std::move(request)).Wait(); }

Result<Response> Client::Get(std::string url) const { return Send({.url = std::move(url)}); }

Result<Response> Client::Head(std::string url) const {
  return Send({.method = "HEAD", .url = std::move(url)});
}

Result<Response> Client::Post(std::string url, std::string content_type, std::string body) const {
  return Send({.method = "POST",
               .url = std::move(url),
               .headers = {{"Content-Type", std::move(content_type)}},
               .body = std::move(body)});
}

Result<void> Client::Save() const { return engine_->Save(); }

}  // namespace cotter::client
