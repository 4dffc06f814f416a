// SPDX-License-Identifier: Apache-2.0
#include "net/resolve.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <netdb.h>
#include <system_error>

namespace cotter::net {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};

Result<std::vector<Address>> AskSystem(const std::string& name, std::uint16_t port, Family family) {
  addrinfo hints{};
  hints.ai_family = FamilyNumber(family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const int status = getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &raw);
  if (status == EAI_SYSTEM) return NoAddress(name, std::generic_category().message(errno));
  if (status != 0) return NoAddress(name, gai_strerror(status));
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  std::vector<Address> found;
  for (const addrinfo* entry = raw; entry != nullptr; entry = entry->ai_next) {
    const std::optional<Address> address = Address::FromSockaddr(entry->ai_addr, entry->ai_addrlen);
    if (!address || std::find(found.begin(), found.end(), *address) != found.end()) continue;
    if (found.size() == kMaxAddresses) return NoAddress(name, "more than 64 addresses");
    found.push_back(*address);
  }
  if (found.empty()) return NoAddress(name, "it has no address");
  return found;
}

// Question is shared by the asking thread and the one that waits in the system's resolver, which
// may outlive the asker.
struct Question {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<std::vector<Address>>> answer;
};

}  // namespace

int FamilyNumber(Family family) {
  switch (family) {
    case Family::kAny:
      return AF_UNSPEC;
    case Family::kIpv4:
      return AF_INET;
    case Family::kIpv6:
      return AF_INET6;
  }
  return AF_UNSPEC;
}

Error NoAddress(const std::string& name, const std::string& why) {
  return Error{Code::kDnsFailed, "resolving " + name + ": " + why};
}

std::optional<Result<std::vector<Address>>> ResolveLiteral(const std::string& name,
                                                           std::uint16_t port, Family family) {
  const Result<Address> literal = Address::FromText(name, port);
  if (!literal) return std::nullopt;
  const bool wanted = family == Family::kAny || (family == Family::kIpv6) == literal->is_ipv6();
  if (!wanted) return NoAddress(name, "it is not an address of the wanted family");
  return std::vector<Address>{*literal};
}

Result<std::vector<Address>> Resolve(const std::string& name, std::uint16_t port, Family family,
                                     Deadline deadline) {
  if (auto literal = ResolveLiteral(name, port, family)) return *std::move(literal);
  const auto question = std::make_shared<Question>();
  try {
    std::thread([question, name, port, family] {
      Result<std::vector<Address>> answer = AskSystem(name, port, family);
      const std::lock_guard lock(question->mutex);
      question->answer = std::move(answer);
      question->answered.notify_one();
    }).detach();
  } catch (const std::system_error& failure) {
    return NoAddress(name, failure.what());
  }
  std::unique_lock lock(question->mutex);
  const bool in_time = question->answered.wait_until(lock, deadline.at(),
                                                     [&] { return question->answer.has_value(); });
  if (!in_time) {
    return Error{Code::kConnectTimeout, "resolving " + name + ": no answer in time"};
  }
  return std::move(*question->answer);
}

}  // namespace cotter::net
