// SPDX-License-Identifier: Apache-2.0
//
// What libcurl's end of a hop means where no verdict of ours explains it. Pure, safe from any
// thread.
#pragma once

#include <string>

#include "client/transfer.h"

namespace cotter::client {

// HopEnd is what libcurl knows of a hop that is over.
struct HopEnd {
  CURLcode code = CURLE_OK;
  std::string text;          // its own words, for people
  long system_error = 0;     // errno of the connection
  long connect_status = 0;   // of a proxy's answer to CONNECT; 0: none
  bool reused = false;       // no new connection was made
  std::string http_version;  // "1.1"
};

// LookAtEnd reads it from the handle.
[[nodiscard]] HopEnd LookAtEnd(const Easy& easy, CURLcode code);

enum class TimeLimit : std::uint8_t { kAhead, kReached };

// ErrorOf is the error that a failed hop comes to. Allocates.
[[nodiscard]] Error ErrorOf(const HopEnd& end, TimeLimit limit);

}  // namespace cotter::client
