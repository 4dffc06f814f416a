// SPDX-License-Identifier: Apache-2.0
//
// A repository in memory that signs what a test publishes, with Ed25519 keys of OpenSSL's, the same
// for every role and all of them needed, and metadata that is written here, by hand, in canonical
// form. For tests and benchmarks; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <openssl/evp.h>

#include "base/sha256.h"
#include "update/fetcher.h"
#include <cotter/time.h>

namespace cotter::test {

class SignedRepository {
 public:
  explicit SignedRepository(Time expires = Time{4'102'444'800}, int keys = 1)
      : expires_(FormatTime(expires)) {
    for (int i = 0; i < keys; ++i) {
      EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      std::array<std::uint8_t, 32> raw{};
      std::size_t size = raw.size();
      COTTER_CHECK(EVP_PKEY_get_raw_public_key(key, raw.data(), &size) == 1);
      const std::string text = R"({"keytype":"ed25519","keyval":{"public":")" + EncodeHex(raw) +
                               R"("},"scheme":"ed25519"})";
      keys_[EncodeHex(base::Sha256(AsBytes(text)).bytes)] = {key, text};
    }
    PublishRoot();
  }
  SignedRepository(const SignedRepository&) = delete;
  SignedRepository& operator=(const SignedRepository&) = delete;
  ~SignedRepository() {
    for (const auto& [keyid, key] : keys_) EVP_PKEY_free(key.first);
  }

  [[nodiscard]] const std::string& root() const { return root_; }

  // Publish makes `policy` the target ENVIRONMENT/policy.json.
  void Publish(const std::string& policy, const std::string& environment = "production") {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++version_;
    const std::string hash = EncodeHex(base::Sha256(AsBytes(policy)).bytes);
    files_["/targets/" + environment + "/" + hash + ".policy.json"] = policy;
    const std::string info =
        R"({"hashes":{"sha256":")" + hash + R"("},"length":)" + std::to_string(policy.size()) + "}";
    Put("targets", version_, R"("targets":{")" + environment + R"(/policy.json":)" + info + "}");
    Put("snapshot", version_,
        R"("meta":{"targets.json":{"version":)" + std::to_string(version_) + "}}");
    PutTimestamp();
  }

  // Refresh signs a new timestamp over what is there, that ends at `expires`.
  void Refresh(Time expires) {
    const std::lock_guard<std::mutex> lock(mutex_);
    timestamp_expires_ = FormatTime(expires);
    PutTimestamp();
  }

  // Fail has every fetch fail with `error`, until it is called without.
  void Fail(std::optional<Error> error = std::nullopt) {
    const std::lock_guard<std::mutex> lock(mutex_);
    failure_ = std::move(error);
  }

  // Change replaces what stands at `path` ("/metadata/timestamp.json").
  void Change(const std::string& path, const std::string& content) {
    const std::lock_guard<std::mutex> lock(mutex_);
    files_[path] = content;
  }

  [[nodiscard]] std::map<std::string, std::string> files() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return files_;
  }
  void Restore(std::map<std::string, std::string> files) {
    const std::lock_guard<std::mutex> lock(mutex_);
    files_ = std::move(files);
  }

  // requests is how many files were asked for.
  [[nodiscard]] std::size_t requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

  // NewFetcher is a client's way to the repository, at memory://here. It borrows from it.
  [[nodiscard]] std::unique_ptr<update::Fetcher> NewFetcher() {
    return std::make_unique<Way>(*this);
  }

 private:
  class Way : public update::Fetcher {
   public:
    explicit Way(SignedRepository& repository) : repository_(&repository) {}
    [[nodiscard]] Result<std::optional<std::string>> Fetch(const std::string& url,
                                                           std::size_t limit) override {
      const std::lock_guard<std::mutex> lock(repository_->mutex_);
      ++repository_->requests_;
      if (repository_->failure_) return *repository_->failure_;
      const auto found = repository_->files_.find(url.substr(std::string("memory://here").size()));
      if (found == repository_->files_.end()) return std::optional<std::string>();
      if (found->second.size() > limit) return Error{Code::kFileTooLarge, "too long"};
      return std::optional<std::string>(found->second);
    }

   private:
    SignedRepository* repository_;
  };

  [[nodiscard]] static std::string SignatureOf(EVP_PKEY* key, const std::string& content) {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    std::array<std::uint8_t, 64> signature{};
    std::size_t size = signature.size();
    COTTER_CHECK(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key) == 1);
    const ByteView bytes = AsBytes(content);
    COTTER_CHECK(EVP_DigestSign(context, signature.data(), &size, bytes.data(), bytes.size()) == 1);
    EVP_MD_CTX_free(context);
    return EncodeHex(signature);
  }

  // Joined is what `each` makes of every key, with commas between.
  template <typename Each>
  [[nodiscard]] std::string Joined(const Each& each) const {
    std::string text;
    for (const auto& [keyid, key] : keys_) {
      if (!text.empty()) text += ',';
      text += each(keyid, key);
    }
    return text;
  }

  [[nodiscard]] std::string Sign(const std::string& content) const {
    return R"({"signatures":[)" + Joined([&](const std::string& keyid, const auto& key) {
             return R"({"keyid":")" + keyid + R"(","sig":")" + SignatureOf(key.first, content) +
                    R"("})";
           }) +
           R"(],"signed":)" + content + "}";
  }

  // Signed is a role's file: `fields` are those of the role alone. Keys are in canonical order as
  // long as those that come before "spec_version" in the alphabet are in `fields`, and the rest in
  // `behind`.
  [[nodiscard]] std::string Signed(const std::string& type, std::int64_t version,
                                   const std::string& expires, const std::string& fields,
                                   const std::string& behind) const {
    return Sign(R"({"_type":")" + type + R"(",)" + (type == "root" ? fields : "") +
                R"("expires":")" + expires + R"(",)" + (type == "root" ? RootKeys() : "") +
                (type == "timestamp" || type == "snapshot" ? fields + "," : "") +
                R"("spec_version":"1.0.31",)" + (type == "targets" ? fields + "," : "") + behind +
                R"("version":)" + std::to_string(version) + "}");
  }

  [[nodiscard]] std::string RootKeys() const {
    const std::string role =
        R"({"keyids":[)" +
        Joined([](const std::string& keyid, const auto&) { return '"' + keyid + '"'; }) +
        R"(],"threshold":)" + std::to_string(keys_.size()) + "}";
    return R"("keys":{)" + Joined([](const std::string& keyid, const auto& key) {
             return '"' + keyid + R"(":)" + key.second;
           }) +
           R"(},"roles":{"root":)" + role + R"(,"snapshot":)" + role + R"(,"targets":)" + role +
           R"(,"timestamp":)" + role + "},";
  }

  void PublishRoot() {
    root_ = Signed("root", 1, expires_, R"("consistent_snapshot":true,)", "");
    files_["/metadata/1.root.json"] = root_;
  }

  void Put(const std::string& role, std::int64_t version, const std::string& fields) {
    files_["/metadata/" + std::to_string(version) + "." + role + ".json"] =
        Signed(role, version, expires_, fields, "");
  }

  void PutTimestamp() {
    ++timestamp_version_;
    files_["/metadata/timestamp.json"] = Signed(
        "timestamp", timestamp_version_, timestamp_expires_.empty() ? expires_ : timestamp_expires_,
        R"("meta":{"snapshot.json":{"version":)" + std::to_string(version_) + "}}", "");
  }

  std::map<std::string, std::pair<EVP_PKEY*, std::string>> keys_;  // by keyid; and as JSON
  std::string expires_;
  std::string timestamp_expires_;
  std::string root_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> files_;  // under mutex_, as what follows
  std::int64_t version_ = 0;
  std::int64_t timestamp_version_ = 0;
  std::optional<Error> failure_;
  std::size_t requests_ = 0;
};

// PolicyText is a policy of one rule for `host`.
inline std::string PolicyText(
    int version, const std::string& environment = "production",
    const std::string& host = "api.example.com",
    const std::string& pin = "sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=") {
  return R"({"policy":{"name":"acme","environment":")" + environment + R"(","version":)" +
         std::to_string(version) + R"(},"host":[{"pattern":")" + host + R"(","pins":[{"pin":")" +
         pin + R"("}]}]})";
}

}  // namespace cotter::test
