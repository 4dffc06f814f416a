// SPDX-License-Identifier: Apache-2.0
//
// What watch knows, on disk: one SQLite database in a folder of its own, written by one connection
// of one process, so that a restart neither forgets a key nor tells an alert twice. Memory is what
// decides; the database follows it. Where it cannot be written watch goes on, says so, and writes
// everything once it can again. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "watch/alert_book.h"
#include "watch/facts.h"
#include "watch/memory.h"
#include "watch/outbox.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::watch {

// StoredEntry is a notification that waits for a sink.
struct StoredEntry {
  std::string sink;
  OutboxEntry entry;
};

// Stored is everything that the database holds.
struct Stored {
  std::vector<std::pair<std::string, ServerMemory>> servers;
  std::vector<Notification> alerts;                              // that were firing
  std::vector<StoredEntry> outbox;                               // in order
  std::vector<std::pair<std::string, std::uint64_t>> sequences;  // of vantage points
  Time written;  // when something was last written; 0: never
};

class Database;

class State {
 public:
  // Open takes the folder, which is made with mode 0700, for this process alone, and reads what is
  // there. A database that is no database is put aside under another name; trouble() says so. Fails
  // with kStateUnusable where another process has the folder, or the folder cannot be used at all.
  [[nodiscard]] static Result<std::unique_ptr<State>> Open(const std::string& folder, Time now);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  // Load is what was stored, handed over once.
  [[nodiscard]] Stored Load() { return std::move(stored_); }

  // Each notes a change; Commit writes what was noted, all of it or nothing. What cannot be written
  // stays noted.
  void PutServer(const std::string& target, const ServerMemory& memory);
  void DropServer(const std::string& target);
  void PutAlert(const Notification& firing);
  void DropAlert(const std::string& key);
  void PutEntry(const std::string& sink, const OutboxEntry& entry);
  void DropEntry(std::int64_t id);
  void PutSequence(const std::string& vantage, std::uint64_t sequence);

  // Commit makes what was noted durable. Fails with kStateUnusable.
  Result<void> Commit(Time now);

  // trouble is why the database is not, or was not, as it should be; empty where all is well.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

  // is_writable reports that the last Commit succeeded.
  [[nodiscard]] bool is_writable() const noexcept { return writable_; }

  // TakeRewrite reports, once, that the database was begun anew: everything has to be put again.
  [[nodiscard]] bool TakeRewrite() noexcept { return std::exchange(rewrite_, false); }

  // waiting is how many changes are noted and not written.
  [[nodiscard]] std::size_t waiting() const noexcept { return changes_.size(); }

 private:
  using Apply = std::function<bool(Database&)>;

  State(std::string folder, int lock);
  Result<void> OpenDatabase(Time now);
  [[nodiscard]] bool Read();
  [[nodiscard]] bool WriteAll(Time now);
  void SetAside(Time now);

  std::string folder_;
  int lock_;
  std::unique_ptr<Database> database_;
  Stored stored_;
  // The latest change of each thing, by its name, so that what waits is bounded by what there is.
  std::map<std::string, Apply> changes_;
  std::string trouble_;
  bool writable_ = false;
  bool rewrite_ = false;
};

}  // namespace cotter::watch
