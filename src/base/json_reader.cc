// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>

namespace cotter::base {
namespace {

namespace json = boost::json;
using Kind = JsonEvent::Kind;

// Cursor walks over tokens that the parser has accepted already, to know where each begins.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // Next is where the next key or value begins, and steps over it; into it, for an array or object.
  std::size_t Next() {
    SkipBetween();
    const std::size_t begin = at_;
    if (at_ == text_.size()) return begin;
    if (text_[at_] == '"') {
      SkipString();
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      ++at_;
    } else {
      at_ = std::min(text_.find_first_of(" \t\r\n,:]}/", at_), text_.size());
    }
    return begin;
  }

  // Number steps over the number that comes next.
  std::pair<std::size_t, std::string_view> Number() {
    const std::size_t begin = Next();
    return {begin, text_.substr(begin, at_ - begin)};
  }

 private:
  void SkipBetween() {
    for (;;) {
      at_ = std::min(text_.find_first_not_of(" \t\r\n,:]}", at_), text_.size());
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (rest.starts_with("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  void SkipString() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Handler turns the parser's events into those of a sink. Its member names are Boost.JSON's.
class Handler {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  Handler(std::string_view text, JsonSink& sink) : sink_(&sink), cursor_(text) {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& error) { return Open(Kind::kObject, error); }
  bool on_object_end(std::size_t, json::error_code& error) { return Close(error); }
  bool on_array_begin(json::error_code& error) { return Open(Kind::kArray, error); }
  bool on_array_end(std::size_t, json::error_code& error) { return Close(error); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return Collect(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    Collect(part);
    const std::size_t at = cursor_.Next();
    if (!keys_.back().insert(text_).second) {
      return Refuse("a key that stands twice in one object", at, error);
    }
    return Send({Kind::kKey, std::exchange(text_, {}), at}, error);
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    return Collect(part);
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& error) {
    Collect(part);
    return Send({Kind::kString, std::exchange(text_, {}), cursor_.Next()}, error);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code& error) { return Number(error); }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code& error) {
    return Number(error);
  }
  bool on_double(double, json::string_view, json::error_code& error) { return Number(error); }
  bool on_bool(bool value, json::error_code& error) {
    return Send({value ? Kind::kTrue : Kind::kFalse, {}, cursor_.Next()}, error);
  }
  bool on_null(json::error_code& error) { return Send({Kind::kNull, {}, cursor_.Next()}, error); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  [[nodiscard]] const std::optional<JsonFault>& fault() const noexcept { return fault_; }

 private:
  bool Collect(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool Open(Kind kind, json::error_code& error) {
    keys_.emplace_back();
    return Send({kind, {}, cursor_.Next()}, error);
  }
  bool Close(json::error_code& error) {
    keys_.pop_back();
    return Send({Kind::kEnd, {}, 0}, error);
  }
  bool Number(json::error_code& error) {
    const auto [at, text] = cursor_.Number();
    return Send({Kind::kNumber, std::string(text), at}, error);
  }
  bool Send(JsonEvent event, json::error_code& error) {
    const std::size_t at = event.at;
    const char* refusal = sink_->On(std::move(event));
    return refusal == nullptr || Refuse(refusal, at, error);
  }
  bool Refuse(const char* what, std::size_t at, json::error_code& error) {
    fault_ = JsonFault{at, what};
    error = json::error::syntax;
    return false;
  }

  JsonSink* sink_;
  Cursor cursor_;
  std::string text_;                                   // of the key or string that is being read
  std::vector<std::unordered_set<std::string>> keys_;  // of each open object; none of an array
  std::optional<JsonFault> fault_;
};

}  // namespace

JsonRead ReadJson(std::string_view text, JsonSink& sink, const JsonLimits& limits,
                  std::size_t begin) {
  const std::string_view rest = text.substr(std::min(begin, text.size()));
  json::parse_options options;
  options.max_depth = limits.max_depth;
  options.allow_comments = limits.comments == JsonComments::kSkip;
  json::basic_parser<Handler> parser(options, rest, sink);
  json::error_code error;
  const std::size_t used = parser.write_some(false, rest.data(), rest.size(), error);
  if (!error && limits.rest == JsonRest::kRefuse && used != rest.size()) {
    error = json::error::extra_data;
  }
  JsonRead read{begin + used, std::nullopt};
  if (!error) return read;
  read.fault = parser.handler().fault().value_or(
      JsonFault{used, error == json::error::too_deep
                          ? "nested more than " + std::to_string(limits.max_depth) + " deep"
                          : error.message()});
  read.fault->at += begin;
  return read;
}

}  // namespace cotter::base
