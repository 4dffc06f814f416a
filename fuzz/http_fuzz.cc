// SPDX-License-Identifier: Apache-2.0
//
// Target: HeadScanner, ReadRequest, ReadResponse, BodyReader, AppendUpstreamHead,
// AppendClientHead.
// Property: how the bytes are cut makes no difference. What the gateway writes for a request that
// it takes is a request of its own reading, with the same body, and the server's Host alone; the
// same for responses, towards the client.
#include <algorithm>
#include <string>

#include "gateway/http_fields.h"
#include "net/http/body.h"
#include "net/http/head.h"

namespace {

using namespace cotter;
using namespace cotter::net::http;

using State = HeadScanner::State;

constexpr HeadLimits kLimits{.bytes = 4096, .fields = 50};

State ScanInPieces(HeadScanner& scanner, ByteView bytes, std::size_t step) {
  State state = State::kIncomplete;
  for (std::size_t given = 0; state == State::kIncomplete && given < bytes.size();) {
    given = std::min(given + step, bytes.size());
    state = scanner.Scan(bytes.first(given), kLimits);
  }
  return state;
}

struct Reading {
  std::size_t taken = 0;
  bool done = false;
  bool malformed = false;

  friend bool operator==(const Reading&, const Reading&) = default;
};

Reading ReadBody(BodyReader reader, ByteView bytes, std::size_t step) {
  Reading reading;
  while (reading.taken < bytes.size() && !reader.done() && !reader.malformed()) {
    const std::size_t size = std::min(step, bytes.size() - reading.taken);
    reading.taken += reader.Take(bytes.subspan(reading.taken, size));
  }
  reading.done = reader.done();
  reading.malformed = reader.malformed();
  return reading;
}

void CheckBody(Framing framing, std::uint64_t length, ByteView rest) {
  for (const Trailers trailers : {Trailers::kRefused, Trailers::kAllowed}) {
    const BodyReader reader(framing, length, trailers);
    const Reading whole = ReadBody(reader, rest, rest.size() + 1);
    for (const std::size_t step : {1U, 2U, 3U, 7U}) {
      COTTER_CHECK(ReadBody(reader, rest, step) == whole);
    }
    COTTER_CHECK(whole.taken <= rest.size());
  }
}

const net::Target& Server() {
  static const net::Target server = net::ParseTarget("api.example.com:8443", 443).value();
  return server;
}

void CheckRequest(const HeadScanner& scanner, ByteView rest) {
  RequestHead request;
  if (ReadRequest(scanner, request)) return;
  CheckBody(request.framing, request.length, rest);
  std::string written;
  gateway::AppendUpstreamHead(written, request, scanner.fields(), Server(), true);
  HeadScanner again;
  COTTER_CHECK(again.Scan(AsBytes(written), {.bytes = 65'536, .fields = 60}) == State::kComplete);
  COTTER_CHECK(again.size() == written.size());
  RequestHead read;
  COTTER_CHECK(!ReadRequest(again, read));
  COTTER_CHECK(read.method == request.method && read.target == request.target &&
               read.framing == request.framing && read.length == request.length &&
               read.host == "api.example.com:8443");
  for (const Field& field : again.fields()) COTTER_CHECK(!IsHopByHop(field, again.fields()));
}

void CheckResponse(const HeadScanner& scanner, ByteView rest) {
  ResponseHead response;
  if (ReadResponse(scanner, "GET", response)) return;
  CheckBody(response.framing, response.length, rest);
  std::string written;
  gateway::AppendClientHead(written, response, scanner.fields(), Server(), true);
  HeadScanner again;
  COTTER_CHECK(again.Scan(AsBytes(written), {.bytes = 65'536, .fields = 60}) == State::kComplete);
  ResponseHead read;
  COTTER_CHECK(!ReadResponse(again, "GET", read));
  COTTER_CHECK(read.status == response.status && read.framing == response.framing &&
               read.length == response.length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  HeadScanner whole;
  const State state = ScanInPieces(whole, bytes, size + 1);
  for (const std::size_t step : {1U, 2U, 5U}) {
    HeadScanner pieces;
    COTTER_CHECK(ScanInPieces(pieces, bytes, step) == state);
    COTTER_CHECK(state != State::kComplete || pieces.size() == whole.size());
  }
  CheckBody(Framing::kChunked, 0, bytes);
  if (state != State::kComplete) return 0;
  CheckRequest(whole, bytes.subspan(whole.size()));
  CheckResponse(whole, bytes.subspan(whole.size()));
  return 0;
}
