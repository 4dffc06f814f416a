// SPDX-License-Identifier: Apache-2.0
#include "probe/scan/baseline.h"

#include <utility>

namespace cotter::probe {
namespace {

constexpr std::string_view kFirstLine =
    "# cotter baseline 1: HOST:PORT, the pin of an intermediate ('-' for none), its subject";

Error Malformed(std::size_t line, std::string_view expected) {
  return Error{Code::kFormatMalformed,
               "line " + std::to_string(line) + ": " + std::string(expected)};
}

// TakeWord cuts the text up to the next space off `rest`.
std::string_view TakeWord(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

}  // namespace

std::vector<const SeenCertificate*> IntermediatesOf(const ChainFacts& chain) {
  std::vector<const SeenCertificate*> found;
  const bool verified = !chain.seen.path.empty();
  const std::vector<SeenCertificate>& from = verified ? chain.seen.path : chain.seen.presented;
  for (std::size_t i = 1; i < from.size(); ++i) {
    const bool anchor = verified && i + 1 == from.size();
    if (from[i].is_ca && !anchor && !from[i].is_self_issued) found.push_back(&from[i]);
  }
  return found;
}

Result<Baseline> Baseline::Read(std::string_view text) {
  Baseline baseline;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line == 1) {
      if (rest != kFirstLine) return Malformed(line, "expected a baseline of cotter scan");
      continue;
    }
    const std::string target(TakeWord(rest));
    const std::string_view pin = TakeWord(rest);
    if (target.empty() || pin.empty()) return Malformed(line, "expected HOST:PORT and a pin");
    auto& known = baseline.hosts_[target];
    if (pin == "-") continue;
    const Result<Digest> digest = ParsePin(pin);
    if (!digest) return Malformed(line, digest.error().message);
    known.insert_or_assign(*digest, std::string(rest));
  }
  return baseline;
}

void Baseline::Add(const HostFacts& facts) {
  const std::string target = net::FormatTarget(facts.target);
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      if (!look.chain || look.purpose == Purpose::kWithoutName) continue;
      auto& known = hosts_[target];
      for (const SeenCertificate* one : IntermediatesOf(*look.chain)) {
        known.insert_or_assign(one->spki, one->subject.text);
      }
    }
  }
}

std::string Baseline::Write() const {
  std::string text(kFirstLine);
  text += '\n';
  for (const auto& [target, known] : hosts_) {
    if (known.empty()) text.append(target).append(" -\n");
    for (const auto& [pin, subject] : known) {
      text.append(target).append(" ").append(FormatPin(pin));
      if (!subject.empty()) text.append(" ");
      // Subjects are escaped text (FormatName), so none holds a line break.
      for (const char c : subject) text += c == '\n' || c == '\r' ? ' ' : c;
      text += '\n';
    }
  }
  return text;
}

bool Baseline::Expects(const std::string& target, const Digest& intermediate) const {
  const auto at = hosts_.find(target);
  return at != hosts_.end() && at->second.contains(intermediate);
}

}  // namespace cotter::probe
