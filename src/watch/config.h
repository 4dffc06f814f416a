// SPDX-License-Identifier: Apache-2.0
//
// The configuration of `cotter watch`, TOML: which servers, how often, who reports, who is told.
// docs/watch.md is its reference. Reading is strict: a key that is not known is an error that names
// the line. Values, safe from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/async/listener.h"
#include "net/starttls.h"
#include "net/target.h"
#include <cotter/code.h>
#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/result.h>
#include <cotter/time.h>
#include <cotter/trust.h>

namespace cotter::watch {

// How much an alert matters: a ticket, or somebody is woken.
enum class Severity : std::uint8_t { kWarning, kCritical };

// NameOf is "warning" or "critical". Static storage.
[[nodiscard]] std::string_view NameOf(Severity severity) noexcept;

// GroupConfig is servers that are watched in one way.
struct GroupConfig {
  std::string name;
  std::vector<net::Target> hosts;
  std::vector<net::Target> standby;    // endpoints that hold the backup keys of these hosts
  std::vector<std::string> addresses;  // where the hosts are; empty: by their names
  net::Starttls starttls = net::Starttls::kNone;
  std::chrono::seconds interval{60};
  std::int64_t jitter_percent = 10;  // of the interval, at random, each time
  std::string region;
  std::string vendor;
  std::string owner;
  std::vector<Digest> intermediates;  // that chains may go through; empty: those first seen
  bool other_keys = true;             // ask for RSA and for ECDSA
};

// RotationConfig is a time in which the leaf keys of some hosts may change.
struct RotationConfig {
  std::string name;
  std::vector<HostPattern> hosts;
  std::vector<std::string> groups;
  std::vector<std::string> regions;
  std::vector<std::string> vendors;
  Time from;
  Time until;
};

// RuleConfig changes one of the rules that ship.
struct RuleConfig {
  bool enabled = true;
  std::optional<std::chrono::seconds> hold;  // how long it must be so before somebody is told
  std::optional<Severity> severity;
};

enum class SinkKind : std::uint8_t {
  kAlertmanager,
  kWebhook,
  kSlack,
  kPagerDuty,
  kEmail,
  kCommand,
  kFile,
};

// NameOf is the word of the configuration. Static storage.
[[nodiscard]] std::string_view NameOf(SinkKind kind) noexcept;

// SinkConfig is somebody who is told.
struct SinkConfig {
  std::string name;
  SinkKind kind = SinkKind::kFile;
  std::string url;                   // a secret of many services; smtp:// or smtps:// for mail
  std::string secret;                // signs a webhook, or PagerDuty's routing key
  std::string user;                  // of mail
  std::string password;              // likewise
  std::string from;                  // likewise
  std::vector<std::string> to;       // likewise
  bool insecure_cleartext = false;   // the URL may be without TLS, to other machines too
  std::vector<std::string> command;  // the program and its arguments
  std::string path;                  // of a file
  std::chrono::seconds timeout{30};
  Severity at_least = Severity::kWarning;
  bool recoveries = true;
  std::vector<std::string> groups;  // that it is told of; empty: all
};

// VantageConfig is an agent whose reports are taken.
struct VantageConfig {
  std::string name;
  std::string key_file;               // its public key, PEM
  std::chrono::seconds interval{60};  // silent for three of these is stale
};

// ProbeConfig is how looks are made.
struct ProbeConfig {
  std::chrono::seconds timeout{10};  // each phase of a look
  std::size_t connections = 512;     // at once
  std::size_t per_address_per_second = 20;
  std::size_t per_network_per_second = 200;
  std::string name_servers;  // empty: the system's

  // IsOneEngine reports that the same engine serves both: all but the time-out is the engine's own.
  [[nodiscard]] bool IsOneEngine(const ProbeConfig& other) const noexcept {
    return connections == other.connections &&
           per_address_per_second == other.per_address_per_second &&
           per_network_per_second == other.per_network_per_second &&
           name_servers == other.name_servers;
  }
};

// AgentConfig is for `cotter watch --agent`.
struct AgentConfig {
  std::string collector;  // a URL
  std::string key_file;   // the private key, PEM
  bool insecure_cleartext = false;
};

// DeliveryConfig is how sinks and collectors are connected to.
struct DeliveryConfig {
  std::string policy;  // their pins; empty: PKI alone
  tls::TrustOptions trust;
};

// WatchConfig is the file.
struct WatchConfig {
  std::string policy;       // a path
  std::string environment;  // that the policy must be for; empty is any
  std::string state;        // a folder
  std::string vantage = "local";
  std::int64_t backup_proof_days = 90;
  tls::TrustOptions trust;
  ProbeConfig probe;
  std::optional<net::ListenAddress> admin;
  bool insecure_probe_any = false;  // /probe takes targets that are not configured
  std::optional<net::ListenAddress> collector;
  std::optional<AgentConfig> agent;
  DeliveryConfig delivery;
  std::vector<GroupConfig> groups;
  std::vector<RotationConfig> rotations;
  std::map<Code, RuleConfig> rules;
  std::vector<SinkConfig> sinks;
  std::vector<VantageConfig> vantages;
};

// Whom alerts about watch itself are about; nothing else has this name.
inline constexpr std::string_view kOwnSubject = "watch";

// The file names hosts, or files of hosts; ten times what one machine can look at in a minute.
inline constexpr std::size_t kMaxConfigSize = std::size_t{16} << 20;
inline constexpr std::size_t kMaxTargets = 100'000;
inline constexpr std::size_t kMaxGroups = 10'000;
inline constexpr std::size_t kMaxSinks = 64;
inline constexpr std::size_t kMaxVantages = 64;

// FileReader gives the content of a file that a configuration names. Tests and the fuzzer have
// their own.
using FileReader = Result<std::string> (*)(const std::string& path, std::size_t limit);

// ReadConfig reads the text of a configuration. `file` is its name in errors, and what paths in it
// are relative to; host lists and secrets are read through `read`. Fails with kPolicySyntax,
// kPolicyUnknownKey, kPolicyInvalid or kFileUnreadable; the message begins "file:line:column: ".
[[nodiscard]] Result<WatchConfig> ReadConfig(std::string_view text, const std::string& file,
                                             FileReader read);

// LoadConfig reads the file. Fails as base::ReadFile does, too.
[[nodiscard]] Result<WatchConfig> LoadConfig(const std::string& file);

}  // namespace cotter::watch
