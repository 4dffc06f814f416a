// SPDX-License-Identifier: Apache-2.0
//
// The Asio door, where the table of attacks (tests/attacks) does not reach. Asio's TLS stream is
// what it tests, and what makes it slow to compile.
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tls/enforced_client.h"
#include <cotter/asio.h>

namespace cotter::tls {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using testing::HasSubstr;

using Plain = asio::ssl::stream<tcp::socket>;

class AsioStreamTest : public testing::Test {
 protected:
  AsioStreamTest() { EXPECT_TRUE(Enforcer::Prepare(context_.native_handle())); }

  // Open is a stream on a TCP connection to `server`, before its handshake.
  [[nodiscard]] CheckedStream<Plain> Open(const lab::Server& server) {
    auto stream = CheckedStream<Plain>::Attach(enforcer_, Plain(io_, context_), endpoint_);
    EXPECT_TRUE(stream);
    stream->lowest_layer().connect({asio::ip::make_address("127.0.0.1"), server.port()});
    return std::move(*stream);
  }

  static lab::Server Genuine() {
    lab::ServerOptions options;
    options.identities = {World().Get("leaf")};
    return StartServer(options);
  }

  static constexpr asio::ssl::stream_base::handshake_type kClient = asio::ssl::stream_base::client;

  std::shared_ptr<HeldPolicy> policy_ = HoldPolicy(Pins({{"leaf"}}));
  Enforcer enforcer_ = Enforcer::Create({.policy = policy_, .trust = Trust({"root"})}).value();
  Endpoint endpoint_{HostName::Parse("api.example.com").value(), 443};
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  std::string text_ = std::string(kSecret);
};

TEST_F(AsioStreamTest, BeforeTheHandshakeNothingIsSent) {
  const lab::Server server = Genuine();
  {
    auto stream = Open(server);
    error_code error;
    stream.write_some(asio::buffer(text_), error);  // Asio would shake hands on the way
    EXPECT_TRUE(error);
    EXPECT_EQ(stream.Refusal()->code, Code::kNoVerifiedPath);
  }
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

// A suite without certificate that is asked for after the enforcer was attached: the handshake may
// end, the stream carries nothing, and nobody had to confirm.
TEST_F(AsioStreamTest, WithoutAVerdictNothingIsSent) {
  lab::ServerOptions options;
  options.authentication = lab::Authentication::kInsecureAnonymous;
  options.max_version = lab::TlsVersion::kTls12;
  const lab::Server server = StartServer(options);
  {
    auto stream = Open(server);
    SSL_set_cipher_list(stream.native_handle(), "aNULL:@SECLEVEL=0");
    error_code error;
    stream.handshake(kClient, error);
    error.clear();
    asio::write(stream, asio::buffer(text_), error);
    EXPECT_TRUE(error);
    EXPECT_TRUE(stream.Refusal());
  }
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

TEST_F(AsioStreamTest, ARefusalHasItsReason_S1_17_S1_31) {
  policy_->Set(Pins({{"backup"}}));
  const lab::Server server = Genuine();
  auto stream = Open(server);
  error_code error;
  stream.handshake(kClient, error);
  EXPECT_TRUE(error);
  ASSERT_TRUE(stream.Refusal());
  EXPECT_EQ(stream.Refusal()->code, Code::kPinMismatch);
  EXPECT_THAT(stream.Refusal()->message, HasSubstr("bad ssl pin detected, found pins: ["));
}

// Asio keeps the socket from OpenSSL; the stream tells it.
TEST_F(AsioStreamTest, TheHandlerLearnsThePeer_S1_11_S1_34) {
  const lab::Server server = Genuine();
  tcp::socket::native_handle_type told = -1;
  enforcer_ = Enforcer::Create({.policy = HoldPolicy(Pins({{"backup"}})),
                                .trust = Trust({"root"}),
                                .now = {},
                                .on_violation = [&](const Violation& v) { told = v.socket; }})
                  .value();
  auto stream = Open(server);
  error_code error;
  stream.handshake(kClient, error);
  EXPECT_TRUE(error);
  EXPECT_EQ(told, stream.lowest_layer().native_handle());
}

TEST_F(AsioStreamTest, ATroubleThatIsNoRefusalHasNone) {
  lab::ServerOptions options;
  options.fault = lab::Fault::kClose;
  const lab::Server server = StartServer(options);
  auto stream = Open(server);
  error_code error;
  stream.handshake(kClient, error);
  EXPECT_TRUE(error);
  EXPECT_FALSE(stream.Refusal());
}

TEST_F(AsioStreamTest, AStreamCanBeWrappedByReference) {
  const lab::Server server = Genuine();
  Plain plain(io_, context_);
  plain.lowest_layer().connect({asio::ip::make_address("127.0.0.1"), server.port()});
  auto stream = CheckedStream<Plain&>::Attach(enforcer_, plain, endpoint_);
  ASSERT_TRUE(stream);
  stream->handshake(kClient);
  EXPECT_EQ(asio::write(*stream, asio::buffer(text_)), text_.size());
  EXPECT_EQ(&stream->next_layer(), &plain);
}

// The next use after a policy that no longer holds: nothing more is sent, to the server that had
// everything before.
TEST_F(AsioStreamTest, AfterAChangeOfThePolicyNothingIsSent) {
  const lab::Server server = Genuine();
  {
    auto stream = Open(server);
    stream.handshake(kClient);
    asio::write(stream, asio::buffer(text_));
    policy_->Set(Pins({{"backup"}}));
    error_code error;
    asio::write(stream, asio::buffer(text_), error);
    EXPECT_TRUE(error);
    EXPECT_EQ(stream.Refusal()->code, Code::kPinMismatch);
  }
  EXPECT_EQ(FirstRecord(server).application_bytes, text_.size());
}

TEST_F(AsioStreamTest, AfterAChangeThatStillHoldsItGoesOn) {
  const lab::Server server = Genuine();
  auto stream = Open(server);
  stream.handshake(kClient);
  policy_->Set(Pins({{"backup"}, {"leaf"}}));
  EXPECT_EQ(asio::write(stream, asio::buffer(text_)), text_.size());
  EXPECT_FALSE(stream.Refusal());
}

// A read that waits for a server that says nothing, on another thread than the one that swaps the
// policy.
TEST_F(AsioStreamTest, AReadThatWaitsEndsWithAChangeOfThePolicy) {
  const lab::Server server = Genuine();
  auto stream = Open(server);
  stream.handshake(kClient);
  error_code error;
  std::string answer(100, '\0');
  stream.async_read_some(asio::buffer(answer),
                         [&](error_code result, std::size_t) { error = result; });
  {
    std::jthread other([&] { policy_->Set(Pins({{"backup"}})); });
    io_.run_for(kPatience);
  }
  EXPECT_TRUE(error);
  ASSERT_TRUE(stream.Refusal());
  EXPECT_EQ(stream.Refusal()->code, Code::kPinMismatch);
}

}  // namespace
}  // namespace cotter::tls
