// SPDX-License-Identifier: Apache-2.0
#include "formats/pem.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include <openssl/crypto.h>

#include "core/base64.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kNone = std::string_view::npos;

constexpr bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view Trim(std::string_view line) {
  while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
  while (!line.empty() && IsBlank(line.back())) line.remove_suffix(1);
  return line;
}

std::string_view WithoutByteOrderMark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

// LineAt is the line that begins at `at`, without its newline.
std::string_view LineAt(std::string_view text, std::size_t at) {
  const std::size_t newline = text.find('\n', at);
  return text.substr(at, newline == kNone ? kNone : newline - at);
}

// FindAtLineStart finds `mark` where nothing but blanks precedes it on its line.
std::size_t FindAtLineStart(std::string_view text, std::string_view mark, std::size_t from) {
  for (std::size_t at = text.find(mark, from); at != kNone; at = text.find(mark, at + 1)) {
    std::size_t before = at;
    while (before > 0 && IsBlank(text[before - 1])) --before;
    if (before == 0 || text[before - 1] == '\n') return at;
  }
  return kNone;
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= PemReader::kMaxLabel &&
         std::ranges::all_of(label, [](char c) { return c >= ' ' && c <= '~'; });
}

// Assembler puts together lines whose length is not a multiple of four.
struct Assembler {
  char pending[4] = {};
  std::size_t count = 0;
  bool padded = false;
};

// Append decodes one trimmed line, whatever its length, to the front of `out`; nullopt where it is
// not base64, or text follows the padding.
std::optional<std::size_t> Append(Assembler& state, std::string_view line,
                                  std::span<std::uint8_t> out) {
  if (state.padded) return std::nullopt;
  if (state.count == 0 && line.size() % 4 == 0) {
    state.padded = line.back() == '=';
    return DecodeBase64(line, out);
  }
  std::size_t written = 0;
  for (const char c : line) {
    if (state.padded) return std::nullopt;
    state.pending[state.count++] = c;
    if (state.count < 4) continue;
    const std::optional<std::size_t> got =
        DecodeBase64(std::string_view(state.pending, 4), out.subspan(written));
    if (!got) return std::nullopt;
    written += *got;
    state.padded = *got < 3;
    state.count = 0;
  }
  return written;
}

}  // namespace

bool HasPemBlock(ByteView input) noexcept {
  return FindAtLineStart(WithoutByteOrderMark(AsText(input)), kBegin, 0) != kNone;
}

std::string EncodePem(std::string_view label, ByteView der) {
  constexpr std::size_t kLine = 64;
  const std::string base64 = EncodeBase64(der);
  std::string text = std::string(kBegin) + std::string(label) + "-----\n";
  for (std::size_t at = 0; at < base64.size(); at += kLine) {
    text += base64.substr(at, kLine) + "\n";
  }
  return text + std::string(kEnd) + std::string(label) + "-----\n";
}

PemReader::PemReader(ByteView input) noexcept : text_(WithoutByteOrderMark(AsText(input))) {}

PemReader::~PemReader() { Wipe(); }

Result<std::optional<PemBlock>> PemReader::Next() {
  Wipe();
  const std::size_t begin = FindAtLineStart(text_, kBegin, position_);
  if (begin == kNone) {
    position_ = text_.size();
    return std::optional<PemBlock>();
  }
  const std::string_view first = LineAt(text_, begin);
  std::string_view label = Trim(first).substr(kBegin.size() - 1);
  if (!label.ends_with(kDashes)) return Fail(begin, "a BEGIN line that does not end in -----");
  label.remove_suffix(kDashes.size());
  if (!label.empty()) label.remove_prefix(1);
  if (!IsLabel(label)) return Fail(begin, "a BEGIN line without a label in plain ASCII");
  PemBlock block;
  block.label = label;
  block.offset = begin;

  const std::size_t body = std::min(begin + first.size() + 1, text_.size());
  const std::size_t end = FindAtLineStart(text_, kEnd, body);
  if (end == kNone) return Fail(begin, "BEGIN " + std::string(label) + " without END");
  const std::string_view last = LineAt(text_, end);
  // The mark's last space may be the line's end, and trimmed.
  const std::string_view tail = Trim(last).substr(kEnd.size() - 1);
  if (tail.size() != 1 + label.size() + kDashes.size() || tail.substr(1, label.size()) != label ||
      !tail.ends_with(kDashes)) {
    return Fail(end, "expected END " + std::string(label) + ", as the block began");
  }
  const Result<std::size_t> data = SkipHeaders(body, end, block);
  if (!data) return data.error();
  Reserve((end - *data) / 4 * 3 + 3);
  if (label.ends_with("PRIVATE KEY")) dirty_ = buffer_.size();
  const Result<std::size_t> size = Decode(*data, end);
  if (!size) return size.error();
  if (*size == 0) return Fail(begin, "an empty " + std::string(label) + " block");
  position_ = end + last.size();
  block.der = ByteView(buffer_).first(*size);
  return std::optional<PemBlock>(block);
}

// SkipHeaders returns where the base64 begins. RFC 1421, 4.4: headers are "Name: value" lines,
// ended by an empty one; base64 has no colon.
Result<std::size_t> PemReader::SkipHeaders(std::size_t begin, std::size_t end, PemBlock& block) {
  if (LineAt(text_.substr(0, end), begin).find(':') == kNone) return begin;
  for (std::size_t at = begin; at < end;) {
    const std::string_view line = LineAt(text_.substr(0, end), at);
    at = std::min(at + line.size() + 1, end);
    const std::string_view header = Trim(line);
    if (header.empty()) return at;
    if (header.starts_with("Proc-Type:") && header.ends_with("ENCRYPTED")) {
      block.cipher = PemCipher::kEncrypted;
    }
  }
  return Fail(begin, "headers that no empty line ends");
}

// Decode fills buffer_ from the lines in [begin, end) and returns how many bytes there are.
Result<std::size_t> PemReader::Decode(std::size_t begin, std::size_t end) {
  constexpr std::size_t kLine = 64;  // RFC 7468, 2: "exactly 64 characters except for the final"
  constexpr std::size_t kLineBytes = kLine / 4 * 3;
  const std::span<std::uint8_t> out(buffer_);
  std::size_t written = 0;
  std::size_t at = begin;
  while (end - at > kLine && text_[at + kLine] == '\n') {
    if (!DecodeBase64Groups(text_.substr(at, kLine), out.subspan(written, kLineBytes))) break;
    written += kLineBytes;
    at += kLine + 1;
  }
  Assembler state;
  while (at < end) {
    const std::string_view line = LineAt(text_.substr(0, end), at);
    const std::string_view data = Trim(line);
    if (!data.empty()) {
      const std::optional<std::size_t> got = Append(state, data, out.subspan(written));
      if (!got && data.starts_with(kBegin)) return Fail(at, "BEGIN inside a block without END");
      if (!got) return Fail(at, "broken base64");
      written += *got;
    }
    at += line.size() + 1;
  }
  if (state.count != 0) return Fail(end, "the base64 ends in the middle of a group of four");
  return written;
}

std::size_t PemReader::LineOf(std::size_t offset) const noexcept {
  const std::string_view before = text_.substr(0, std::min(offset, text_.size()));
  return 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
}

Error PemReader::Fail(std::size_t offset, std::string what) {
  position_ = text_.size();
  return Error{Code::kPemMalformed, "line " + std::to_string(LineOf(offset)) + ": " + what};
}

void PemReader::Reserve(std::size_t size) {
  if (buffer_.size() >= size) return;
  buffer_ = Bytes(std::max(size, buffer_.size() * 2));
}

void PemReader::Wipe() noexcept {
  if (dirty_ != 0) OPENSSL_cleanse(buffer_.data(), dirty_);
  dirty_ = 0;
}

}  // namespace cotter::formats
