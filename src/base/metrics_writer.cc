// SPDX-License-Identifier: Apache-2.0
#include "base/metrics_writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace cotter::base {

std::string MetricLabel(std::string_view name, std::string_view value) {
  std::string label(name);
  label += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') label += '\\';
    if (c == '\n') {
      label += "\\n";
    } else {
      label += c;
    }
  }
  return label + "\"";
}

void MetricsWriter::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " ";
  text_ += help;
  text_ += "\n# TYPE " + name_ + " ";
  text_ += type;
  text_ += "\n";
}

std::string MetricsWriter::FloatText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? std::string(digits.data(), end) : "NaN";
}

void MetricsWriter::Write(std::string_view suffix, std::string_view labels,
                          const std::string& value) {
  text_ += name_;
  text_ += suffix;
  if (!labels.empty()) {
    text_ += "{";
    text_ += labels;
    text_ += "}";
  }
  text_ += " " + value + "\n";
}

}  // namespace cotter::base
