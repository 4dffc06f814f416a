// SPDX-License-Identifier: Apache-2.0
#include "net/http/head.h"

#include <algorithm>
#include <cstring>

namespace cotter::net::http {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// RFC 9110, 5.6.2: tchar.
constexpr bool IsTokenCharacter(char c) {
  if (IsAlpha(c) || IsDigit(c)) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < 128; ++i) table[i] = IsTokenCharacter(static_cast<char>(i));
  return table;
}

// RFC 9110, 5.5: field-content, with obs-text, which servers send; never a control character.
constexpr std::array<bool, 256> MakeValueTable() {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < 256; ++i) table[i] = (i >= 0x20 && i != 0x7F) || i == '\t';
  return table;
}

constexpr std::array<bool, 256> kToken = MakeTokenTable();
constexpr std::array<bool, 256> kValue = MakeValueTable();

bool AllOf(std::string_view text, const std::array<bool, 256>& table) {
  bool all = true;
  for (const char c : text) all = all && table[static_cast<unsigned char>(c)];
  return all;
}

struct KnownField {
  std::string_view name;
  FieldName known;
};

constexpr KnownField kKnownFields[] = {
    {"te", FieldName::kTe},
    {"host", FieldName::kHost},
    {"expect", FieldName::kExpect},
    {"alt-svc", FieldName::kAltSvc},
    {"trailer", FieldName::kTrailer},
    {"upgrade", FieldName::kUpgrade},
    {"location", FieldName::kLocation},
    {"connection", FieldName::kConnection},
    {"keep-alive", FieldName::kKeepAlive},
    {"content-length", FieldName::kContentLength},
    {"http2-settings", FieldName::kHttp2Settings},
    {"proxy-connection", FieldName::kProxyConnection},
    {"transfer-encoding", FieldName::kTransferEncoding},
    {"proxy-authenticate", FieldName::kProxyAuthenticate},
    {"proxy-authorization", FieldName::kProxyAuthorization},
};

FieldName KnownNameOf(std::string_view name) {
  const char first = Lower(name.front());
  for (const KnownField& field : kKnownFields) {
    if (field.name.size() == name.size() && field.name.front() == first &&
        EqualsIgnoringCase(field.name, name)) {
      return field.known;
    }
  }
  return FieldName::kOther;
}

std::string_view Trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 9110, 8.6: digits alone. More than 18 of them are no length that anybody means.
std::optional<std::uint64_t> ReadLength(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length;
}

// What the fields of either kind of message say of its framing and its connection.
struct CommonFields {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
};

// Fields that a Connection field may not name: taking them away would change what the message says.
bool IsEndToEnd(std::string_view name) {
  for (const std::string_view one :
       {"host", "content-length", "transfer-encoding", "content-type", "content-encoding",
        "authorization", "cookie", "set-cookie", "location", "cache-control"}) {
    if (EqualsIgnoringCase(name, one)) return true;
  }
  return false;
}

std::optional<Refusal> ReadConnection(const Field& field, int status, CommonFields& common) {
  const bool sound = EachListed(field.value, [&](std::string_view option) {
    if (EqualsIgnoringCase(option, "close")) common.close = true;
    if (EqualsIgnoringCase(option, "keep-alive")) common.keep_alive = true;
    return IsToken(option) && !IsEndToEnd(option);
  });
  if (sound) return std::nullopt;
  return Refusal{status, "BAD_CONNECTION",
                 "Connection names a field that it must not, or no field"};
}

std::optional<Refusal> ReadCommon(std::span<const Field> fields, int status, CommonFields& common) {
  for (const Field& field : fields) {
    switch (field.known) {
      case FieldName::kContentLength: {
        if (common.length) {
          return Refusal{status, "BAD_CONTENT_LENGTH", "more than one Content-Length"};
        }
        common.length = ReadLength(field.value);
        if (!common.length) {
          return Refusal{status, "BAD_CONTENT_LENGTH", "Content-Length is not a number"};
        }
        break;
      }
      case FieldName::kTransferEncoding:
        if (common.chunked || !EqualsIgnoringCase(field.value, "chunked")) {
          return Refusal{status == 400 ? 501 : status, "BAD_TRANSFER_ENCODING",
                         "the only transfer coding is chunked, once"};
        }
        common.chunked = true;
        break;
      case FieldName::kConnection:
        if (auto refusal = ReadConnection(field, status, common)) return refusal;
        break;
      default:
        break;
    }
  }
  if (common.length && common.chunked) {
    return Refusal{status, "AMBIGUOUS_FRAMING", "both Content-Length and Transfer-Encoding"};
  }
  return std::nullopt;
}

// The characters of a name or address with a port. Userinfo, spaces and slashes have no place.
bool IsHostValue(std::string_view host) {
  if (host.empty()) return false;
  return std::ranges::all_of(host, [](char c) {
    return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == ':' || c == '[' ||
           c == ']';
  });
}

// RFC 9112, 3.2.1: origin-form, of visible ASCII; a fragment never goes to a server.
bool IsOriginForm(std::string_view target) {
  if (target.empty() || target.front() != '/') return false;
  return std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
}

std::optional<Refusal> ReadRequestLine(std::string_view line, RequestHead& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Refusal{400, "BAD_REQUEST_LINE", "expected METHOD SP TARGET SP HTTP/1.1"};
  }
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(request.method) || request.target.find(' ') != std::string_view::npos) {
    return Refusal{400, "BAD_REQUEST_LINE", "expected METHOD SP TARGET SP HTTP/1.1"};
  }
  if (version != "HTTP/1.1") {
    const bool is_http = version.size() == 8 && version.starts_with("HTTP/");
    return is_http ? Refusal{505, "HTTP_VERSION", "the only version is HTTP/1.1"}
                   : Refusal{400, "BAD_REQUEST_LINE", "expected METHOD SP TARGET SP HTTP/1.1"};
  }
  if (request.method == "CONNECT" || request.method == "TRACE") {
    return Refusal{405, "METHOD_NOT_ALLOWED", "neither CONNECT nor TRACE is served here"};
  }
  if (request.target == "*" && request.method == "OPTIONS") return std::nullopt;
  if (!IsOriginForm(request.target)) {
    return Refusal{400, "BAD_TARGET",
                   "the target must begin with a slash: the server is fixed by configuration"};
  }
  return std::nullopt;
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

bool IsToken(std::string_view text) noexcept { return !text.empty() && AllOf(text, kToken); }

void HeadScanner::Reset() noexcept {
  line_start_ = 0;
  searched_ = 0;
  first_line_ = {};
  fields_.clear();
  has_first_line_ = false;
}

HeadScanner::State HeadScanner::Scan(ByteView bytes, const HeadLimits& limits) {
  const std::string_view text = AsText(bytes);
  while (searched_ < text.size()) {
    const std::size_t end = text.find('\n', searched_);
    if (end == std::string_view::npos || end >= limits.bytes) break;
    if (end == line_start_ || text[end - 1] != '\r') return State::kMalformed;
    const std::string_view line = text.substr(line_start_, end - 1 - line_start_);
    line_start_ = searched_ = end + 1;
    if (line.empty() && has_first_line_) return State::kComplete;
    if (const State state = TakeLine(line, limits); state != State::kIncomplete) return state;
  }
  if (text.size() >= limits.bytes) return State::kTooLarge;
  searched_ = text.size();
  return State::kIncomplete;
}

HeadScanner::State HeadScanner::TakeLine(std::string_view line, const HeadLimits& limits) {
  if (!has_first_line_) {
    has_first_line_ = true;
    first_line_ = line;
    return !line.empty() && AllOf(line, kValue) ? State::kIncomplete : State::kMalformed;
  }
  if (fields_.size() >= limits.fields) return State::kTooLarge;
  // A line that begins with white space is obs-fold (RFC 9112, 5.2), and so no token.
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return State::kMalformed;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 1);
  if (!IsToken(name) || !AllOf(value, kValue)) return State::kMalformed;
  fields_.push_back({name, Trimmed(value), KnownNameOf(name)});
  return State::kIncomplete;
}

std::optional<Refusal> ReadRequest(const HeadScanner& head, RequestHead& request) {
  request = {};
  if (auto refusal = ReadRequestLine(head.first_line(), request)) return refusal;
  CommonFields common;
  if (auto refusal = ReadCommon(head.fields(), 400, common)) return refusal;
  std::size_t hosts = 0;
  for (const Field& field : head.fields()) {
    if (field.known == FieldName::kHost) {
      ++hosts;
      request.host = field.value;
    } else if (field.known == FieldName::kExpect) {
      if (!EqualsIgnoringCase(field.value, "100-continue")) {
        return Refusal{417, "EXPECTATION_FAILED", "the only expectation is 100-continue"};
      }
      request.expects_continue = true;
    } else if (field.known == FieldName::kUpgrade &&
               EqualsIgnoringCase(field.value.substr(0, 9), "websocket")) {
      // Others, as h2c, may be ignored (RFC 9110, 7.8): the fields do not go further.
      return Refusal{501, "UPGRADE_UNSUPPORTED", "WebSocket needs a route in TCP mode"};
    }
  }
  if (hosts != 1 || !IsHostValue(request.host)) {
    return Refusal{400, "BAD_HOST", "expected exactly one Host with a name and an optional port"};
  }
  request.keep_alive = !common.close;
  if (common.chunked) request.framing = Framing::kChunked;
  if (common.length && *common.length > 0) request.framing = Framing::kLength;
  request.length = common.length.value_or(0);
  return std::nullopt;
}

std::optional<Refusal> ReadResponse(const HeadScanner& head, std::string_view method,
                                    ResponseHead& response) {
  response = {};
  const std::string_view line = head.first_line();
  const bool is_11 = line.starts_with("HTTP/1.1 ");
  if ((!is_11 && !line.starts_with("HTTP/1.0 ")) || line.size() < 12 || line[9] < '1' ||
      line[9] > '5' || !IsDigit(line[10]) || !IsDigit(line[11]) ||
      (line.size() > 12 && line[12] != ' ')) {
    return Refusal{502, "BAD_STATUS_LINE", "the server's status line is malformed"};
  }
  response.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  response.reason = line.size() > 13 ? line.substr(13) : std::string_view{};
  CommonFields common;
  if (auto refusal = ReadCommon(head.fields(), 502, common)) return refusal;
  if (response.status == 101) {
    return Refusal{502, "UNASKED_UPGRADE", "the server changed the protocol without being asked"};
  }
  response.keep_alive = !common.close && (is_11 || common.keep_alive);
  if (common.chunked && !is_11) {
    return Refusal{502, "BAD_TRANSFER_ENCODING", "HTTP/1.0 has no transfer codings"};
  }
  // RFC 9112, 6.3.
  if (method == "HEAD" || response.status < 200 || response.status == 204 ||
      response.status == 304) {
    response.framing = Framing::kNone;
  } else if (common.chunked) {
    response.framing = Framing::kChunked;
  } else if (common.length) {
    response.framing = *common.length > 0 ? Framing::kLength : Framing::kNone;
    response.length = *common.length;
  } else {
    response.framing = Framing::kUntilClose;
    response.keep_alive = false;
  }
  return std::nullopt;
}

bool IsHopByHop(const Field& field, std::span<const Field> fields) noexcept {
  switch (field.known) {
    case FieldName::kConnection:
    case FieldName::kHttp2Settings:
    case FieldName::kKeepAlive:
    case FieldName::kProxyAuthenticate:
    case FieldName::kProxyAuthorization:
    case FieldName::kProxyConnection:
    case FieldName::kTe:
    case FieldName::kUpgrade:
      return true;
    default:
      break;
  }
  for (const Field& other : fields) {
    if (other.known != FieldName::kConnection) continue;
    const bool unnamed = EachListed(other.value, [&](std::string_view option) {
      return !EqualsIgnoringCase(option, field.name);
    });
    if (!unnamed) return true;
  }
  return false;
}

}  // namespace cotter::net::http
