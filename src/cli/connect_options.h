// SPDX-License-Identifier: Apache-2.0
//
// The options of every command that connects, declared once, and the values that they parse into.
// Parsing is strict: what is not understood is an error, never a guess. Values, safe from any
// thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/option.h"
#include "net/connect.h"
#include "net/target.h"
#include <cotter/host.h>
#include <cotter/result.h>
#include <cotter/trust.h>

namespace cotter::cli {

// kStarttlsNames is the protocols that --starttls takes.
inline constexpr std::string_view kStarttlsNames[] = {"smtp", "imap",     "pop3",  "ftp",
                                                      "xmpp", "postgres", "mysql", "ldap"};

// Options that commands with a choice of their own of these take one by one.
inline constexpr Option kCacertOption{.name = "cacert",
                                      .arg = "FILE",
                                      .help = "trust the certificates in FILE too",
                                      .repeat = Repeat::kMany,
                                      .complete = Complete::kFile};
inline constexpr Option kNoSystemRootsOption{.name = "no-system-roots",
                                             .help = "do not trust the roots of this machine"};
inline constexpr Option kInsecureShowOption{
    .name = "insecure-show",
    .help =
        "show the presented chain of a server that does not verify, marked unverified; the "
        "exit code is 1"};

// kConnectOptions is the options of every command that connects.
inline constexpr Option kConnectOptions[] = {
    {.name = "connect-to",
     .arg = "HOST1:PORT1:HOST2:PORT2",
     .help = "connect to HOST2:PORT2 where HOST1:PORT1 is asked for, as curl does; ADDR:PORT alone "
             "is for every target",
     .repeat = Repeat::kMany,
     .complete = Complete::kHost},
    {.name = "resolve",
     .arg = "HOST:PORT:ADDR",
     .help = "use ADDR (several with commas) as the addresses of HOST, as curl does; '*' is every "
             "host",
     .repeat = Repeat::kMany,
     .complete = Complete::kHost},
    {.name = "sni",
     .arg = "NAME",
     .help = "send NAME as server name; the certificate is still checked for the target's name",
     .complete = Complete::kHost},
    kCacertOption,
    kNoSystemRootsOption,
    {.name = "timeout",
     .arg = "SECONDS",
     .help = "give up on a connection after SECONDS, fractions allowed (default 10)"},
    {.name = "starttls",
     .arg = "PROTOCOL",
     .help = "start in clear and turn to TLS as PROTOCOL does",
     .choices = kStarttlsNames},
    {.name = "ipv4", .letter = '4', .help = "ask IPv4 addresses only"},
    {.name = "ipv6", .letter = '6', .help = "ask IPv6 addresses only"},
    {.name = "proxy",
     .arg = "http://[USER:PASSWORD@]HOST:PORT",
     .help = "tunnel through this HTTP proxy; no environment variable is read",
     .complete = Complete::kHost},
};

// kConnectGroup is the group to put into Command::groups.
inline constexpr OptionGroup kConnectGroup{"Connection options", kConnectOptions};

// ConnectionOptions is all of them.
struct ConnectionOptions {
  net::ConnectOptions connect;
  tls::TrustOptions trust;
  std::optional<HostName> sni;  // nullopt: the target's own name
  std::chrono::milliseconds timeout{10'000};
};

// ParseConnectionOptions reads the group's options from `arguments`. Fails with the code of what is
// wrong in a value (kHostInvalid, kPortInvalid) or kUsage; the message names the option, and never
// holds a password.
[[nodiscard]] Result<ConnectionOptions> ParseConnectionOptions(const Arguments& arguments);

// ParseConnectTo reads one --connect-to, "ADDR:PORT" or curl's four fields, and is the four fields:
// what libcurl takes, which leaves out in silence what it does not understand. Fails with kUsage.
[[nodiscard]] Result<std::string> ParseConnectTo(std::string_view text);

// ParseTarget reads a server as the command line names it: net::ParseTarget with the port where
// the chosen protocol is usually spoken, and with international names.
[[nodiscard]] Result<net::Target> ParseTarget(std::string_view text,
                                              const ConnectionOptions& options);

// ParseSeconds reads a positive decimal number of seconds, at most a day, with at most three
// digits after the point ("2.5"). Fails with kUsage.
[[nodiscard]] Result<std::chrono::milliseconds> ParseSeconds(std::string_view text);

}  // namespace cotter::cli
