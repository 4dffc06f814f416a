// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http/head.h"

namespace cotter::net::http {
namespace {

using State = HeadScanner::State;

std::string Request(std::string_view fields, std::string_view line = "GET / HTTP/1.1") {
  return std::string(line) + "\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

State ScanAll(HeadScanner& scanner, std::string_view text, HeadLimits limits = {}) {
  return scanner.Scan(AsBytes(text), limits);
}

// RefusalOf is the code of the refusal of a request; empty where it is understood.
std::string RefusalOf(std::string_view text) {
  HeadScanner scanner;
  const State state = ScanAll(scanner, text);
  if (state == State::kMalformed) return "MALFORMED";
  if (state != State::kComplete) return "INCOMPLETE";
  RequestHead request;
  const auto refusal = ReadRequest(scanner, request);
  return refusal ? std::string(refusal->code) : "";
}

TEST(HttpHead, ReadsARequest) {
  const std::string text =
      "POST /a?b=c HTTP/1.1\r\nHost: x.example:8080\r\nContent-Length: 12\r\n"
      "X-Odd: \t two words \t\r\nEmpty:\r\n\r\nrest";
  HeadScanner scanner;
  ASSERT_EQ(ScanAll(scanner, text), State::kComplete);
  EXPECT_EQ(scanner.size(), text.size() - 4);
  RequestHead request;
  ASSERT_FALSE(ReadRequest(scanner, request));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/a?b=c");
  EXPECT_EQ(request.host, "x.example:8080");
  EXPECT_EQ(request.framing, Framing::kLength);
  EXPECT_EQ(request.length, 12U);
  EXPECT_TRUE(request.keep_alive);
  EXPECT_EQ(scanner.fields()[2].value, "two words");
  EXPECT_EQ(scanner.fields()[3].value, "");
}

TEST(HttpHead, FindsTheSameEndHoweverTheBytesArrive) {
  const std::string text = Request("A: b\r\nC: d\r\n") + "body";
  for (std::size_t step = 1; step < text.size(); ++step) {
    HeadScanner scanner;
    State state = State::kIncomplete;
    std::size_t given = 0;
    while (state == State::kIncomplete && given < text.size()) {
      given = std::min(given + step, text.size());
      state = ScanAll(scanner, std::string_view(text).substr(0, given));
    }
    ASSERT_EQ(state, State::kComplete) << step;
    EXPECT_EQ(scanner.size(), text.size() - 4) << step;
    EXPECT_EQ(scanner.fields().size(), 3U) << step;
  }
}

TEST(HttpHead, RefusesLinesThatReadersTakeDifferently) {
  for (const std::string_view text :
       {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\xC3\xA9: b\r\n\r\n",
        "GET\x0b/ HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    EXPECT_EQ(RefusalOf(text), "MALFORMED") << testing::PrintToString(text);
  }
  EXPECT_EQ(RefusalOf(std::string("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 37)),
            "MALFORMED");
}

TEST(HttpHead, RefusesFramingThatReadersTakeDifferently) {
  const auto code = [](std::string_view fields) {
    return RefusalOf(Request(fields, "POST / HTTP/1.1"));
  };
  EXPECT_EQ(code("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "AMBIGUOUS_FRAMING");
  EXPECT_EQ(code("Content-Length: 5\r\nContent-Length: 5\r\n"), "BAD_CONTENT_LENGTH");
  EXPECT_EQ(code("Content-Length: 5\r\nContent-Length: 6\r\n"), "BAD_CONTENT_LENGTH");
  for (const std::string_view length :
       {"", "5, 5", "+5", "-5", "0x5", "5 5", "1e3", "5.", "9999999999999999999"}) {
    EXPECT_EQ(code("Content-Length: " + std::string(length) + "\r\n"), "BAD_CONTENT_LENGTH")
        << length;
  }
  for (const std::string_view coding : {"", "identity", "gzip, chunked", "chunked, identity",
                                        "xchunked", "chunked;a=b", "\"chunked\"", "chunked,"}) {
    EXPECT_EQ(code("Transfer-Encoding: " + std::string(coding) + "\r\n"), "BAD_TRANSFER_ENCODING")
        << coding;
  }
  EXPECT_EQ(code("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            "BAD_TRANSFER_ENCODING");
  EXPECT_EQ(code("Connection: close, content-length\r\n"), "BAD_CONNECTION");
  EXPECT_EQ(code("Connection: transfer-encoding\r\n"), "BAD_CONNECTION");
  EXPECT_EQ(code("Connection: \x22quoted\x22\r\n"), "BAD_CONNECTION");
  EXPECT_EQ(code("Transfer-Encoding: \tCHUNKED \r\n"), "");
}

TEST(HttpHead, RefusesTargetsAndHostsThatNameAnotherServer) {
  const auto line = [](std::string_view text) { return RefusalOf(Request("", text)); };
  EXPECT_EQ(line("GET http://other.example/ HTTP/1.1"), "BAD_TARGET");
  EXPECT_EQ(line("GET other.example HTTP/1.1"), "BAD_TARGET");
  EXPECT_EQ(line("GET /a#b HTTP/1.1"), "BAD_TARGET");
  EXPECT_EQ(line("GET /\xC3\xA9 HTTP/1.1"), "BAD_TARGET");
  EXPECT_EQ(line("GET * HTTP/1.1"), "BAD_TARGET");
  EXPECT_EQ(line("OPTIONS * HTTP/1.1"), "");
  EXPECT_EQ(line("CONNECT other.example:443 HTTP/1.1"), "METHOD_NOT_ALLOWED");
  EXPECT_EQ(line("TRACE / HTTP/1.1"), "METHOD_NOT_ALLOWED");
  EXPECT_EQ(line("GET / HTTP/1.0"), "HTTP_VERSION");
  EXPECT_EQ(line("GET / HTTP/2.0"), "HTTP_VERSION");
  EXPECT_EQ(line("GET / http/1.1"), "BAD_REQUEST_LINE");
  EXPECT_EQ(line("GET /"), "BAD_REQUEST_LINE");
  EXPECT_EQ(line("GET  / HTTP/1.1"), "BAD_REQUEST_LINE");
  EXPECT_EQ(line("GET / HTTP/1.1 "), "BAD_REQUEST_LINE");
  EXPECT_EQ(line("GET / /a HTTP/1.1"), "BAD_REQUEST_LINE");
  EXPECT_EQ(line("G@T / HTTP/1.1"), "BAD_REQUEST_LINE");
  EXPECT_EQ(RefusalOf(Request("Host: b\r\n")), "BAD_HOST");
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nX: y\r\n\r\n"), "BAD_HOST");
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "BAD_HOST");
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"), "BAD_HOST");
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "BAD_HOST");
  EXPECT_EQ(RefusalOf("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), "BAD_HOST");
}

TEST(HttpHead, RefusesWhatItCannotPassOn) {
  EXPECT_EQ(RefusalOf(Request("Expect: 100-continue\r\n")), "");
  EXPECT_EQ(RefusalOf(Request("Expect: miracles\r\n")), "EXPECTATION_FAILED");
  EXPECT_EQ(RefusalOf(Request("Connection: Upgrade\r\nUpgrade: websocket\r\n")),
            "UPGRADE_UNSUPPORTED");
  EXPECT_EQ(RefusalOf(Request(
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n")),
            "");
}

TEST(HttpHead, HoldsItsLimits) {
  HeadScanner scanner;
  EXPECT_EQ(ScanAll(scanner, std::string(600, 'A'), {.bytes = 512, .fields = 10}),
            State::kTooLarge);
  scanner.Reset();
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 11; ++i) many += "A: b\r\n";
  EXPECT_EQ(ScanAll(scanner, many, {.bytes = 512, .fields = 10}), State::kTooLarge);
  scanner.Reset();
  const std::string exact = Request("");
  EXPECT_EQ(ScanAll(scanner, exact, {.bytes = exact.size(), .fields = 10}), State::kComplete);
}

std::string ResponseRefusalOf(std::string_view text, ResponseHead& response,
                              std::string_view method = "GET") {
  HeadScanner scanner;
  if (ScanAll(scanner, text) != State::kComplete) return "MALFORMED";
  const auto refusal = ReadResponse(scanner, method, response);
  return refusal ? std::string(refusal->code) : "";
}

TEST(HttpHead, KnowsWhereResponsesEnd) {
  ResponseHead response;
  const auto framing = [&](std::string_view text, std::string_view method = "GET") {
    EXPECT_EQ(ResponseRefusalOf(text, response, method), "") << text;
    return response.framing;
  };
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Framing::kLength);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"), Framing::kNone);
  EXPECT_EQ(framing("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), Framing::kNone);
  EXPECT_EQ(framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), Framing::kNone);
  EXPECT_EQ(framing("HTTP/1.1 100 Continue\r\n\r\n"), Framing::kNone);
  EXPECT_EQ(framing("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"), Framing::kChunked);
  EXPECT_TRUE(response.keep_alive);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\n\r\n"), Framing::kUntilClose);
  EXPECT_FALSE(response.keep_alive);
  EXPECT_EQ(framing("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), Framing::kLength);
  EXPECT_FALSE(response.keep_alive);
}

TEST(HttpHead, RefusesResponsesThatReadersTakeDifferently) {
  ResponseHead response;
  EXPECT_EQ(
      ResponseRefusalOf(
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", response),
      "AMBIGUOUS_FRAMING");
  EXPECT_EQ(ResponseRefusalOf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                              response),
            "BAD_CONTENT_LENGTH");
  EXPECT_EQ(ResponseRefusalOf("HTTP/1.1 101 Switching Protocols\r\n\r\n", response),
            "UNASKED_UPGRADE");
  for (const std::string_view line : {"HTTP/1.1 2000 OK", "HTTP/1.1 20 OK", "HTTP/1.1 600 No",
                                      "HTTP/2 200 OK", "ICY 200 OK", "HTTP/1.1  200 OK"}) {
    EXPECT_EQ(ResponseRefusalOf(std::string(line) + "\r\n\r\n", response), "BAD_STATUS_LINE")
        << line;
  }
}

TEST(HttpHead, KnowsWhatIsForOneHop) {
  HeadScanner scanner;
  const std::string text = Request(
      "Connection: close, X-Private\r\nX-Private: a\r\nX-Public: b\r\nTE: trailers\r\nKeep-Alive: "
      "x\r\n"
      "Proxy-Authorization: c\r\nUpgrade: h2c\r\nAuthorization: d\r\n");
  ASSERT_EQ(ScanAll(scanner, text), State::kComplete);
  std::vector<std::string_view> kept;
  for (const Field& field : scanner.fields()) {
    if (!IsHopByHop(field, scanner.fields())) kept.push_back(field.name);
  }
  EXPECT_THAT(kept, testing::ElementsAre("Host", "X-Public", "Authorization"));
}

}  // namespace
}  // namespace cotter::net::http
