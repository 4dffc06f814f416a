// SPDX-License-Identifier: Apache-2.0
//
// Passphrases of private keys: from a file descriptor, from a systemd credential, or asked for on
// the terminal. Never from the command line or the environment, which other processes can read.
// For one thread.
#pragma once

#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/option.h"
#include <cotter/result.h>

namespace cotter::cli {

// Passphrase is wiped from memory when it goes.
class Passphrase {
 public:
  explicit Passphrase(std::string text) : text_(std::move(text)) {}
  Passphrase(Passphrase&& other) noexcept : text_(std::move(other.text_)) {}
  Passphrase& operator=(Passphrase&&) = delete;
  ~Passphrase();

  [[nodiscard]] std::string_view text() const noexcept COTTER_LIFETIME_BOUND { return text_; }

 private:
  std::string text_;
};

// What a passphrase is asked for.
enum class Purpose {
  kOpen,  // asked once
  kMake,  // asked twice, and both have to be the same
};

// ReadPassphrase takes it from where the options of kPassphraseOptions say, up to the first line
// break, or asks on the terminal for that of `what`. kUsage where there is neither, or both differ.
[[nodiscard]] Result<Passphrase> ReadPassphrase(const Arguments& arguments, Purpose purpose,
                                                std::string_view what);

inline constexpr Option kPassphraseOptions[] = {
    {.name = "passphrase-fd", .arg = "N", .help = "read it from this file descriptor"},
    {.name = "passphrase-credential",
     .arg = "NAME",
     .help = "read it from the systemd credential NAME (LoadCredential=)"}};

inline constexpr OptionGroup kPassphraseGroup{.title = "Passphrase (asked for otherwise)",
                                              .options = kPassphraseOptions};

}  // namespace cotter::cli
