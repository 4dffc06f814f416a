// SPDX-License-Identifier: Apache-2.0
//
// What stands behind the opaque types of <cotter/cotter.h>.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cotter/client.h>
#include <cotter/cotter.h>
#include <cotter/openssl.h>
#include <cotter/policy_file_source.h>
#include <cotter/policy_index.h>
#include <cotter/policy_source.h>
#include <cotter/trust.h>
#include <cotter/update.h>

struct cotter_error {
  std::string code;
  std::string message;
  bool retryable = false;
};

struct cotter_policy {
  std::shared_ptr<const cotter::PolicyIndex> index;
  std::string name;
};

struct cotter_source {
  std::shared_ptr<cotter::PolicySource> source;
  std::shared_ptr<cotter::HeldPolicy> held;              // where the program sets it
  std::shared_ptr<cotter::WatchedPolicy> watched;        // where it follows a file
  std::shared_ptr<cotter::update::RemotePolicy> remote;  // where it follows a repository
  std::shared_ptr<std::atomic<std::uint64_t>> changes;
  std::shared_ptr<void> subscription;  // counts them
};

struct cotter_trust {
  std::shared_ptr<const cotter::tls::TrustStore> store;
};

struct cotter_verdict {
  cotter_outcome outcome = COTTER_OUTCOME_PKI_ERROR;
  bool allowed = false;
  std::string outcome_name;
  std::optional<std::string> code;
  std::string message;
  std::string host;
  std::uint16_t port = 0;
  std::vector<std::string> reasons;
  std::vector<std::string> found;
  std::optional<std::string> matched_pin;
  bool backup_matched = false;
  std::optional<std::string> rule;
  std::string policy_name;
  std::uint64_t policy_version = 0;
  std::string tls_version;
  bool resumed = false;
  std::string peer;
};

struct cotter_enforcer {
  cotter::tls::Enforcer enforcer;
};

struct cotter_client {
  cotter::client::Client client;
};

struct cotter_response {
  cotter::client::Response response;
  cotter_verdict verdict;
};
