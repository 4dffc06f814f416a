// SPDX-License-Identifier: Apache-2.0
//
// The policy as watch needs it: the compiled form that decides, and the model with the words that
// people attached. Immutable; shared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/target.h"
#include <cotter/pin.h>
#include <cotter/policy.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::watch {

// RuleView is what the policy says of one server.
struct RuleView {
  const HostRule* rule = nullptr;  // null where none applies; borrows from the policy
  std::vector<Digest> pins;        // SPKI pins that can match, each once
  std::vector<Digest> lasting;     // of those, the ones that are not being retired
  std::vector<Digest> reserves;    // and the backups and the next keys
  std::optional<Time> expires;     // the earlier of the rule's and the policy's

  // pins_anything reports that the rule takes part in decisions and has pins.
  [[nodiscard]] bool pins_anything() const noexcept { return rule != nullptr && !pins.empty(); }
};

class PolicyView {
 public:
  // `model` is the policy that `index` was made of.
  PolicyView(std::shared_ptr<const PolicyIndex> index, Policy model)
      : index_(std::move(index)), model_(std::move(model)) {}

  // Load reads the policy at `path` for `environment` (empty: any). Fails as the policy's reader
  // and PolicyIndex::Build do, and with kWrongEnvironment.
  [[nodiscard]] static Result<std::shared_ptr<const PolicyView>> Load(
      const std::string& path, const std::string& environment);

  [[nodiscard]] RuleView RuleOf(const net::Target& target) const;

  [[nodiscard]] const std::shared_ptr<const PolicyIndex>& index() const noexcept { return index_; }
  [[nodiscard]] std::uint64_t version() const noexcept { return index_->version(); }

 private:
  std::shared_ptr<const PolicyIndex> index_;
  Policy model_;
};

}  // namespace cotter::watch
