// SPDX-License-Identifier: Apache-2.0
//
// What `cotter pins` found at one target, and its forms on standard output. Values; used by one
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"
#include <cotter/bytes.h>
#include <cotter/pin.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::cli {

// How pins are printed.
enum class PinForm {
  kText,   // the target, then a line for each pin with role, subject and end date; on a terminal
           // two lines where one is too long
  kPlain,  // the same, up to the pin
  kBare,   // base64 alone, one a line
  kJson,
};

// ListedPin is one line. Fields that its form does not print may be empty.
struct ListedPin {
  std::string_view role;  // "leaf", "intermediate", "root", "unknown", or the kind of what is not a
                          // certificate; static storage
  std::string subject;    // safe to print; empty for a key
  Digest spki;
  std::optional<Digest> cert;      // for certificates, in JSON
  std::optional<Time> not_before;  // nullopt: none, or not readable
  std::optional<Time> not_after;
};

// PinList is one target. With an error, nothing in it is complete and no pin is printed.
struct PinList {
  std::string target;
  std::string_view kind;  // as JSON has it; empty where nothing could be read
  bool verified = false;  // every certificate is on a verified path
  std::optional<Error> error;
  std::vector<ListedPin> pins;
};

// DescribeCertificate reads what `form` prints of the certificate `der`, `role` being known from
// its place or not at all. Fails with kDerMalformed.
[[nodiscard]] Result<ListedPin> DescribeCertificate(ByteView der, std::string_view role,
                                                    PinForm form);

// PrintPinLists prints every list in `form`. An unverified list is marked in text and JSON.
void PrintPinLists(Output& output, std::span<const PinList> lists, PinForm form);

}  // namespace cotter::cli
