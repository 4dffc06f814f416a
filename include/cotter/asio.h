// SPDX-License-Identifier: Apache-2.0
//
// The Asio door: the OpenSSL door for boost::asio::ssl::stream and everything that is built on it,
// Beast's HTTP and WebSocket among it. Nothing of Asio is included: whatever has native_handle()
// and the members of an Asio stream will do, standalone Asio too.
//
//   asio::ssl::context context(asio::ssl::context::tls_client);
//   auto prepared = Enforcer::Prepare(context.native_handle());
//   auto stream = CheckedStream<asio::ssl::stream<tcp::socket>>::Attach(
//       *enforcer, asio::ssl::stream<tcp::socket>(executor, context), Endpoint{host, 443});
//   co_await asio::async_connect(stream->lowest_layer(), addresses, asio::use_awaitable);
//   co_await stream->async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
//   co_await http::async_write(*stream, request, asio::use_awaitable);
//
// A refusal fails the handshake with Asio's own error; Refusal() says why. Nothing need be
// confirmed by hand: each use of the stream asks CheckUse (<cotter/openssl.h>) first. An operation
// that already waits when the policy changes, and no longer holds, ends with an error: the socket
// is shut down.
//
// A CheckedStream is used as the stream that it wraps: from one strand at a time, alive for as long
// as operations on it are.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include <cotter/host.h>
#include <cotter/openssl.h>
#include <cotter/result.h>

// Named by the functions that Beast's WebSocket looks for; neither is used without Beast.
namespace boost::beast {
enum class role_type;
}
namespace boost::system {
class error_code;
}

namespace cotter::tls {

// LowestLayerOf is what lowest_layer() of `stream` gives, or of the first layer below that has one:
// a socket; where none has one, the last layer, such as beast::tcp_stream.
template <typename Stream>
auto& LowestLayerOf(Stream& stream) {
  if constexpr (requires { stream.lowest_layer(); }) {
    return stream.lowest_layer();
  } else if constexpr (requires { stream.next_layer(); }) {
    return LowestLayerOf(stream.next_layer());
  } else {
    return stream;
  }
}

// DescriptorOf is the socket's descriptor of what LowestLayerOf gives; -1 where it has none.
template <typename Layer>
int DescriptorOf(Layer& layer) {
  if constexpr (requires { layer.socket(); }) {
    return DescriptorOf(layer.socket());
  } else if constexpr (requires { static_cast<int>(layer.native_handle()); }) {
    return static_cast<int>(layer.native_handle());
  } else {
    return -1;
  }
}

// CheckedStream wraps `Next`, an asio::ssl::stream, a beast::ssl_stream, or a reference to one. It
// is an asynchronous and a synchronous stream as Asio and Beast understand these, and may be the
// next layer of beast::websocket::stream.
template <typename Next>
class CheckedStream {
 public:
  using next_layer_type = std::remove_reference_t<Next>;
  using lowest_layer_type =
      std::remove_reference_t<decltype(LowestLayerOf(std::declval<next_layer_type&>()))>;
  using executor_type = typename next_layer_type::executor_type;

  // Attach attaches `enforcer` to `next`, before its handshake, for `endpoint`. Its SSL context was
  // prepared (Enforcer::Prepare). Fails as Enforcer::Attach does.
  [[nodiscard]] static Result<CheckedStream> Attach(const Enforcer& enforcer, Next next,
                                                    const Endpoint& endpoint) {
    const Result<void> attached = enforcer.Attach(next.native_handle(), endpoint);
    if (!attached) return attached.error();
    return CheckedStream(std::forward<Next>(next));
  }

  // What an Asio stream has. What is done on next_layer() itself is not checked.
  [[nodiscard]] executor_type get_executor() noexcept { return next_.get_executor(); }
  [[nodiscard]] next_layer_type& next_layer() noexcept { return next_; }
  [[nodiscard]] const next_layer_type& next_layer() const noexcept { return next_; }
  [[nodiscard]] lowest_layer_type& lowest_layer() { return LowestLayerOf(next_); }
  [[nodiscard]] ssl_st* native_handle() { return next_.native_handle(); }

  // Record is the verdict of the handshake, allowed or not; null before there is one. Borrowed.
  [[nodiscard]] const ConnectionRecord* Record() { return RecordOf(native_handle()); }

  // Refusal says why the connection was refused: by the verdict of its handshake, or by a policy
  // that came later. Nullopt where it was not, whatever else went wrong.
  [[nodiscard]] std::optional<Error> Refusal() {
    const ConnectionRecord* const record = Record();
    if (record != nullptr && record->code) return Error{*record->code, record->message};
    // An operation that waited while the policy changed ended without asking.
    if (record != nullptr) Check();
    return refusal_;
  }

  // handshake and async_handshake are those of the stream; the verdict falls inside.
  template <typename... Arguments>
  decltype(auto) handshake(Arguments&&... arguments) {
    UseSocket(native_handle(), DescriptorOf(lowest_layer()));
    return next_.handshake(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) async_handshake(Arguments&&... arguments) {
    UseSocket(native_handle(), DescriptorOf(lowest_layer()));
    return next_.async_handshake(std::forward<Arguments>(arguments)...);
  }

  // The operations that move data. Each checks first; where that refuses, OpenSSL moves no more
  // bytes and the operation completes with an error, as with a connection that was shut down.
  template <typename... Arguments>
  std::size_t read_some(Arguments&&... arguments) {
    Check();
    return next_.read_some(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  std::size_t write_some(Arguments&&... arguments) {
    Check();
    return next_.write_some(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) async_read_some(Arguments&&... arguments) {
    Check();
    return next_.async_read_some(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) async_write_some(Arguments&&... arguments) {
    Check();
    return next_.async_write_some(std::forward<Arguments>(arguments)...);
  }

  // shutdown and async_shutdown are those of the stream.
  template <typename... Arguments>
  decltype(auto) shutdown(Arguments&&... arguments) {
    return next_.shutdown(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  decltype(auto) async_shutdown(Arguments&&... arguments) {
    return next_.async_shutdown(std::forward<Arguments>(arguments)...);
  }

 private:
  explicit CheckedStream(Next&& next) : next_(std::forward<Next>(next)) {}

  // Check kills the SSL where the connection must not be used. A completion handler cannot be made
  // to fail here without Asio; an SSL that is dead fails it in Asio's own way.
  void Check() {
    if (refusal_) return;
    const Result<void> usable = CheckUse(native_handle());
    if (!usable) refusal_ = usable.error();
  }

  Next next_;
  std::optional<Error> refusal_;
};

// Found by Beast's WebSocket when it closes a connection.
template <typename Next>
void teardown(boost::beast::role_type role, CheckedStream<Next>& stream,
              boost::system::error_code& error) {
  teardown(role, stream.next_layer(), error);
}
template <typename Next, typename Handler>
void async_teardown(boost::beast::role_type role, CheckedStream<Next>& stream, Handler&& handler) {
  async_teardown(role, stream.next_layer(), std::forward<Handler>(handler));
}

}  // namespace cotter::tls
