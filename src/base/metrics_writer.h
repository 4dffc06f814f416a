// SPDX-License-Identifier: Apache-2.0
//
// Figures in Prometheus' text exposition format (version 0.0.4), for the servers of this project.
// For one thread.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cotter::base {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// MetricLabel is name="value", escaped. Allocates.
[[nodiscard]] std::string MetricLabel(std::string_view name, std::string_view value);

class MetricsWriter {
 public:
  // Family begins a metric; `type` is "counter", "gauge" or "histogram".
  void Family(std::string_view name, std::string_view type, std::string_view help);

  // Sample writes one value; `labels` is empty or what MetricLabel gives, joined by commas.
  template <typename Number>
  void Sample(std::string_view labels, Number value) {
    if constexpr (std::is_floating_point_v<Number>) {
      Write("", labels, FloatText(value));
    } else {
      Write("", labels, std::to_string(value));
    }
  }

  // SampleOf is Sample for a part of a histogram: `suffix` is "_bucket", "_sum" or "_count".
  void SampleOf(std::string_view suffix, std::string_view labels, double value) {
    Write(suffix, labels, FloatText(value));
  }

  void Append(std::string_view more) { text_ += more; }

  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  static std::string FloatText(double value);
  void Write(std::string_view suffix, std::string_view labels, const std::string& value);

  std::string text_;
  std::string name_;
};

}  // namespace cotter::base
