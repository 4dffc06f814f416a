// SPDX-License-Identifier: Apache-2.0
#include "watch/state_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace cotter::watch {
namespace {

// Somebody who reads the database with another program is waited for this long; then memory goes on
// alone until the next commit.
constexpr int kBusyMilliseconds = 250;

}  // namespace

std::optional<std::int64_t> SqlRow::Integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_int64(statement_, column);
}

std::string SqlRow::Text(int column) const {
  const unsigned char* const text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return {};
  const int size = sqlite3_column_bytes(statement_, column);
  return {text, text + size};
}

std::unique_ptr<Database> Database::Open(const std::string& path) {
  // SQLite would make it with the permissions of the umask.
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return nullptr;
  close(file);
  sqlite3* handle = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (result != SQLITE_OK) return nullptr;
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

bool Database::Fail(int result) {
  error_ = sqlite3_errmsg(handle_);
  constexpr int kPrimary = 0xFF;
  const int primary = result & kPrimary;
  damaged_ = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  return false;
}

std::optional<std::int64_t> Database::Check() {
  // An alert that was told must not be forgotten when the power goes: NORMAL would.
  if (!Script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")) {
    return std::nullopt;
  }
  std::string verdict;
  if (!Each("PRAGMA quick_check(1)", [&](const SqlRow& row) { verdict = row.Text(0); })) {
    return std::nullopt;
  }
  if (verdict != "ok") {
    error_ = verdict;
    damaged_ = true;
    return std::nullopt;
  }
  std::optional<std::int64_t> version;
  if (!Each("PRAGMA user_version", [&](const SqlRow& row) { version = row.Integer(0); })) {
    return std::nullopt;
  }
  return version;
}

bool Database::Script(const char* sql) {
  const int result = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK || Fail(result);
}

sqlite3_stmt* Database::Prepare(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr);
  if (result != SQLITE_OK) {
    Fail(result);
    return nullptr;
  }
  statements_[sql] = statement;
  return statement;
}

bool Database::Run(const char* sql, std::initializer_list<SqlValue> values) {
  sqlite3_stmt* const statement = Prepare(sql);
  if (statement == nullptr) return false;
  int column = 0;
  int result = SQLITE_OK;
  for (const SqlValue& value : values) {
    ++column;
    if (result != SQLITE_OK) break;
    if (!value) {
      result = sqlite3_bind_null(statement, column);
    } else if (const auto* const number = std::get_if<std::int64_t>(&*value)) {
      result = sqlite3_bind_int64(statement, column, *number);
    } else {
      const auto& text = std::get<std::string>(*value);
      // The values outlive the step.
      result = sqlite3_bind_text64(statement, column, text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
    }
  }
  if (result == SQLITE_OK) result = sqlite3_step(statement);
  const bool done = result == SQLITE_DONE || result == SQLITE_ROW;
  if (!done) Fail(result);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return done;
}

bool Database::Each(const char* sql, const std::function<void(const SqlRow&)>& row) {
  sqlite3_stmt* const statement = Prepare(sql);
  if (statement == nullptr) return false;
  int result = sqlite3_step(statement);
  for (; result == SQLITE_ROW; result = sqlite3_step(statement)) row(SqlRow(statement));
  if (result != SQLITE_DONE) Fail(result);
  sqlite3_reset(statement);
  return result == SQLITE_DONE;
}

void Database::Rollback() {
  if (sqlite3_get_autocommit(handle_) == 0) {
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

}  // namespace cotter::watch
