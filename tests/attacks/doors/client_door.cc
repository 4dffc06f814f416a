// SPDX-License-Identifier: Apache-2.0
//
// The door "client": a program that makes its requests with <cotter/client.h>. What the table asks
// for by request and the client takes at construction (proxy, addresses, certificate) makes a
// client of its own; all of them follow one policy.
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/idna.h"
#include "tests/attacks/doors/door.h"
#include <cotter/client.h>

namespace cotter::attacks {
namespace {

std::string Bracketed(const std::string& host) {
  const Result<HostName> name = HostName::Parse(host, &base::Idna());
  if (!name) return host;
  const std::string text(name->text());
  return name->kind() == HostName::Kind::kIpv6 ? "[" + text + "]" : text;
}

class ClientDoor : public Door {
 public:
  explicit ClientDoor(const Setup& setup) : setup_(setup), policy_(HoldPolicy(setup.policy)) {}

  [[nodiscard]] Answer Get(const GetRequest& request) override {
    if (!request.load_session.empty()) return Answer::Unsupported("load_session");
    const Result<client::Client> client = ClientFor(request);
    if (!client) return Answer::Failed(client.error());
    refusal_.reset();
    client::Request sent{.url = request.text};
    for (const auto& [name, value] : request.headers) sent.headers.push_back({name, value});
    sent.max_redirects = request.follow ? 10 : 0;
    // What an earlier get kept is used once more, and then closed with its client.
    const bool kept = std::exchange(keeps_, request.keep);
    if (!request.keep && !kept) sent.connection = client::ConnectionUse::kOwn;
    const Answer answer = Told(client->Send(std::move(sent)));
    if (!request.keep && kept) Close();
    return answer;
  }

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) override {
    policy_->Set(std::move(policy));
  }

  void Close() override { clients_.clear(); }

 private:
  [[nodiscard]] Result<client::Client> ClientFor(const GetRequest& request) {
    client::Options options;
    options.policy = policy_;
    options.trust = setup_.trust;
    options.now = setup_.now;
    options.proxy = request.proxy;
    options.on_bad_pin = [this](const client::BadPin& bad) { refusal_ = bad.event; };
    if (!request.certificate.empty()) {
      options.client_certificate = {.certificate = request.certificate, .key = request.key};
    }
    if (request.proxy.empty()) {
      for (const auto& [name, address] : request.hosts) {
        options.connect_to.push_back(name + "::" + address + ":");
      }
      if (!request.connect.empty()) {
        options.connect_to.push_back(Bracketed(request.url.host) + "::" + request.connect);
      }
    }
    std::string key = request.proxy + '\n' + request.certificate + '\n' + request.key;
    for (const std::string& line : options.connect_to) key += '\n' + line;
    const auto known = clients_.find(key);
    if (known != clients_.end()) return known->second;
    Result<client::Client> made = client::Client::Create(std::move(options));
    if (made) clients_.emplace(std::move(key), *made);
    return made;
  }

  [[nodiscard]] Answer Told(const Result<client::Response>& response) const {
    if (!response) {
      Answer answer = Answer::Failed(response.error());
      if (refusal_) {
        answer.outcome = refusal_->outcome;
        answer.peer = refusal_->peer;
      }
      return answer;
    }
    Answer answer;
    answer.ok = true;
    answer.outcome = response->connection.outcome;
    answer.reused = response->connection.reused;
    answer.resumed = response->connection.resumed && !response->connection.reused;
    answer.status = response->status;
    answer.peer = response->connection.peer;
    return answer;
  }

  Setup setup_;
  std::shared_ptr<HeldPolicy> policy_;
  std::map<std::string, client::Client> clients_;
  bool keeps_ = false;
  std::optional<report::ViolationEvent> refusal_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::ClientDoor>(setup);
  });
}
