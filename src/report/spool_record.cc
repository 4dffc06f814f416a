// SPDX-License-Identifier: Apache-2.0
#include "report/spool_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include "base/sha256.h"
#include "base/utf8.h"

namespace cotter::report {
namespace {

namespace json = boost::json;

// A rule may have 256 pins; a report that names 32 of them says enough.
constexpr std::size_t kMaxKnownPins = 32;

// Names of policies have no bound of their own.
constexpr std::size_t kMaxNameSize = 256;

// Files nest 2 deep.
constexpr std::size_t kMaxDepth = 4;

// Seconds that a date can have: ToCivil and FormatTime are total, but a due date of the year 10^10
// is none.
constexpr std::int64_t kMaxSeconds = 253'402'300'799;  // 9999-12-31T23:59:59Z

Error Malformed(std::string_view what) {
  return Error{Code::kFormatMalformed, "spool file: " + std::string(what)};
}

std::string Name(std::string_view text) {
  text = text.substr(0, kMaxNameSize);
  return std::string(text.substr(0, base::InvalidUtf8(text)));
}

json::array Pins(const std::vector<Digest>& pins) {
  json::array array;
  for (const Digest& pin : pins) array.emplace_back(FormatPinBase64(pin));
  return array;
}

json::array Texts(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::value Date(const std::optional<Time>& time) {
  return time ? json::value(time->unix_seconds) : json::value(nullptr);
}

// Reader takes members of an object by name and remembers whether one was missing or wrong.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }

  std::string Text(std::string_view key) {
    const json::value* const value = object_.if_contains(key);
    if (value == nullptr || !value->is_string()) return Fail(std::string());
    return std::string(value->get_string());
  }

  std::uint64_t Number(std::string_view key, std::uint64_t limit) {
    const json::value* const value = object_.if_contains(key);
    const std::optional<std::uint64_t> number = value == nullptr ? std::nullopt : Unsigned(*value);
    return number && *number <= limit ? *number : Fail(std::uint64_t{0});
  }

  Time Date(std::string_view key) {
    return Time{static_cast<std::int64_t>(Number(key, static_cast<std::uint64_t>(kMaxSeconds)))};
  }

  std::optional<Time> MaybeDate(std::string_view key) {
    const json::value* const value = object_.if_contains(key);
    if (value != nullptr && value->is_null()) return std::nullopt;
    return Date(key);
  }

  std::vector<std::string> Texts(std::string_view key) {
    const json::value* const value = object_.if_contains(key);
    if (value == nullptr || !value->is_array()) return Fail(std::vector<std::string>());
    std::vector<std::string> texts;
    for (const json::value& item : value->get_array()) {
      if (!item.is_string()) return Fail(std::vector<std::string>());
      texts.emplace_back(item.get_string());
    }
    return texts;
  }

  std::vector<Digest> Pins(std::string_view key) {
    std::vector<Digest> pins;
    for (const std::string& text : Texts(key)) {
      const Result<Digest> pin = ParsePin(text);
      if (!pin) return Fail(std::vector<Digest>());
      pins.push_back(*pin);
    }
    return pins;
  }

 private:
  static std::optional<std::uint64_t> Unsigned(const json::value& value) {
    if (value.is_uint64()) return value.get_uint64();
    if (value.is_int64() && value.get_int64() >= 0) {
      return static_cast<std::uint64_t>(value.get_int64());
    }
    return std::nullopt;
  }

  template <typename T>
  T Fail(T nothing) {
    ok_ = false;
    return nothing;
  }

  const json::object& object_;
  bool ok_ = true;
};

Result<json::value> ParseObject(std::string_view text) {
  if (text.size() > kMaxRecordSize) return Malformed("too long");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::error_code failed;
  json::value value = json::parse(text, failed, {}, options);
  if (failed || !value.is_object()) return Malformed("not an object");
  return value;
}

bool IsKnown(const SpoolRecord& record) {
  return std::all_of(record.reasons.begin(), record.reasons.end(),
                     [](const std::string& reason) { return FindCode(reason).has_value(); });
}

// Common is what both kinds of report say.
json::object Common(const SpoolRecord& record, double sampling_fraction) {
  return {{"hostname", record.host},
          {"port", record.port},
          {"outcome", record.outcome},
          {"reasons", Texts(record.reasons)},
          {"served-pins", Pins(record.found)},
          {"policy-name", record.policy_name},
          {"policy-version", record.policy_version},
          {"key", KeyOf(record)},
          {"count", record.count},
          {"first", FormatTime(record.first)},
          {"last", FormatTime(record.last)},
          {"sampling-fraction", sampling_fraction}};
}

// Pem is one certificate of a chain (RFC 7468, 5.1), from the base64 of its DER.
std::string Pem(std::string_view base64) {
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (; !base64.empty(); base64.remove_prefix(std::min<std::size_t>(64, base64.size()))) {
    pem += base64.substr(0, 64);
    pem += '\n';
  }
  return pem + "-----END CERTIFICATE-----\n";
}

json::array Pems(const std::vector<std::string>& chain) {
  json::array pems;
  for (const std::string& certificate : chain) pems.emplace_back(Pem(certificate));
  return pems;
}

}  // namespace

SpoolRecord MakeRecord(const ViolationEvent& event) {
  SpoolRecord record;
  record.host = Name(event.host);
  record.port = event.port;
  record.outcome = std::string(NameOf(event.outcome));
  for (const Reason reason : event.reasons.List()) {
    record.reasons.emplace_back(NameOf(CodeOf(reason)));
  }
  record.found = event.found;
  if (record.found.size() > kMaxPathLength) record.found.resize(kMaxPathLength);
  record.pattern = Name(event.pattern);
  record.expires = event.expires;
  record.known_pins = event.known_pins;
  if (record.known_pins.size() > kMaxKnownPins) record.known_pins.resize(kMaxKnownPins);
  record.policy_name = Name(event.policy_name);
  record.policy_version = event.policy_version;
  const Time time{std::clamp<std::int64_t>(event.time.unix_seconds, 0, kMaxSeconds)};
  if (record.expires) {
    record.expires->unix_seconds =
        std::clamp<std::int64_t>(record.expires->unix_seconds, 0, kMaxSeconds);
  }
  record.count = 1;
  record.first = record.last = record.due = time;
  for (const Bytes& der : event.served_chain) record.chain.push_back(EncodeBase64(der));
  for (const Bytes& der : event.validated_chain) record.validated.push_back(EncodeBase64(der));
  // What the server sent says more of an interceptor than the path, which ends at a known root.
  if (FormatRecord(record).size() > kMaxRecordSize) record.validated.clear();
  if (FormatRecord(record).size() > kMaxRecordSize) record.chain.clear();
  return record;
}

std::string KeyOf(const SpoolRecord& record) {
  std::vector<Digest> found = record.found;
  std::sort(found.begin(), found.end());
  const json::array key{record.host,           record.port, record.outcome,
                        Texts(record.reasons), Pins(found), record.policy_name,
                        record.policy_version};
  const Digest digest = base::Sha256(AsBytes(json::serialize(key)));
  return EncodeHex(ByteView(digest.bytes).first(16));
}

std::string FormatRecord(const SpoolRecord& record) {
  return json::serialize(json::object{{"host", record.host},
                                      {"port", record.port},
                                      {"outcome", record.outcome},
                                      {"reasons", Texts(record.reasons)},
                                      {"found", Pins(record.found)},
                                      {"pattern", record.pattern},
                                      {"expires", Date(record.expires)},
                                      {"known_pins", Pins(record.known_pins)},
                                      {"policy", record.policy_name},
                                      {"policy_version", record.policy_version},
                                      {"chain", Texts(record.chain)},
                                      {"validated", Texts(record.validated)},
                                      {"count", record.count},
                                      {"first", record.first.unix_seconds},
                                      {"last", record.last.unix_seconds},
                                      {"due", record.due.unix_seconds},
                                      {"step", record.step},
                                      {"reported", Date(record.reported)}});
}

Result<SpoolRecord> ParseRecord(std::string_view text) {
  const Result<json::value> value = ParseObject(text);
  if (!value) return value.error();
  Reader reader(value->get_object());
  SpoolRecord record;
  record.host = reader.Text("host");
  record.port = static_cast<std::uint16_t>(reader.Number("port", 65535));
  record.outcome = reader.Text("outcome");
  record.reasons = reader.Texts("reasons");
  record.found = reader.Pins("found");
  record.pattern = reader.Text("pattern");
  record.expires = reader.MaybeDate("expires");
  record.known_pins = reader.Pins("known_pins");
  record.policy_name = reader.Text("policy");
  record.policy_version = reader.Number("policy_version", UINT64_MAX);
  record.chain = reader.Texts("chain");
  record.validated = reader.Texts("validated");
  record.count = reader.Number("count", UINT64_MAX);
  record.first = reader.Date("first");
  record.last = reader.Date("last");
  record.due = reader.Date("due");
  record.step = static_cast<std::uint32_t>(reader.Number("step", kLastStep));
  record.reported = reader.MaybeDate("reported");
  if (!reader.ok() || !IsKnown(record)) return Malformed("a member is missing or wrong");
  if (FormatRecord(record) != text) return Malformed("not as it was written");
  return record;
}

std::string FullReport(const SpoolRecord& record, double sampling_fraction) {
  const std::string_view pattern = record.pattern;
  const bool wildcard = pattern.starts_with("*");
  json::object report{
      {"date-time", FormatTime(record.last)},
      {"include-subdomains", wildcard},
      {"noted-hostname", wildcard ? pattern.substr(pattern.find('.') + 1) : pattern}};
  if (record.expires) report["effective-expiration-date"] = FormatTime(*record.expires);
  report["served-certificate-chain"] = Pems(record.chain);
  report["validated-certificate-chain"] = Pems(record.validated);
  json::array known;
  for (const Digest& pin : record.known_pins) {
    known.emplace_back("pin-sha256=\"" + FormatPinBase64(pin) + "\"");
  }
  report["known-pins"] = std::move(known);
  for (auto& member : Common(record, sampling_fraction)) report.insert(std::move(member));
  return json::serialize(report);
}

std::string CountReport(const SpoolRecord& record, double sampling_fraction) {
  json::object report = Common(record, sampling_fraction);
  report["type"] = "pin-failure-count";
  return json::serialize(report);
}

std::int64_t Delay(std::uint32_t step) noexcept {
  constexpr std::array<std::int64_t, kLastStep + 1> kDelays = {30, 60, 300, 1800, 21600, 86400};
  return kDelays[std::min(step, kLastStep)];
}

std::string FormatState(const SpoolState& state) {
  return json::serialize(json::object{{"salt", EncodeHex(state.salt.bytes)},
                                      {"dropped", state.dropped},
                                      {"paused_until", state.paused_until.unix_seconds},
                                      {"stopped", state.stopped}});
}

Result<SpoolState> ParseState(std::string_view text) {
  const Result<json::value> value = ParseObject(text);
  if (!value) return value.error();
  Reader reader(value->get_object());
  SpoolState state;
  const Result<Digest> salt = ParsePin(reader.Text("salt"));
  state.dropped = reader.Number("dropped", UINT64_MAX);
  state.paused_until = reader.Date("paused_until");
  state.stopped = static_cast<std::uint8_t>(reader.Number("stopped", 1));
  if (!reader.ok() || !salt) return Malformed("a member is missing or wrong");
  state.salt = *salt;
  if (FormatState(state) != text) return Malformed("not as it was written");
  return state;
}

}  // namespace cotter::report
