// SPDX-License-Identifier: Apache-2.0
//
// The HTTP client.
#include <chrono>
#include <utility>

#include "capi/guard.h"
#include "capi/options.h"
#include "capi/verdict.h"
#include <cotter/client.h>

using namespace cotter::capi;

namespace cotter::capi {
namespace {

using Violation = void (*)(void* user, const cotter_verdict* verdict,
                           const cotter_request* request);

Result<client::Profile> ToProfile(std::int32_t profile) {
  switch (profile) {
    case COTTER_PROFILE_INTERMEDIATE:
      return client::Profile::kIntermediate;
    case COTTER_PROFILE_MODERN:
      return client::Profile::kModern;
    case COTTER_PROFILE_FIPS:
      return client::Profile::kFips;
    default:
      return Error{Code::kUsage, "options.profile is none of COTTER_PROFILE_..."};
  }
}

// Tell hands a violation to the caller, with the request as it was given.
void Tell(Violation call, void* user, const client::BadPin& bad_pin) {
  std::vector<cotter_header> headers;
  for (const client::Header& header : bad_pin.headers) {
    headers.push_back({header.name.c_str(), header.value.c_str()});
  }
  cotter_request request = COTTER_REQUEST_INIT;
  request.method = bad_pin.method.c_str();
  request.url = bad_pin.url.c_str();
  request.headers = headers.data();
  request.header_count = headers.size();
  call(user, FromEvent(bad_pin.event).get(), &request);
}

// SetCallbacks has the client ask and tell the caller.
Result<void> SetCallbacks(const cotter_client_options& options, std::shared_ptr<void> user,
                          client::Options& out) {
  if (options.now != nullptr) {
    out.now = [now = options.now, user] { return Time{now(user.get())}; };
  }
  out.on_bad_pin = nullptr;
  if (options.on_violation != nullptr) {
    out.on_bad_pin = [call = options.on_violation, user = std::move(user)](
                         const client::BadPin& bad_pin) { Tell(call, user.get(), bad_pin); };
  }
  if (options.violation_file == nullptr) return Ok();
  auto file = report::OpenFileSink({.path = options.violation_file});
  if (!file) return std::move(file).error();
  out.violations = std::move(file).value();
  return Ok();
}

Result<client::Options> ToClientOptions(const cotter_client_options& options,
                                        std::shared_ptr<void> user) {
  client::Options out;
  if (options.source == nullptr) return Missing("options.source");
  out.policy = options.source->source;
  if (options.trust != nullptr) out.trust = options.trust->store;
  if (auto set = SetCallbacks(options, std::move(user), out); !set) return std::move(set).error();
  const Result<client::Profile> profile = ToProfile(options.profile);
  if (!profile) return profile.error();
  out.profile = *profile;
  out.proxy = OrEmpty(options.proxy);
  if (options.client_certificate != nullptr || options.client_key != nullptr) {
    out.client_certificate =
        client::ClientCertificate{OrEmpty(options.client_certificate), OrEmpty(options.client_key),
                                  OrEmpty(options.client_passphrase)};
  }
  if (options.connect_to_count != 0 && options.connect_to == nullptr) {
    return Missing("options.connect_to");
  }
  for (std::size_t i = 0; i < options.connect_to_count; ++i) {
    if (options.connect_to[i] == nullptr) return Missing("options.connect_to");
    out.connect_to.emplace_back(options.connect_to[i]);
  }
  if (options.timeout_ms != 0) out.timeout = std::chrono::milliseconds(options.timeout_ms);
  if (options.connect_timeout_ms != 0) {
    out.connect_timeout = std::chrono::milliseconds(options.connect_timeout_ms);
  }
  if (options.no_redirects != 0) out.max_redirects = 0;
  out.http2 = options.no_http2 == 0;
  if (options.max_body_bytes != 0) out.max_body_bytes = options.max_body_bytes;
  return out;
}

Result<client::Request> ToRequest(const cotter_request& request) {
  client::Request out;
  if (request.url == nullptr) return Missing("request.url");
  if (request.method != nullptr) out.method = request.method;
  out.url = request.url;
  if (request.header_count != 0 && request.headers == nullptr) return Missing("request.headers");
  for (std::size_t i = 0; i < request.header_count; ++i) {
    const cotter_header& header = request.headers[i];
    if (header.name == nullptr || header.value == nullptr) return Missing("a header");
    out.headers.push_back({header.name, header.value});
  }
  if (request.body_size != 0 && request.body == nullptr) return Missing("request.body");
  out.body.assign(request.body, request.body + request.body_size);
  if (request.timeout_ms != 0) out.timeout = std::chrono::milliseconds(request.timeout_ms);
  if (request.own_connection != 0) out.connection = client::ConnectionUse::kOwn;
  return out;
}

const client::Header* HeaderOf(const cotter_response* response, std::size_t index) noexcept {
  if (response == nullptr || index >= response->response.headers.size()) return nullptr;
  return &response->response.headers[index];
}

}  // namespace
}  // namespace cotter::capi

cotter_status cotter_client_new(const cotter_client_options* given, cotter_client** client,
                                cotter_error** error) {
  return GuardNew(client, error, [&]() -> cotter::Result<std::unique_ptr<cotter_client>> {
    if (given == nullptr) return Missing("options");
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    auto client_options = ToClientOptions(*options, HoldUser(options->user, options->release));
    if (!client_options) return std::move(client_options).error();
    auto made = cotter::client::Client::Create(std::move(client_options).value());
    if (!made) return std::move(made).error();
    return std::make_unique<cotter_client>(cotter_client{std::move(made).value()});
  });
}

cotter_status cotter_client_send(const cotter_client* client, const cotter_request* given,
                                 cotter_response** response, cotter_error** error) {
  return GuardNew(response, error, [&]() -> cotter::Result<std::unique_ptr<cotter_response>> {
    if (client == nullptr) return Missing("client");
    if (given == nullptr) return Missing("request");
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    auto request = ToRequest(*options);
    if (!request) return std::move(request).error();
    auto answer = client->client.Send(std::move(request).value());
    if (!answer) return std::move(answer).error();
    const std::unique_ptr<cotter_verdict> verdict = FromFacts(answer->connection);
    return std::make_unique<cotter_response>(cotter_response{std::move(answer).value(), *verdict});
  });
}

void cotter_client_free(cotter_client* client) { Free(client); }

int32_t cotter_response_status(const cotter_response* response) {
  return response == nullptr ? 0 : response->response.status;
}

const char* cotter_response_url(const cotter_response* response) {
  return response == nullptr ? nullptr : response->response.url.c_str();
}

const char* cotter_response_http_version(const cotter_response* response) {
  return response == nullptr ? nullptr : response->response.http_version.c_str();
}

size_t cotter_response_header_count(const cotter_response* response) {
  return response == nullptr ? 0 : response->response.headers.size();
}

const char* cotter_response_header_name(const cotter_response* response, size_t index) {
  const cotter::client::Header* const header = HeaderOf(response, index);
  return header == nullptr ? nullptr : header->name.c_str();
}

const char* cotter_response_header_value(const cotter_response* response, size_t index) {
  const cotter::client::Header* const header = HeaderOf(response, index);
  return header == nullptr ? nullptr : header->value.c_str();
}

const uint8_t* cotter_response_body(const cotter_response* response) {
  if (response == nullptr) return nullptr;
  return reinterpret_cast<const std::uint8_t*>(response->response.body.c_str());
}

size_t cotter_response_body_size(const cotter_response* response) {
  return response == nullptr ? 0 : response->response.body.size();
}

const cotter_verdict* cotter_response_verdict(const cotter_response* response) {
  return response == nullptr ? nullptr : &response->verdict;
}

int32_t cotter_response_reused(const cotter_response* response) {
  return response != nullptr && response->response.connection.reused ? 1 : 0;
}

void cotter_response_free(cotter_response* response) { Free(response); }
