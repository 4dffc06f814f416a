// SPDX-License-Identifier: Apache-2.0
//
// PEM (RFC 7468, and the headers of RFC 1421) read one block at a time, for every command that
// takes a file of certificates or keys. What people and servers write around and inside a block is
// tolerated: other text between blocks, CRLF, white space at either end of a line, lines of any
// length, explanatory headers, a byte order mark, no final newline. The base64 itself is strict. A
// reader belongs to one thread, borrows its input, and lends each block's bytes until the next.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// Whether the block's own headers say that its bytes are encrypted.
enum class PemCipher : std::uint8_t {
  kNone,       // no "Proc-Type: 4,ENCRYPTED" (RFC 1421, 4.6.1.1)
  kEncrypted,  // the bytes are ciphertext
};

// PemBlock is what stands between a BEGIN and its END.
struct PemBlock {
  std::string_view label;  // as "CERTIFICATE"; printable ASCII; borrows from the input
  ByteView der;            // the decoded bytes, never empty; lent until the reader's next call
  std::size_t offset = 0;  // where BEGIN stands, for PemReader::LineOf
  PemCipher cipher = PemCipher::kNone;
};

// HasPemBlock reports whether a line of `input` begins as a PEM block does.
[[nodiscard]] bool HasPemBlock(ByteView input) noexcept;

// EncodePem is `der` as one block with lines of 64 characters (RFC 7468, 3). Allocates.
[[nodiscard]] std::string EncodePem(std::string_view label, ByteView der);

// PemReader walks the blocks of a text in order, in time linear in the text, and allocates only
// where a block is longer than all before it. Its buffer is wiped after a block that holds a
// private key.
class PemReader {
 public:
  // A label longer than this is not one: the longest in use has 27 characters.
  static constexpr std::size_t kMaxLabel = 64;

  explicit PemReader(ByteView input COTTER_LIFETIME_BOUND) noexcept;
  PemReader(const PemReader&) = delete;
  PemReader& operator=(const PemReader&) = delete;
  ~PemReader();

  // Next is the next block, or nullopt after the last. Fails with kPemMalformed, naming the line,
  // where a BEGIN has no END of its own label, the base64 is broken, or a block is empty; the
  // reader is then at its end.
  [[nodiscard]] Result<std::optional<PemBlock>> Next();

  // LineOf is the number of the line, from 1, that holds the byte at `offset`. Linear in `offset`.
  [[nodiscard]] std::size_t LineOf(std::size_t offset) const noexcept;

 private:
  [[nodiscard]] Error Fail(std::size_t offset, std::string what);
  [[nodiscard]] Result<std::size_t> SkipHeaders(std::size_t begin, std::size_t end,
                                                PemBlock& block);
  [[nodiscard]] Result<std::size_t> Decode(std::size_t begin, std::size_t end);
  void Reserve(std::size_t size);
  void Wipe() noexcept;

  std::string_view text_;
  std::size_t position_ = 0;
  Bytes buffer_;
  std::size_t dirty_ = 0;  // bytes of buffer_ that hold a private key
};

}  // namespace cotter::formats
