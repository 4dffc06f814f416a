// SPDX-License-Identifier: Apache-2.0
//
// What the spool keeps of one kind of failure, as a file and as the reports made of it. Files are
// read back strictly: one that is not byte for byte what would be written for what it says is
// refused. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/report.h>

namespace cotter::report {

// A record with the longest names and most pins that it keeps takes an eighth of this; the rest is
// for two chains.
inline constexpr std::size_t kMaxRecordSize = std::size_t{32} << 10;

// Steps of the schedule: see Delay.
inline constexpr std::uint32_t kLastStep = 5;

// SpoolRecord is one kind of failure.
struct SpoolRecord {
  std::string host;
  std::uint16_t port = 0;
  std::string outcome;               // the names of Outcome ...
  std::vector<std::string> reasons;  // ... and of the codes of its reasons
  std::vector<Digest> found;
  std::string pattern;
  std::optional<Time> expires;
  std::vector<Digest> known_pins;  // the first 32
  std::string policy_name;
  std::uint64_t policy_version = 0;
  std::vector<std::string> chain;      // base64 of DER, where the door kept it and it fits
  std::vector<std::string> validated;  // likewise, the default path

  std::uint64_t count = 0;  // failures that were not sent yet
  Time first;               // of those
  Time last;
  Time due;                      // when to send next, if count is not 0
  std::uint32_t step = 0;        // of the schedule, at most kLastStep
  std::optional<Time> reported;  // when the last full report was sent

  friend bool operator==(const SpoolRecord&, const SpoolRecord&) = default;
};

// MakeRecord is the record of `event`, with a count of 1, due at once.
[[nodiscard]] SpoolRecord MakeRecord(const ViolationEvent& event);

// KeyOf is what records are told apart by: 32 hexadecimal digits of a hash over host, outcome,
// reasons, found pins (as a set), policy and its version.
[[nodiscard]] std::string KeyOf(const SpoolRecord& record);

// FormatRecord is the content of the record's file.
[[nodiscard]] std::string FormatRecord(const SpoolRecord& record);

// ParseRecord reads it back. Fails with kFormatMalformed.
[[nodiscard]] Result<SpoolRecord> ParseRecord(std::string_view text);

// FullReport is the record as RFC 7469, 3 shapes a report, and with it what that does not know: the
// pins found, the reasons, the policy and its version, how often it happened.
[[nodiscard]] std::string FullReport(const SpoolRecord& record, double sampling_fraction);

// CountReport says only how often a failure that was reported in full happened again.
[[nodiscard]] std::string CountReport(const SpoolRecord& record, double sampling_fraction);

// Delay is how long to wait at `step` at most: 30 s before the first report, then 1 min, 5 min,
// 30 min, 6 h, and 24 h for ever.
[[nodiscard]] std::int64_t Delay(std::uint32_t step) noexcept;

// SpoolState is what the spool remembers beside its records.
struct SpoolState {
  Digest salt;  // decides which failures this client reports; never sent
  std::uint64_t dropped = 0;
  Time paused_until{};
  std::uint8_t stopped = 0;  // 1 after 410: reports are wanted no more

  friend bool operator==(const SpoolState&, const SpoolState&) = default;
};

[[nodiscard]] std::string FormatState(const SpoolState& state);

// ParseState fails with kFormatMalformed.
[[nodiscard]] Result<SpoolState> ParseState(std::string_view text);

}  // namespace cotter::report
