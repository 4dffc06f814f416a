// SPDX-License-Identifier: Apache-2.0
//
// One value of a parsed document, whichever language the document is in. The policy's reader knows
// this and neither TOML nor JSON, so both have the same keys, the same checks and the same errors.
// Borrows the document; not for use by several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <cotter/time.h>

namespace cotter::policy {

// SourcePosition is a place in a file, both from 1; line 0 is "nowhere in particular".
struct SourcePosition {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

enum class ValueKind : std::uint8_t {
  kString,
  kInteger,
  kFloat,
  kBoolean,
  kTime,  // a date, or a date-time with or without an offset; TOML alone has it
  kArray,
  kTable,
  kNull,  // JSON alone has it
};

// DocumentFormat answers questions about the nodes of one document. Nodes are opaque to all others.
// Each question but KindOf and PositionOf is only asked of a node of the kind it is about.
class DocumentFormat {
 public:
  virtual ~DocumentFormat() = default;

  [[nodiscard]] virtual ValueKind KindOf(const void* node) const = 0;
  [[nodiscard]] virtual SourcePosition PositionOf(const void* node) const = 0;
  [[nodiscard]] virtual std::string_view StringOf(const void* node) const = 0;
  [[nodiscard]] virtual std::int64_t IntegerOf(const void* node) const = 0;
  [[nodiscard]] virtual bool BooleanOf(const void* node) const = 0;
  // TimeOf is nullopt for a date-time that names no instant.
  [[nodiscard]] virtual std::optional<Time> TimeOf(const void* node) const = 0;
  // Find is the value of `key`, or null.
  [[nodiscard]] virtual const void* Find(const void* table, std::string_view key) const = 0;
  virtual void EachElement(const void* array,
                           const std::function<void(const void*)>& each) const = 0;
  virtual void EachKey(
      const void* table,
      const std::function<void(std::string_view key, SourcePosition at)>& each) const = 0;
};

// Value is a node and the format that understands it.
class Value {
 public:
  Value(const DocumentFormat& format, const void* node) : format_(&format), node_(node) {}

  [[nodiscard]] ValueKind kind() const { return format_->KindOf(node_); }
  [[nodiscard]] SourcePosition position() const { return format_->PositionOf(node_); }
  [[nodiscard]] std::string_view AsString() const { return format_->StringOf(node_); }
  [[nodiscard]] std::int64_t AsInteger() const { return format_->IntegerOf(node_); }
  [[nodiscard]] bool AsBoolean() const { return format_->BooleanOf(node_); }
  [[nodiscard]] std::optional<Time> AsTime() const { return format_->TimeOf(node_); }

  [[nodiscard]] std::optional<Value> Find(std::string_view key) const {
    const void* found = format_->Find(node_, key);
    if (found == nullptr) return std::nullopt;
    return Value(*format_, found);
  }
  void EachElement(const std::function<void(Value)>& each) const {
    format_->EachElement(node_, [&](const void* node) { each(Value(*format_, node)); });
  }
  void EachKey(const std::function<void(std::string_view, SourcePosition)>& each) const {
    format_->EachKey(node_, each);
  }

 private:
  const DocumentFormat* format_;
  const void* node_;
};

}  // namespace cotter::policy
