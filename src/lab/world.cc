// SPDX-License-Identifier: Apache-2.0
#include "lab/world.h"

#include <utility>

#include "base/clock.h"

namespace cotter::lab {
namespace {

constexpr std::int64_t kDay = std::int64_t{24} * 3600;

// More than there are, so that references to identities stay good while more are added.
constexpr std::size_t kIdentityCapacity = 64;

CertificateOptions ForAuthority(std::string common_name) {
  CertificateOptions options;
  options.common_name = std::move(common_name);
  options.organization = "Cotter Lab";
  return options;
}

CertificateOptions ForLeaf(const WorldOptions& world) {
  CertificateOptions options;
  options.common_name = world.names.empty() ? "leaf" : world.names.front();
  options.organization = "Cotter Lab";
  options.names = world.names;
  return options;
}

Validity DaysFromNow(std::int64_t from, std::int64_t to) {
  const std::int64_t now = base::Now().unix_seconds;
  return {Time{now + from * kDay}, Time{now + to * kDay}};
}

}  // namespace

World World::Make(const WorldOptions& options) {
  World world;
  world.identities_.reserve(kIdentityCapacity);
  world.AddAuthorities();
  world.AddSoundLeaves(options);
  world.AddBrokenLeaves(options);
  world.AddBrokenPaths(options);
  return world;
}

const Identity* World::Find(std::string_view name) const noexcept {
  for (const NamedIdentity& entry : identities_) {
    if (entry.name == name) return &entry.identity;
  }
  return nullptr;
}

const Identity& World::Get(std::string_view name) const noexcept {
  const Identity* identity = Find(name);
  COTTER_CHECK(identity != nullptr);
  return *identity;
}

const Identity& World::Add(std::string name, Identity identity) {
  COTTER_CHECK(identities_.size() < kIdentityCapacity);
  identities_.push_back({std::move(name), std::move(identity)});
  return identities_.back().identity;
}

void World::AddAuthorities() {
  const Identity& root = Add("root", MakeRoot(ForAuthority("Genuine Root")));
  const Identity& other = Add("other-root", MakeRoot(ForAuthority("Other Root")));
  Add("rogue-root", MakeRoot(ForAuthority("Rogue Root")));
  const Identity& intermediate =
      Add("intermediate", MakeIntermediate(root, ForAuthority("Genuine Intermediate")));
  Add("cross-intermediate", CrossSign(other, intermediate, {}));
  CertificateOptions expired;
  expired.validity = DaysFromNow(-60, -30);
  Add("expired-cross-intermediate", CrossSign(other, intermediate, expired));
  Add("cross-root", CrossSign(other, root, {}));
}

void World::AddSoundLeaves(const WorldOptions& options) {
  const Identity& intermediate = Get("intermediate");
  CertificateOptions sound = ForLeaf(options);
  sound.key_kind = options.key_kind;
  const Identity& leaf = Add("leaf", Issue(intermediate, sound));
  Add("backup", Issue(intermediate, sound));
  Add("rogue-leaf", Issue(Get("rogue-root"), sound));

  CertificateOptions renewal = sound;
  renewal.key = leaf.key;
  Add("renewed", Issue(intermediate, renewal));

  CertificateOptions rsa = sound;
  rsa.key_kind = KeyKind::kRsa2048;
  Add("leaf-rsa", Issue(intermediate, rsa));

  CertificateOptions client;
  client.common_name = "client";
  client.extended_key_usage = {"clientAuth"};
  Add("client", Issue(Get("root"), client));
}

void World::AddBrokenLeaves(const WorldOptions& options) {
  const Identity& intermediate = Get("intermediate");
  const auto add = [&](const char* name, auto change) {
    CertificateOptions broken = ForLeaf(options);
    change(broken);
    Add(name, Issue(intermediate, broken));
  };
  add("expired", [](CertificateOptions& leaf) { leaf.validity = DaysFromNow(-60, -30); });
  add("not-yet-valid", [](CertificateOptions& leaf) { leaf.validity = DaysFromNow(30, 60); });
  add("wrong-host", [](CertificateOptions& leaf) { leaf.names = {"wrong.example.net"}; });
  add("no-san", [](CertificateOptions& leaf) { leaf.names.clear(); });
  add("weak-hash", [](CertificateOptions& leaf) { leaf.hash = SignatureHash::kInsecureSha1; });
  add("client-only", [](CertificateOptions& leaf) { leaf.extended_key_usage = {"clientAuth"}; });
  add("unknown-critical", [](CertificateOptions& leaf) { leaf.unknown_critical_extension = true; });
  Add("self-signed", IssueSelfSigned(ForLeaf(options)));
  Add("forged", Forge(intermediate, ForLeaf(options)));
}

void World::AddBrokenPaths(const WorldOptions& options) {
  CertificateOptions narrow = ForAuthority("Narrow Intermediate");
  narrow.path_length = 0;
  const Identity& narrow_ca = Add("narrow-intermediate", MakeIntermediate(Get("root"), narrow));
  const Identity below = MakeIntermediate(narrow_ca, ForAuthority("Too Deep Intermediate"));
  Add("too-deep", Issue(below, ForLeaf(options)));

  CertificateOptions constrained = ForAuthority("Constrained Intermediate");
  constrained.permitted_names = {"DNS:permitted.example.org"};
  const Identity& constrained_ca =
      Add("constrained-intermediate", MakeIntermediate(Get("root"), constrained));
  Add("outside", Issue(constrained_ca, ForLeaf(options)));
}

Result<void> World::WriteTo(const std::string& directory) const {
  for (const NamedIdentity& entry : identities_) {
    const std::string stem = directory + "/" + entry.name;
    const Identity& identity = entry.identity;
    Result<void> written = WritePublicFile(stem + ".pem", identity.certificate.Pem());
    if (written) written = WritePublicFile(stem + ".chain.pem", identity.ChainPem());
    if (written) written = WriteKeyFile(stem + ".key", identity.key);
    if (!written) return written;
  }
  const Identity& leaf = Get("leaf");
  CertificateOptions request;
  request.common_name = "leaf";
  Result<void> written =
      WritePublicFile(directory + "/leaf.csr", MakeRequest(leaf.key, request).Pem());
  if (written) written = WritePublicFile(directory + "/leaf.pub", leaf.key.PublicPem());
  return written;
}

}  // namespace cotter::lab
