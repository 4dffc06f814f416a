// SPDX-License-Identifier: Apache-2.0
//
// SQLite, as much of it as the state needs: statements that are prepared once, bound values, rows.
// The one connection writes and checkpoints, with every commit on disk before it returns. For the
// files of this room; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

struct sqlite3;
struct sqlite3_stmt;

namespace cotter::watch {

// SqlValue is a number, a text, or NULL.
using SqlValue = std::optional<std::variant<std::int64_t, std::string>>;

[[nodiscard]] inline SqlValue SqlNumber(std::optional<std::int64_t> number) {
  if (!number) return std::nullopt;
  return SqlValue(*number);
}

// SqlRow is one row of an answer, while its function runs.
class SqlRow {
 public:
  explicit SqlRow(sqlite3_stmt* statement) : statement_(statement) {}
  [[nodiscard]] std::optional<std::int64_t> Integer(int column) const;  // nullopt: NULL
  [[nodiscard]] std::string Text(int column) const;                     // empty: NULL

 private:
  sqlite3_stmt* statement_;
};

class Database {
 public:
  // Open opens or makes the file, mode 0600. Null where there is no memory or no permission.
  [[nodiscard]] static std::unique_ptr<Database> Open(const std::string& path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Check looks whether the file is a sound database, and is the version of its schema, 0 for a new
  // one; nullopt where it is not.
  [[nodiscard]] std::optional<std::int64_t> Check();

  // Each of these is false where SQLite failed; error() and is_damaged() say how.
  [[nodiscard]] bool Script(const char* sql);
  [[nodiscard]] bool Run(const char* sql, std::initializer_list<SqlValue> values);
  [[nodiscard]] bool Each(const char* sql, const std::function<void(const SqlRow&)>& row);

  // Rollback ends a transaction that failed, if there is one.
  void Rollback();

  [[nodiscard]] const std::string& error() const noexcept { return error_; }

  // is_damaged reports that the file itself is broken, or no database.
  [[nodiscard]] bool is_damaged() const noexcept { return damaged_; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3_stmt* Prepare(const char* sql);
  bool Fail(int result);

  sqlite3* handle_;
  std::map<const char*, sqlite3_stmt*> statements_;  // by the address of a literal
  std::string error_;
  bool damaged_ = false;
};

}  // namespace cotter::watch
