// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "report/text.h"
#include <cotter/report.h>

namespace cotter::report {

ViolationEvent MakeEvent(const Occurrence& occurrence, Time now, std::string peer) {
  const Verdict& verdict = occurrence.verdict;
  ViolationEvent event;
  event.time = now;
  event.host = std::string(occurrence.endpoint.host.text());
  event.port = occurrence.endpoint.port;
  event.outcome = verdict.outcome;
  event.reasons = verdict.reasons;
  event.code = verdict.code();
  event.message = std::string(occurrence.message);
  event.found.assign(occurrence.found.begin(), occurrence.found.end());
  event.peer = std::move(peer);
  event.served_chain.assign(occurrence.served_chain.begin(), occurrence.served_chain.end());
  event.validated_chain.assign(occurrence.validated_chain.begin(),
                               occurrence.validated_chain.end());
  if (occurrence.policy != nullptr) {
    event.policy_name = std::string(occurrence.policy->name());
    event.policy_version = occurrence.policy->version();
  }
  if (verdict.rule) {
    event.pattern = verdict.rule->pattern();
    event.expires = verdict.rule->expires();
    if (verdict.reasons.Has(Reason::kRuleSuspended)) {
      event.suspension = std::string(verdict.rule->suspension());
      event.suspended_until = verdict.rule->suspended_until();
    }
    for (std::size_t i = 0; i < verdict.rule->pin_count(); ++i) {
      const Pin pin = verdict.rule->pin(i);
      if (pin.kind == PinKind::kSpki && pin.use != PinUse::kRevoked) {
        event.known_pins.push_back(pin.digest);
      }
    }
  }
  return event;
}

std::string PeerOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  // The sockets interface is defined by such casts.
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  if (socket < 0 || getpeername(socket, general, &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&address);
    if (inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text) == nullptr) return {};
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    if (inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text) == nullptr) return {};
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  return {};
}

std::string AlertText(const ViolationEvent& event) { return "SSL pin mismatch: " + event.host; }

std::string LogLine(const ViolationEvent& event) {
  std::string line = event.outcome == Outcome::kReported
                         ? "event=violation msg=\"certificate pin mismatch was reported\" host="
                         : "event=violation msg=\"connection was refused\" host=";
  line += Quoted(event.host) + " port=" + std::to_string(event.port);
  line += " got=" + (event.found.empty() ? "none" : FormatPin(event.found.front()));
  line += " outcome=" + std::string(NameOf(event.outcome));
  if (event.code) line += " code=" + std::string(NameOf(*event.code));
  line += " found=" + Quoted(PinList(event.found));
  if (!event.pattern.empty()) line += " rule=" + Quoted(event.pattern);
  line += " policy=" + Quoted(event.policy_name);
  line += " policy_version=" + std::to_string(event.policy_version);
  if (event.suspended_until) {
    line += " suspended_by=" + Quoted(event.suspension);
    line += " suspended_until=" + FormatTime(*event.suspended_until);
  }
  if (!event.peer.empty()) line += " peer=" + Quoted(event.peer);
  line += " time=" + FormatTime(event.time);
  return line;
}

}  // namespace cotter::report
