// SPDX-License-Identifier: Apache-2.0
#include "client/settings.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/idna.h"
#include "client/profile.h"

namespace cotter::client {
namespace {

using namespace std::chrono_literals;

// Waits longer than a day are a wrong unit.
constexpr std::chrono::milliseconds kLongestTimeout = 24h;
// More attempts hammer a server that is down.
constexpr std::uint32_t kMostAttempts = 20;
constexpr std::uint32_t kMostRedirects = 50;

Error Invalid(std::string what) {
  return Error{Code::kUsage, "invalid config: " + std::move(what)};
}

bool HoldsControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

// CheckVerification refuses what would weaken a client, first and whatever else is set.
Result<void> CheckVerification(const Options& options) {
  const bool pinned = !options.pins.empty() || options.policy != nullptr;
  if (options.insecure_skip_verify && pinned) {
    return Invalid("certificate pinning cannot be used with insecure skip verify");
  }
  if (options.insecure_skip_verify) {
    return Invalid("there is no client that skips verification: name your CA in `trust`");
  }
  if (!options.pins.empty() && options.policy != nullptr) {
    return Invalid("pins and a policy exclude each other");
  }
  if (options.policy != nullptr && options.unlisted != Unlisted::kPki) {
    return Invalid("what becomes of unlisted hosts is for the policy to say");
  }
  return Ok();
}

Result<void> CheckNumbers(const Options& options) {
  const std::chrono::milliseconds block = options.block_after_bad_pin;
  for (const auto timeout : {options.timeout, options.connect_timeout, block}) {
    if (timeout < 0ms || timeout > kLongestTimeout) {
      return Invalid("a time-out is below 0 or above a day");
    }
  }
  const Retry& retry = options.retry;
  if (retry.attempts < 1 || retry.attempts > kMostAttempts) {
    return Invalid("attempts are 1 to " + std::to_string(kMostAttempts));
  }
  if (retry.first_delay < 0ms || retry.longest_delay < retry.first_delay ||
      retry.longest_delay > kLongestTimeout) {
    return Invalid("the delays of retries do not grow");
  }
  if (options.max_redirects > kMostRedirects) {
    return Invalid("redirects are 0 to " + std::to_string(kMostRedirects));
  }
  return Ok();
}

Result<void> CheckTexts(const Options& options) {
  const auto holds_control = [](const std::string& text) { return HoldsControl(text); };
  if (HoldsControl(options.user_agent) || HoldsControl(options.interface) ||
      std::ranges::any_of(options.resolve, holds_control) ||
      std::ranges::any_of(options.connect_to, holds_control)) {
    return Invalid("a text holds a control character");
  }
  if (options.client_certificate && (options.client_certificate->certificate.empty() ||
                                     options.client_certificate->key.empty())) {
    return Invalid("a client certificate needs the files of the certificate and of its key");
  }
  return Ok();
}

// SystemRandom is for delays alone; nothing secret depends on it.
double SystemRandom() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

Result<ProxyUrl> ParseProxy(std::string_view text) {
  struct Known {
    std::string_view scheme;
    ProxyUrl::Kind kind;
    std::uint16_t port;
  };
  static constexpr Known kKnown[] = {
      {"http://", ProxyUrl::Kind::kHttp, 1080},
      {"https://", ProxyUrl::Kind::kHttps, 443},
      {"socks5://", ProxyUrl::Kind::kSocks5, 1080},
      {"socks5h://", ProxyUrl::Kind::kSocks5Hostname, 1080},
  };
  const auto* const known = std::ranges::find_if(
      kKnown, [&](const Known& candidate) { return text.starts_with(candidate.scheme); });
  const Error unknown{Code::kUrlInvalid,
                      "the proxy is not http://, https://, socks5:// or socks5h://HOST[:PORT]"};
  if (known == std::end(kKnown)) return unknown;
  const std::string rest(text.substr(known->scheme.size()));
  // The port is that of the text where both schemes agree on it, and else a scheme's default.
  const Result<Url> url = Url::Parse("http://" + rest);
  const Result<Url> other = Url::Parse("https://" + rest);
  if (!url || !other) return Error{url ? other.error().code : url.error().code, unknown.message};
  if (url->text().find_first_of("/?", std::string_view("http://").size()) !=
      url->text().size() - 1) {
    return unknown;
  }
  Endpoint endpoint = url->endpoint();
  if (endpoint.port != other->endpoint().port) endpoint.port = known->port;
  return ProxyUrl{known->kind, std::move(endpoint), url->credentials()};
}

Result<PolicyIndex> MakePolicy(const Pins& pins, Unlisted unlisted) {
  Policy policy;
  policy.name = "pins";
  policy.unlisted = unlisted;
  for (const auto& [pattern_text, texts] : pins) {
    Result<HostPattern> pattern = HostPattern::Parse(pattern_text, &base::Idna());
    if (!pattern) return pattern.error();
    HostRule rule{.pattern = *std::move(pattern)};
    for (const std::string& text : texts) {
      const Result<Digest> digest = ParsePin(text);
      if (!digest) {
        return Error{digest.error().code, pattern_text + ": " + digest.error().message};
      }
      rule.pins.push_back(PolicyPin{.pin = Pin{.digest = *digest}});
    }
    policy.hosts.push_back(std::move(rule));
  }
  return PolicyIndex::Build(policy);
}

Result<Settings> CheckOptions(Options options) {
  if (const Result<void> sound = CheckVerification(options); !sound) return sound.error();
  if (const Result<void> sound = CheckNumbers(options); !sound) return sound.error();
  if (const Result<void> sound = CheckTexts(options); !sound) return sound.error();
  if (const Result<void> usable = CheckProfile(options.profile); !usable) return usable.error();

  std::optional<ProxyUrl> proxy;
  if (!options.proxy.empty()) {
    Result<ProxyUrl> parsed = ParseProxy(options.proxy);
    if (!parsed) return parsed.error();
    proxy = *std::move(parsed);
  }
  if (!options.policy) {
    Result<PolicyIndex> index = MakePolicy(options.pins, options.unlisted);
    if (!index) return index.error();
    options.policy = HoldPolicy(std::make_shared<const PolicyIndex>(*std::move(index)));
  }
  if (!options.trust) {
    Result<std::shared_ptr<const tls::TrustStore>> trust = tls::LoadTrustStore({});
    if (!trust) return trust.error();
    options.trust = *std::move(trust);
  }
  if (options.logger == NoopLogger()) options.logger.reset();
  if (!options.now) options.now = base::Now;
  if (!options.random) options.random = SystemRandom;
  return Settings{std::move(options), std::move(proxy)};
}

}  // namespace cotter::client
