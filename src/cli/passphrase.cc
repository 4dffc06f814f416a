// SPDX-License-Identifier: Apache-2.0
#include "cli/passphrase.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include "base/descriptor.h"

namespace cotter::cli {
namespace {

// OpenSSL takes no more (PEM_BUFSIZE).
constexpr std::size_t kMaxPassphrase = 1024;

// Echo is off while the object lives.
class WithoutEcho {
 public:
  explicit WithoutEcho(int terminal) : terminal_(terminal) {
    changed_ = tcgetattr(terminal_, &before_) == 0;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = changed_ && tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;
  ~WithoutEcho() {
    if (changed_) tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  [[nodiscard]] bool changed() const noexcept { return changed_; }

 private:
  int terminal_;
  termios before_{};
  bool changed_ = false;
};

Result<Passphrase> ReadLine(int fd, std::string_view from) {
  std::string line;
  line.reserve(kMaxPassphrase);  // so that no copy of it stays behind
  Error problem{Code::kUsage, {}};
  char c = 0;
  while (true) {
    const ssize_t got = read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) problem.message = "the passphrase cannot be read from " + std::string(from);
    if (got <= 0 || c == '\n') break;
    if (line.size() == kMaxPassphrase) {
      problem.message = "the passphrase is longer than 1024 bytes";
      break;
    }
    line += c;
  }
  Passphrase passphrase(std::move(line));
  if (!problem.message.empty()) return problem;
  if (passphrase.text().empty()) {
    return Error{Code::kUsage, "the passphrase from " + std::string(from) + " is empty"};
  }
  return passphrase;
}

Result<Passphrase> Ask(int terminal, std::string_view prompt) {
  const WithoutEcho silent(terminal);
  if (!silent.changed()) return Error{Code::kUsage, "the terminal's echo cannot be switched off"};
  const std::string text = std::string(prompt) + ": ";
  if (write(terminal, text.data(), text.size()) < 0) {
    return Error{Code::kUsage, "the terminal cannot be written to"};
  }
  Result<Passphrase> answer = ReadLine(terminal, "the terminal");
  if (write(terminal, "\n", 1) < 0) {
    return Error{Code::kUsage, "the terminal cannot be written to"};
  }
  return answer;
}

Result<Passphrase> FromCredential(std::string_view name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here sets the environment
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || name.empty() || name.find('/') != std::string_view::npos) {
    return Error{Code::kUsage, "there is no systemd credential " + std::string(name)};
  }
  const std::string path = std::string(folder) + "/" + std::string(name);
  const base::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return Error{Code::kUsage, "there is no systemd credential " + std::string(name)};
  }
  return ReadLine(file.get(), "the credential");
}

}  // namespace

Passphrase::~Passphrase() { OPENSSL_cleanse(text_.data(), text_.capacity()); }

Result<Passphrase> ReadPassphrase(const Arguments& arguments, Purpose purpose,
                                  std::string_view what) {
  if (const auto name = arguments.Value("passphrase-credential")) return FromCredential(*name);
  if (const auto number = arguments.Value("passphrase-fd")) {
    int fd = -1;
    const auto [end, error] = std::from_chars(number->data(), number->data() + number->size(), fd);
    if (error != std::errc() || end != number->data() + number->size() || fd < 0) {
      return Error{Code::kUsage, "--passphrase-fd: expected a number"};
    }
    return ReadLine(fd, "the file descriptor");
  }
  const base::Descriptor terminal(open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (terminal.get() < 0) {
    return Error{Code::kUsage,
                 "there is no terminal to ask for the passphrase on: give it with "
                 "--passphrase-fd or --passphrase-credential"};
  }
  Result<Passphrase> first = Ask(terminal.get(), "Passphrase of " + std::string(what));
  if (!first || purpose == Purpose::kOpen) return first;
  const Result<Passphrase> second = Ask(terminal.get(), "The same again");
  if (!second) return second.error();
  if (first->text() != second->text()) return Error{Code::kUsage, "the passphrases differ"};
  return first;
}

}  // namespace cotter::cli
