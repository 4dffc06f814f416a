// SPDX-License-Identifier: Apache-2.0
#include "watch/policy_view.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "policy/policy_file.h"

namespace cotter::watch {

Result<std::shared_ptr<const PolicyView>> PolicyView::Load(const std::string& path,
                                                           const std::string& environment) {
  const Result<base::FileImage> image = base::ReadFile(path, policy::kMaxPolicyFileSize);
  if (!image) return image.error();
  Result<Policy> model = policy::ReadPolicy(AsText(image->bytes()), path);
  if (!model) return model.error();
  if (!environment.empty()) {
    if (Result<void> fits = policy::RequireEnvironment(*model, environment); !fits) {
      return fits.error();
    }
  }
  Result<PolicyIndex> index = PolicyIndex::Build(*model);
  if (!index) return Error{index.error().code, path + ": " + index.error().message};
  return std::make_shared<const PolicyView>(std::make_shared<const PolicyIndex>(*std::move(index)),
                                            *std::move(model));
}

RuleView PolicyView::RuleOf(const net::Target& target) const {
  const Lookup found = index_->Find(target.host, target.port);
  if (found.kind != Lookup::Kind::kRule || found.rule.source() >= model_.hosts.size()) return {};
  RuleView view;
  view.rule = &model_.hosts[found.rule.source()];
  view.expires = found.rule.expires();
  if (view.rule->mode == Mode::kOff) return view;
  const auto add = [](std::vector<Digest>& list, const Digest& digest) {
    if (std::find(list.begin(), list.end(), digest) == list.end()) list.push_back(digest);
  };
  for (const PolicyPin& entry : view.rule->pins) {
    const Pin& pin = entry.pin;
    if (pin.kind != PinKind::kSpki || pin.use == PinUse::kRevoked ||
        index_->IsRevoked(pin.digest)) {
      continue;
    }
    add(view.pins, pin.digest);
    if (pin.use != PinUse::kRetiring) add(view.lasting, pin.digest);
    if (pin.use == PinUse::kBackup || pin.use == PinUse::kNext) add(view.reserves, pin.digest);
  }
  return view;
}

}  // namespace cotter::watch
