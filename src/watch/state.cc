// SPDX-License-Identifier: Apache-2.0
#include "watch/state.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "watch/messages.h"
#include "watch/observation.h"
#include "watch/state_database.h"

namespace cotter::watch {
namespace {

// Forward alone: a later version is left as it is.
constexpr std::int64_t kSchemaVersion = 1;
constexpr const char* kSchema = R"sql(
CREATE TABLE server(target TEXT PRIMARY KEY, key_changes INTEGER NOT NULL, last_look INTEGER,
  last_success INTEGER, change_at INTEGER, change_before TEXT, change_after TEXT,
  facts TEXT) WITHOUT ROWID;
CREATE TABLE seen(target TEXT NOT NULL, kind TEXT NOT NULL, pin TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(target, kind, pin)) WITHOUT ROWID;
CREATE TABLE alert(key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox(id INTEGER PRIMARY KEY, sink TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE vantage(name TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE written(one INTEGER PRIMARY KEY CHECK(one = 1), at INTEGER NOT NULL);
PRAGMA user_version = 1;
)sql";

constexpr std::string_view kFileName = "watch.db";

struct Kind {
  const char* name;
  std::map<Digest, Time> ServerMemory::*member;
};
constexpr Kind kKinds[] = {{"leaf", &ServerMemory::leaf_keys},
                           {"intermediate", &ServerMemory::intermediates},
                           {"unexpected", &ServerMemory::unexpected},
                           {"proof", &ServerMemory::backup_proofs}};

std::optional<std::int64_t> SecondsOf(const std::optional<Time>& time) {
  if (!time) return std::nullopt;
  return time->unix_seconds;
}

std::optional<Time> TimeOf(const std::optional<std::int64_t>& seconds) {
  if (!seconds) return std::nullopt;
  return Time{*seconds};
}

std::string JoinPins(const std::vector<Digest>& pins) {
  std::string text;
  for (const Digest& pin : pins) text += (text.empty() ? "" : " ") + FormatPin(pin);
  return text;
}

std::vector<Digest> SplitPins(std::string_view text) {
  std::vector<Digest> pins;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (const Result<Digest> pin = ParsePin(text.substr(0, space))) pins.push_back(*pin);
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  return pins;
}

bool DeleteServer(Database& database, const std::string& target) {
  return database.Run("DELETE FROM seen WHERE target = ?", {target}) &&
         database.Run("DELETE FROM server WHERE target = ?", {target});
}

bool WriteServer(Database& database, const std::string& target, const ServerMemory& memory) {
  const std::optional<KeyChange>& change = memory.last_change;
  const auto text = [](bool there, std::string value) -> SqlValue {
    if (!there) return std::nullopt;
    return SqlValue(std::move(value));
  };
  bool ok =
      DeleteServer(database, target) &&
      database.Run(
          "INSERT INTO server VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
          {target, static_cast<std::int64_t>(memory.key_changes),
           SqlNumber(SecondsOf(memory.last_look)), SqlNumber(SecondsOf(memory.last_success)),
           SqlNumber(change ? std::optional(change->at.unix_seconds) : std::nullopt),
           text(change.has_value(), change ? JoinPins(change->before) : ""),
           text(change.has_value(), change ? FormatPin(change->after) : ""),
           text(memory.facts.has_value(), memory.facts ? FormatReports({&*memory.facts, 1}) : "")});
  for (const Kind& kind : kKinds) {
    for (const auto& [pin, at] : memory.*kind.member) {
      ok = ok && database.Run("INSERT INTO seen VALUES(?, ?, ?, ?)",
                              {target, std::string(kind.name), FormatPin(pin), at.unix_seconds});
    }
  }
  return ok;
}

bool ReadServers(Database& database, Stored& stored) {
  std::map<std::string, ServerMemory> servers;
  bool ok = database.Each("SELECT * FROM server", [&](const SqlRow& row) {
    ServerMemory memory;
    memory.key_changes = static_cast<std::uint64_t>(row.Integer(1).value_or(0));
    memory.last_look = TimeOf(row.Integer(2));
    memory.last_success = TimeOf(row.Integer(3));
    const Result<Digest> after = ParsePin(row.Text(6));
    if (row.Integer(4) && after) {
      memory.last_change =
          KeyChange{.at = Time{*row.Integer(4)}, .before = SplitPins(row.Text(5)), .after = *after};
    }
    // Facts that an older version wrote in another way are found again at the next look.
    if (Result<std::vector<ServerFacts>> facts = ParseReports(row.Text(7));
        facts && facts->size() == 1) {
      memory.facts = std::move(facts->front());
    }
    servers[row.Text(0)] = std::move(memory);
  });
  ok = ok && database.Each("SELECT target, kind, pin, at FROM seen", [&](const SqlRow& row) {
    const auto server = servers.find(row.Text(0));
    const Result<Digest> pin = ParsePin(row.Text(2));
    if (server == servers.end() || !pin) return;
    for (const Kind& kind : kKinds) {
      if (row.Text(1) != kind.name) continue;
      (server->second.*kind.member)[*pin] = Time{row.Integer(3).value_or(0)};
    }
  });
  for (auto& server : servers) stored.servers.emplace_back(server.first, std::move(server.second));
  return ok;
}

bool ReadAlerts(Database& database, Stored& stored) {
  bool ok = database.Each("SELECT body FROM alert", [&](const SqlRow& row) {
    if (auto alert = ParseNotification(row.Text(0))) stored.alerts.push_back(*std::move(alert));
  });
  ok = ok && database.Each("SELECT id, sink, body FROM outbox ORDER BY id", [&](const SqlRow& row) {
    if (auto alert = ParseNotification(row.Text(2))) {
      stored.outbox.push_back({row.Text(1), {row.Integer(0).value_or(0), *std::move(alert)}});
    }
  });
  ok = ok && database.Each("SELECT name, sequence FROM vantage", [&](const SqlRow& row) {
    stored.sequences.emplace_back(row.Text(0),
                                  static_cast<std::uint64_t>(row.Integer(1).value_or(0)));
  });
  return ok && database.Each("SELECT at FROM written", [&](const SqlRow& row) {
    stored.written = Time{row.Integer(0).value_or(0)};
  });
}

}  // namespace

State::State(std::string folder, int lock) : folder_(std::move(folder)), lock_(lock) {}

State::~State() {
  database_.reset();
  close(lock_);
}

Result<std::unique_ptr<State>> State::Open(const std::string& folder, Time now) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return Error{Code::kStateUnusable, folder + ": " + failure.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failure);
  const std::string lock_file = folder + "/lock";
  const int lock = open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return Error{Code::kStateUnusable, lock_file + ": " + std::strerror(errno)};
  std::unique_ptr<State> state(new State(folder, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Error{Code::kStateUnusable, folder + ": another process keeps its state there"};
  }
  if (Result<void> opened = state->OpenDatabase(now); !opened) {
    state->trouble_ = opened.error().message;
  }
  return state;
}

Result<void> State::OpenDatabase(Time now) {
  const std::string path = folder_ + "/" + std::string(kFileName);
  for (int attempt = 0; attempt < 2; ++attempt) {
    database_ = Database::Open(path);
    if (!database_) return Error{Code::kStateUnusable, path + ": cannot be opened"};
    const std::optional<std::int64_t> version = database_->Check();
    if (version && *version > kSchemaVersion) {
      database_.reset();
      return Error{Code::kStateUnusable, path + ": a later version of cotter wrote it"};
    }
    if (version && *version == kSchemaVersion && Read()) {
      writable_ = true;
      return Ok();
    }
    if (version && *version == 0 && database_->Script(kSchema)) {
      writable_ = true;
      return Ok();
    }
    const std::string why = database_->error();
    if (!database_->is_damaged()) {
      database_.reset();
      return Error{Code::kStateUnusable, path + ": " + why};
    }
    SetAside(now);
    trouble_ = path + " was damaged (" + why + "), is kept aside, and was begun anew";
    rewrite_ = true;
  }
  return Error{Code::kStateUnusable, path + ": cannot be begun anew"};
}

bool State::Read() {
  Stored stored;
  if (!ReadServers(*database_, stored) || !ReadAlerts(*database_, stored)) return false;
  stored_ = std::move(stored);
  return true;
}

// SetAside keeps a damaged database for people to look at.
void State::SetAside(Time now) {
  database_.reset();
  const std::string path = folder_ + "/" + std::string(kFileName);
  const std::string aside = path + ".damaged-" + std::to_string(now.unix_seconds);
  for (const char* const ending : {"", "-wal", "-shm"}) {
    std::error_code ignored;  // not every one is there
    std::filesystem::rename(path + ending, aside + ending, ignored);
  }
}

void State::PutServer(const std::string& target, const ServerMemory& memory) {
  changes_["server/" + target] = [target, memory](Database& database) {
    return WriteServer(database, target, memory);
  };
}

void State::DropServer(const std::string& target) {
  changes_["server/" + target] = [target](Database& database) {
    return DeleteServer(database, target);
  };
}

void State::PutAlert(const Notification& firing) {
  changes_["alert/" + firing.Key()] = [key = firing.Key(),
                                       body = GenericJson(firing)](Database& database) {
    return database.Run("INSERT OR REPLACE INTO alert VALUES(?, ?)", {key, body});
  };
}

void State::DropAlert(const std::string& key) {
  changes_["alert/" + key] = [key](Database& database) {
    return database.Run("DELETE FROM alert WHERE key = ?", {key});
  };
}

void State::PutEntry(const std::string& sink, const OutboxEntry& entry) {
  changes_["entry/" + std::to_string(entry.id)] =
      [sink, id = entry.id, body = GenericJson(entry.notification)](Database& database) {
        return database.Run("INSERT OR REPLACE INTO outbox VALUES(?, ?, ?)", {id, sink, body});
      };
}

void State::DropEntry(std::int64_t id) {
  changes_["entry/" + std::to_string(id)] = [id](Database& database) {
    return database.Run("DELETE FROM outbox WHERE id = ?", {id});
  };
}

void State::PutSequence(const std::string& vantage, std::uint64_t sequence) {
  changes_["vantage/" + vantage] = [vantage, sequence](Database& database) {
    return database.Run("INSERT OR REPLACE INTO vantage VALUES(?, ?)",
                        {vantage, static_cast<std::int64_t>(sequence)});
  };
}

bool State::WriteAll(Time now) {
  if (!database_->Script("BEGIN IMMEDIATE")) return false;
  for (const auto& [name, apply] : changes_) {
    if (!apply(*database_)) return false;
  }
  return database_->Run("INSERT OR REPLACE INTO written VALUES(1, ?)", {now.unix_seconds}) &&
         database_->Script("COMMIT");
}

Result<void> State::Commit(Time now) {
  if (!database_) {
    const Result<void> opened = OpenDatabase(now);
    if (!opened) {
      writable_ = false;
      trouble_ = opened.error().message;
      return opened;
    }
    // What is there now is older than what is in memory.
    rewrite_ = true;
    stored_ = {};
  }
  if (changes_.empty()) return Ok();
  if (WriteAll(now)) {
    changes_.clear();
    writable_ = true;
    trouble_.clear();
    return Ok();
  }
  const std::string why = database_->error();
  const bool is_damaged = database_->is_damaged();
  database_->Rollback();
  if (is_damaged) {
    SetAside(now);
    if (OpenDatabase(now)) rewrite_ = true;
  }
  writable_ = false;
  trouble_ = folder_ + "/" + std::string(kFileName) + ": " + why;
  return Error{Code::kStateUnusable, trouble_};
}

}  // namespace cotter::watch
