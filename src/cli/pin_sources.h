// SPDX-License-Identifier: Apache-2.0
//
// Where `cotter pins` takes pins from: a file or a server. Whatever cannot be read whole gives an
// error and no pin. Used by one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/connect_options.h"
#include "cli/pin_list.h"
#include "tls/trust_store.h"

namespace cotter::cli {

// Whether the presented chain of a server that does not verify is shown.
enum class UnverifiedChains { kRefused, kInsecureShow };

// NamesFile decides what a TARGET is: a file if it is "-", holds a '/', names something that exists
// here and is no directory, or ends as files of certificates and keys do (".pem", ".crt", ".cer",
// ".der", ".p7b", ".p7c", ".csr", ".key"); a server otherwise.
[[nodiscard]] bool NamesFile(const std::string& target);

// PinsOfFile reads the file, or standard input for "-": one list for each run of items of one kind.
[[nodiscard]] std::vector<PinList> PinsOfFile(const std::string& path, PinForm form);

// PinsOfServer looks at the server `target`: the certificates of every verified path, each once,
// leaf first. With `unverified` they may be those of a presented chain, and the list then has an
// error as well as pins.
[[nodiscard]] PinList PinsOfServer(std::string_view target, const ConnectionOptions& options,
                                   std::shared_ptr<const tls::TrustStore> trust,
                                   UnverifiedChains unverified, PinForm form);

}  // namespace cotter::cli
