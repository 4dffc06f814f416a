// SPDX-License-Identifier: Apache-2.0
//
// cotter.node: the HTTP client of libcotter.so for Node, by Node-API. The verdict falls in the
// client's own handshakes; Node's TLS, whose checkServerIdentity comes after the handshake and not
// at all on resumption, takes no part. Everything that a caller sees is in index.js.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/napi.h"
#include "src/pool.h"
#include "src/values.h"
#include <cotter/cotter.h>

namespace cotter::node {
namespace {

template <typename Handle, void (*Free)(Handle*)>
struct Freer {
  void operator()(Handle* handle) const noexcept { Free(handle); }
};
using SourcePtr = std::unique_ptr<cotter_source, Freer<cotter_source, cotter_source_free>>;
using PolicyPtr = std::unique_ptr<cotter_policy, Freer<cotter_policy, cotter_policy_free>>;
using TrustPtr = std::unique_ptr<cotter_trust, Freer<cotter_trust, cotter_trust_free>>;
using ClientPtr = std::unique_ptr<cotter_client, Freer<cotter_client, cotter_client_free>>;
using ResponsePtr = std::unique_ptr<cotter_response, Freer<cotter_response, cotter_response_free>>;

// Client is what a handle of JavaScript stands for.
struct Client {
  std::shared_ptr<Pool::State> mailbox;
  SourcePtr source;
  ClientPtr client;
  napi_ref on_violation = nullptr;  // of the thread of the environment
  std::int64_t now = 0;             // a clock that stands, for tests; 0: the system's
};
using SharedClient = std::shared_ptr<Client>;

napi_value Throw(napi_env env, cotter_error* error) {
  napi_throw(env, ToError(env, TakeFailure(error)));
  return nullptr;
}

SharedClient ClientOf(napi_env env, napi_value value) {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok) return nullptr;
  return *static_cast<SharedClient*>(data);
}

void FreeClient(napi_env env, void* data, void* /*hint*/) {
  const std::unique_ptr<SharedClient> client(static_cast<SharedClient*>(data));
  if ((*client)->on_violation != nullptr) napi_delete_reference(env, (*client)->on_violation);
  (*client)->on_violation = nullptr;
}

// ToRequest is what the handler of violations is shown of the request.
struct ShownRequest {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
};

void CallHandler(napi_env env, const Client& client, const Facts& facts,
                 const ShownRequest& request) {
  napi_value handler = nullptr;
  if (client.on_violation == nullptr ||
      napi_get_reference_value(env, client.on_violation, &handler) != napi_ok) {
    return;
  }
  napi_value shown = nullptr;
  napi_create_object(env, &shown);
  Set(env, shown, "method", ToText(env, request.method));
  Set(env, shown, "url", ToText(env, request.url));
  napi_value headers = nullptr;
  napi_create_object(env, &headers);
  for (const auto& [name, value] : request.headers) {
    Set(env, headers, name.c_str(), ToText(env, value));
  }
  Set(env, shown, "headers", headers);
  const napi_value arguments[] = {ToObject(env, facts), shown};
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  if (napi_call_function(env, undefined, handler, 2, arguments, nullptr) != napi_ok) {
    // A handler that throws changes nothing.
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
  }
}

// OnViolation runs on a thread of the pool, before the request fails: what it posts is seen before
// the promise is settled.
void OnViolation(void* user, const cotter_verdict* verdict, const cotter_request* request) {
  const auto* const weak = static_cast<std::weak_ptr<Client>*>(user);
  const SharedClient client = weak->lock();
  if (!client) return;
  ShownRequest shown{request->method, request->url, {}};
  for (std::size_t i = 0; i < request->header_count; ++i) {
    shown.headers.emplace_back(request->headers[i].name, request->headers[i].value);
  }
  Post(client->mailbox, [client, facts = CopyOf(verdict), shown = std::move(shown)](napi_env env) {
    CallHandler(env, *client, facts, shown);
  });
}

void FreeWeak(void* user) {
  const std::unique_ptr<std::weak_ptr<Client>> weak(static_cast<std::weak_ptr<Client>*>(user));
}

std::int64_t StandingClock(void* user) {
  const SharedClient client = static_cast<std::weak_ptr<Client>*>(user)->lock();
  return client ? client->now : 0;
}

std::vector<const char*> PointersTo(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

const char* OrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

// LoadPolicy reads a policy from a file, or from text where that is given.
cotter_status LoadPolicy(const std::string& file, const std::string& text,
                         const std::string& environment, PolicyPtr& out, cotter_error** error) {
  cotter_policy* policy = nullptr;
  const cotter_status status =
      text.empty()
          ? cotter_policy_load_file(file.c_str(), OrNull(environment), &policy, error)
          : cotter_policy_load_bytes(reinterpret_cast<const std::uint8_t*>(text.data()),
                                     text.size(), nullptr, OrNull(environment), &policy, error);
  out.reset(policy);
  return status;
}

// Open(policyFile, policyText, environment, watch, roots[], systemRoots, proxy, connectTo[],
// certificate[3], timeout, followRedirects, profile, violationFile, now, onViolation)
napi_value Open(napi_env env, napi_callback_info info) {
  const std::vector<napi_value> given = ArgumentsOf(env, info, 15);
  cotter_error* error = nullptr;
  auto client = std::make_shared<Client>();
  client->mailbox = Pool::Of(env).mailbox();
  client->now = static_cast<std::int64_t>(NumberOf(env, given[13]));

  const std::string file = TextOf(env, given[0]);
  const std::string environment = TextOf(env, given[2]);
  cotter_source* source = nullptr;
  if (NumberOf(env, given[3]) != 0) {
    cotter_watch_options watch = COTTER_WATCH_OPTIONS_INIT;
    watch.path = file.c_str();
    watch.environment = OrNull(environment);
    if (cotter_source_watch(&watch, &source, &error) != COTTER_STATUS_OK) return Throw(env, error);
  } else {
    PolicyPtr policy;
    if (LoadPolicy(file, TextOf(env, given[1]), environment, policy, &error) != COTTER_STATUS_OK ||
        cotter_source_new(policy.get(), &source, &error) != COTTER_STATUS_OK) {
      return Throw(env, error);
    }
  }
  client->source.reset(source);

  const std::vector<std::string> roots = TextsOf(env, given[4]);
  const std::vector<const char*> root_files = PointersTo(roots);
  cotter_trust_options trust_options = COTTER_TRUST_OPTIONS_INIT;
  trust_options.no_system_roots = NumberOf(env, given[5]) == 0 ? 1 : 0;
  trust_options.files = root_files.data();
  trust_options.file_count = root_files.size();
  cotter_trust* trust = nullptr;
  if (cotter_trust_load(&trust_options, &trust, &error) != COTTER_STATUS_OK) {
    return Throw(env, error);
  }
  const TrustPtr trust_owner(trust);

  const std::string proxy = TextOf(env, given[6]);
  const std::vector<std::string> connect_to = TextsOf(env, given[7]);
  const std::vector<const char*> connect_pointers = PointersTo(connect_to);
  std::vector<std::string> certificate = TextsOf(env, given[8]);
  certificate.resize(3);
  const std::string violation_file = TextOf(env, given[12]);
  cotter_client_options options = COTTER_CLIENT_OPTIONS_INIT;
  options.source = source;
  options.trust = trust;
  options.on_violation = OnViolation;
  options.now = client->now != 0 ? StandingClock : nullptr;
  options.user = std::make_unique<std::weak_ptr<Client>>(client).release();
  options.release = FreeWeak;
  options.violation_file = OrNull(violation_file);
  options.proxy = OrNull(proxy);
  options.client_certificate = OrNull(certificate[0]);
  options.client_key = OrNull(certificate[1]);
  options.client_passphrase = OrNull(certificate[2]);
  options.connect_to = connect_pointers.data();
  options.connect_to_count = connect_pointers.size();
  options.timeout_ms = static_cast<std::uint32_t>(NumberOf(env, given[9]));
  options.no_redirects = NumberOf(env, given[10]) == 0 ? 1 : 0;
  options.profile = static_cast<std::int32_t>(NumberOf(env, given[11]));
  cotter_client* made = nullptr;
  if (cotter_client_new(&options, &made, &error) != COTTER_STATUS_OK) return Throw(env, error);
  client->client.reset(made);

  napi_valuetype kind = napi_undefined;
  napi_typeof(env, given[14], &kind);
  if (kind == napi_function) napi_create_reference(env, given[14], 1, &client->on_violation);
  napi_value handle = nullptr;
  napi_create_external(env, std::make_unique<SharedClient>(std::move(client)).release(), FreeClient,
                       nullptr, &handle);
  return handle;
}

napi_value ToResponse(napi_env env, const cotter_response* response) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  Set(env, object, "status", ToNumber(env, cotter_response_status(response)));
  Set(env, object, "url", ToText(env, cotter_response_url(response)));
  Set(env, object, "httpVersion", ToText(env, cotter_response_http_version(response)));
  Set(env, object, "reused", ToFlag(env, cotter_response_reused(response) == 1));
  Set(env, object, "verdict", ToObject(env, CopyOf(cotter_response_verdict(response))));
  napi_value headers = nullptr;
  const std::size_t count = cotter_response_header_count(response);
  napi_create_array_with_length(env, count, &headers);
  for (std::size_t i = 0; i < count; ++i) {
    napi_value pair = nullptr;
    napi_create_array_with_length(env, 2, &pair);
    napi_set_element(env, pair, 0, ToText(env, cotter_response_header_name(response, i)));
    napi_set_element(env, pair, 1, ToText(env, cotter_response_header_value(response, i)));
    napi_set_element(env, headers, static_cast<std::uint32_t>(i), pair);
  }
  Set(env, object, "headers", headers);
  napi_value body = nullptr;
  napi_create_buffer_copy(env, cotter_response_body_size(response), cotter_response_body(response),
                          nullptr, &body);
  Set(env, object, "body", body);
  return object;
}

// Order is a request on its way through the pool.
struct Order {
  SharedClient client;
  std::string method;
  std::string url;
  std::vector<std::string> headers;  // name, value, name, value ...
  std::string body;
  std::uint32_t timeout = 0;
  std::int32_t own_connection = 0;
  napi_deferred deferred = nullptr;

  ResponsePtr response;
  Failure failure;
};

void SendOrder(Order& order) {
  std::vector<cotter_header> headers;
  for (std::size_t i = 0; i + 1 < order.headers.size(); i += 2) {
    headers.push_back({order.headers[i].c_str(), order.headers[i + 1].c_str()});
  }
  cotter_request request = COTTER_REQUEST_INIT;
  request.method = OrNull(order.method);
  request.url = order.url.c_str();
  request.headers = headers.data();
  request.header_count = headers.size();
  request.body = reinterpret_cast<const std::uint8_t*>(order.body.data());
  request.body_size = order.body.size();
  request.timeout_ms = order.timeout;
  request.own_connection = order.own_connection;
  cotter_response* response = nullptr;
  cotter_error* error = nullptr;
  if (cotter_client_send(order.client->client.get(), &request, &response, &error) !=
      COTTER_STATUS_OK) {
    order.failure = TakeFailure(error);
  }
  order.response.reset(response);
}

void Settle(napi_env env, const Order& order) {
  if (order.response) {
    napi_resolve_deferred(env, order.deferred, ToResponse(env, order.response.get()));
  } else {
    napi_reject_deferred(env, order.deferred, ToError(env, order.failure));
  }
  Pool::Of(env).Finish();
}

// Send(handle, method, url, [name, value, ...], body, timeout, ownConnection): a promise.
napi_value Send(napi_env env, napi_callback_info info) {
  const std::vector<napi_value> given = ArgumentsOf(env, info, 7);
  auto order = std::make_shared<Order>();
  order->client = ClientOf(env, given[0]);
  if (!order->client) return nullptr;
  order->method = TextOf(env, given[1]);
  order->url = TextOf(env, given[2]);
  order->headers = TextsOf(env, given[3]);
  order->body = BytesOf(env, given[4]);
  order->timeout = static_cast<std::uint32_t>(NumberOf(env, given[5]));
  order->own_connection = NumberOf(env, given[6]) != 0 ? 1 : 0;
  napi_value promise = nullptr;
  napi_create_promise(env, &order->deferred, &promise);
  Pool& pool = Pool::Of(env);
  pool.Run([order, mailbox = pool.mailbox()] {
    SendOrder(*order);
    Post(mailbox, [order](napi_env loop) { Settle(loop, *order); });
  });
  return promise;
}

// SetPolicy(handle, file, text, environment)
napi_value SetPolicy(napi_env env, napi_callback_info info) {
  const std::vector<napi_value> given = ArgumentsOf(env, info, 4);
  const SharedClient client = ClientOf(env, given[0]);
  if (!client) return nullptr;
  cotter_error* error = nullptr;
  PolicyPtr policy;
  if (LoadPolicy(TextOf(env, given[1]), TextOf(env, given[2]), TextOf(env, given[3]), policy,
                 &error) != COTTER_STATUS_OK ||
      cotter_source_set(client->source.get(), policy.get(), &error) != COTTER_STATUS_OK) {
    return Throw(env, error);
  }
  return nullptr;
}

// Refresh(handle)
napi_value Refresh(napi_env env, napi_callback_info info) {
  const SharedClient client = ClientOf(env, ArgumentsOf(env, info, 1)[0]);
  cotter_error* error = nullptr;
  if (client && cotter_source_refresh(client->source.get(), &error) != COTTER_STATUS_OK) {
    return Throw(env, error);
  }
  return nullptr;
}

// Guarded is `function` with nothing thrown through Node's frames.
template <napi_value (*function)(napi_env, napi_callback_info)>
napi_value Guarded(napi_env env, napi_callback_info info) {
  try {
    return function(env, info);
  } catch (...) {
    napi_throw(env, ToError(env, {"internal", "out of memory", false}));
    return nullptr;
  }
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, std::char_traits<char>::length(name), callback, nullptr,
                       &function);
  Set(env, exports, name, function);
}

}  // namespace
}  // namespace cotter::node

extern "C" __attribute__((visibility("default"))) std::int32_t
node_api_module_get_api_version_v1() {
  return 8;
}

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(
    napi_env env, napi_value exports) {
  using namespace cotter::node;
  if (!Pool::Create(env)) return nullptr;
  Export(env, exports, "open", Guarded<Open>);
  Export(env, exports, "send", Guarded<Send>);
  Export(env, exports, "setPolicy", Guarded<SetPolicy>);
  Export(env, exports, "refresh", Guarded<Refresh>);
  Set(env, exports, "version", ToText(env, cotter_version()));
  return exports;
}
