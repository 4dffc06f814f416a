// SPDX-License-Identifier: Apache-2.0
//
// Memory for bytes on their way. A connection holds a block only while something is in it, so that
// thousands of idle ones cost next to nothing; blocks are kept for the next who needs one. For the
// loop's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <cotter/bytes.h>

namespace cotter::gateway {

// A head at its limit, or two full TLS records, fit.
inline constexpr std::size_t kBlockSize = 32'768;

using Block = std::array<std::uint8_t, kBlockSize>;

// BlockPool keeps blocks that nobody uses.
class BlockPool {
 public:
  [[nodiscard]] std::unique_ptr<Block> Take() {
    // The bytes are written before they are read, so they need no initial value.
    if (spare_.empty()) return std::make_unique_for_overwrite<Block>();
    std::unique_ptr<Block> block = std::move(spare_.back());
    spare_.pop_back();
    return block;
  }
  void Give(std::unique_ptr<Block> block) {
    constexpr std::size_t kKept = 64;
    if (spare_.size() < kKept) spare_.push_back(std::move(block));
  }

  // Shrink frees what nobody uses.
  void Shrink() noexcept { spare_.clear(); }

 private:
  std::vector<std::unique_ptr<Block>> spare_;
};

// Buffer is bytes that came and have not left. `pool` outlives it.
class Buffer {
 public:
  explicit Buffer(BlockPool& pool) : pool_(&pool) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Release(); }

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] ByteView view() const noexcept {
    return block_ ? ByteView(*block_).subspan(begin_, end_ - begin_) : ByteView{};
  }

  // space is where to put more; empty where the buffer is full. Views stay good.
  [[nodiscard]] std::span<std::uint8_t> space() {
    if (!block_) block_ = pool_->Take();
    if (begin_ == end_) begin_ = end_ = 0;
    return std::span<std::uint8_t>(*block_).subspan(end_);
  }
  void Commit(std::size_t count) noexcept { end_ += count; }
  void Consume(std::size_t count) noexcept { begin_ += count; }

  // Compact moves what is there to the beginning, so that a head can grow to the whole block.
  void Compact() noexcept {
    if (!block_ || begin_ == 0) return;
    std::memmove(block_->data(), block_->data() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }

  // Release gives the block back; what was in it is gone.
  void Release() noexcept {
    if (block_) pool_->Give(std::move(block_));
    begin_ = end_ = 0;
  }

 private:
  BlockPool* pool_;
  std::unique_ptr<Block> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace cotter::gateway
