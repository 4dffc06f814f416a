// SPDX-License-Identifier: Apache-2.0
//
// The forms in which `cotter scan` prints: text, JSON, JSON a line, CSV, and a page. Rows come one
// by one; text, ndjson and CSV leave at once, the others at the end. Used by one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "cli/output.h"
#include "cli/scan_input.h"
#include "cli/scan_row.h"
#include "probe/engine/facts.h"
#include <cotter/time.h>

namespace cotter::cli {

// ScanSummary is what is told at the end.
struct ScanSummary {
  std::size_t hosts = 0;
  std::size_t sound = 0;  // nothing speaks against them
  std::size_t violated = 0;
  std::size_t undecided = 0;
  probe::Tally tally;
  std::span<const Unreadable> unreadable;
  Time at;
};

// ScanSheet is one form.
class ScanSheet {
 public:
  virtual ~ScanSheet() = default;
  ScanSheet(const ScanSheet&) = delete;
  ScanSheet& operator=(const ScanSheet&) = delete;

  virtual void Add(const ScanRow& row) = 0;
  virtual void End(const ScanSummary& summary) = 0;

 protected:
  ScanSheet() = default;
};

// kScanFormats is what --format takes.
inline constexpr std::string_view kScanFormats[] = {"text", "json", "ndjson", "csv", "html"};

// MakeScanSheet is the sheet of a name in kScanFormats, on `output`, which outlives it.
[[nodiscard]] std::unique_ptr<ScanSheet> MakeScanSheet(std::string_view format, Output& output);

// MakeScanPage is that of "html".
[[nodiscard]] std::unique_ptr<ScanSheet> MakeScanPage(Output& output);

}  // namespace cotter::cli
