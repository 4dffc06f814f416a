// SPDX-License-Identifier: Apache-2.0
//
// Recorder keeps a server's record and wakes those who wait for it to change. Safe from any
// thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>

#include "lab/server.h"

namespace cotter::lab {

class Recorder {
 public:
  // Open counts a new connection and returns its number, from 0.
  [[nodiscard]] std::size_t Open() {
    const std::lock_guard lock(mutex_);
    const std::size_t number = record_.connections++;
    if (number < kMaxConnectionRecords) record_.details.emplace_back();
    changed_.notify_all();
    return number;
  }

  // Note lets `change` alter the record of connection `number` and the totals. The details of a
  // connection beyond kMaxConnectionRecords are dropped, its totals are not.
  template <typename Change>
  void Note(std::size_t number, Change change) {
    const std::lock_guard lock(mutex_);
    ConnectionRecord dropped;
    change(number < record_.details.size() ? record_.details[number] : dropped, record_);
    changed_.notify_all();
  }

  // Close notes that connection `number` is over.
  void Close(std::size_t number) {
    Note(number, [](ConnectionRecord& record, ServerRecord& all) {
      record.closed = true;
      ++all.closed;
    });
  }

  [[nodiscard]] ServerRecord Copy() const {
    const std::lock_guard lock(mutex_);
    return record_;
  }

  // WaitFor is Server::WaitFor.
  [[nodiscard]] bool WaitFor(const std::function<bool(const ServerRecord&)>& holds,
                             std::chrono::milliseconds patience) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return holds(record_); });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  ServerRecord record_;
};

}  // namespace cotter::lab
