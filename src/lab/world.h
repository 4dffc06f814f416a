// SPDX-License-Identifier: Apache-2.0
//
// World is a small PKI made in one go, with everything that a scenario needs under a fixed name:
// the genuine path, its renewals and cross-signs, the interceptor's, and one leaf for each defect.
// Immutable; safe to read from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/authority.h"
#include <cotter/result.h>

namespace cotter::lab {

// WorldOptions says for whom a World is made.
struct WorldOptions {
  // The subject alternative names of every leaf that has sound ones.
  std::vector<std::string> names = {"localhost", "api.example.com", "127.0.0.1", "::1"};
  KeyKind key_kind = KeyKind::kP256;  // of the genuine leaf, its backup and the rogue leaf
};

// NamedIdentity is one identity of a World.
struct NamedIdentity {
  std::string name;
  Identity identity;
};

// World's identities, by name:
//   root, other-root, rogue-root          self-signed; a scenario decides which of them is trusted
//   intermediate                          below root; issues every genuine leaf
//   cross-intermediate                    the same name and key, below other-root
//   expired-cross-intermediate            the same, expired
//   cross-root                            root's name and key, below other-root
//   leaf, renewed, backup                 sound; renewed has leaf's key, backup a new one
//   leaf-rsa                              sound, RSA 2048, for servers with two key types
//   rogue-leaf                            sound but for its issuer, which is rogue-root
//   forged                                names intermediate as its issuer, which never signed it
//   expired, not-yet-valid, wrong-host, no-san, self-signed, weak-hash, client-only,
//   unknown-critical                      below intermediate where they have an issuer
//   narrow-intermediate, too-deep         pathlen 0 above another CA, and the leaf below that
//   constrained-intermediate, outside     name constraints, and a leaf that breaks them
//   client                                a client's certificate, below root
class World {
 public:
  // Make makes all of them with new keys. Takes about 0.1 s, most of it the RSA key.
  [[nodiscard]] static World Make(const WorldOptions& options);

  // Find is the identity called `name`, or null. The result lives as long as this World.
  [[nodiscard]] const Identity* Find(std::string_view name) const noexcept;

  // Get is Find for a name that the program itself wrote; an unknown one ends the process.
  [[nodiscard]] const Identity& Get(std::string_view name) const noexcept;

  [[nodiscard]] std::span<const NamedIdentity> identities() const noexcept { return identities_; }

  // WriteTo writes NAME.pem (the certificate), NAME.chain.pem (with its chain) and NAME.key (0600)
  // of each, and leaf.csr and leaf.pub, into the directory `directory`. Fails with
  // kFileUnreadable.
  [[nodiscard]] Result<void> WriteTo(const std::string& directory) const;

 private:
  const Identity& Add(std::string name, Identity identity);
  void AddAuthorities();
  void AddSoundLeaves(const WorldOptions& options);
  void AddBrokenLeaves(const WorldOptions& options);
  void AddBrokenPaths(const WorldOptions& options);

  std::vector<NamedIdentity> identities_;
};

}  // namespace cotter::lab
