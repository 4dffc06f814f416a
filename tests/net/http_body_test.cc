// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "net/http/body.h"

namespace cotter::net::http {
namespace {

// What became of a text: how much of it was the body, and how that ended.
struct Reading {
  std::size_t taken = 0;
  bool done = false;
  bool malformed = false;
  std::uint64_t data = 0;

  friend bool operator==(const Reading&, const Reading&) = default;
};

void PrintTo(const Reading& reading, std::ostream* out) {
  *out << reading.taken << " taken, done " << reading.done << ", malformed " << reading.malformed
       << ", data " << reading.data;
}

Reading Read(BodyReader reader, std::string_view text, std::size_t step) {
  Reading reading;
  while (reading.taken < text.size() && !reader.done() && !reader.malformed()) {
    const std::string_view piece = text.substr(reading.taken, step);
    reading.taken += reader.Take(AsBytes(piece));
  }
  reading.done = reader.done();
  reading.malformed = reader.malformed();
  reading.data = reader.data();
  return reading;
}

// ReadChunks reads a chunked body in pieces of every size, which must make no difference.
Reading ReadChunks(std::string_view text, Trailers trailers = Trailers::kRefused) {
  const BodyReader reader(Framing::kChunked, 0, trailers);
  const Reading whole = Read(reader, text, text.size());
  for (std::size_t step = 1; step < text.size(); ++step) {
    EXPECT_EQ(Read(reader, text, step), whole) << "in pieces of " << step;
  }
  return whole;
}

TEST(HttpBody, TakesALengthAndNoMore) {
  const Reading reading = Read(BodyReader(Framing::kLength, 5, Trailers::kRefused), "12345rest", 3);
  EXPECT_EQ(reading, (Reading{5, true, false, 5}));
  EXPECT_TRUE(BodyReader(Framing::kNone, 0, Trailers::kRefused).done());
}

TEST(HttpBody, TakesChunks) {
  EXPECT_EQ(ReadChunks("5\r\nhello\r\n0\r\n\r\nGET "), (Reading{15, true, false, 5}));
  EXPECT_EQ(ReadChunks("1\r\na\r\n1\r\nb\r\n00\r\n\r\n"), (Reading{18, true, false, 2}));
  EXPECT_EQ(ReadChunks("A\r\n0123456789\r\n0\r\n\r\n"), (Reading{20, true, false, 10}));
  EXPECT_EQ(ReadChunks("0\r\n\r\n"), (Reading{5, true, false, 0}));
}

TEST(HttpBody, RefusesChunksThatReadersTakeDifferently) {
  for (const std::string_view text :
       {"5;a=b\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-1\r\n\r\n", "\r\n0\r\n\r\n",
        "5\nhello\n0\n\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n", "1234567890ABCDEF\r\n", "FFFFFFFFFFFFFFFF\r\n", "g\r\n",
        "0\r\nX: y\r\n\r\n", "0\r\n\n", "5\rhello"}) {
    EXPECT_TRUE(ReadChunks(text).malformed) << testing::PrintToString(text);
  }
}

TEST(HttpBody, TakesTrailersOfResponsesAlone) {
  EXPECT_EQ(ReadChunks("0\r\nX: y\r\nZ: \r\n\r\nrest", Trailers::kAllowed),
            (Reading{16, true, false, 0}));
  for (const std::string_view text :
       {"0\r\n folded\r\n\r\n", "0\r\nX y\r\n\r\n", "0\r\nX: \x01\r\n\r\n", "0\r\nX: y\n\r\n"}) {
    EXPECT_TRUE(ReadChunks(text, Trailers::kAllowed).malformed) << testing::PrintToString(text);
  }
  EXPECT_TRUE(Read(BodyReader(Framing::kChunked, 0, Trailers::kAllowed),
                   "0\r\nX: " + std::string(10'000, 'a'), 4096)
                  .malformed);
}

TEST(HttpBody, TakesAllUntilTheEndOfTheConnection) {
  BodyReader reader(Framing::kUntilClose, 0, Trailers::kRefused);
  EXPECT_EQ(reader.Take(AsBytes("anything")), 8U);
  EXPECT_FALSE(reader.done());
  EXPECT_TRUE(reader.until_close());
}

}  // namespace
}  // namespace cotter::net::http
