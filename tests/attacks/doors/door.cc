// SPDX-License-Identifier: Apache-2.0
#include "tests/attacks/doors/door.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <utility>

#include <boost/json.hpp>

#include "base/file.h"
#include "policy/policy_file.h"

namespace cotter::attacks {
namespace {

namespace json = boost::json;

// Fail ends the process: the table wrote something that no door understands.
[[noreturn]] void Fail(const std::string& message) {
  std::cerr << "door: " << message << std::endl;
  std::_Exit(2);
}

std::string Text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || !value->is_string() ? std::string() : std::string(value->as_string());
}

bool Flag(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

std::map<std::string, std::string> Texts(const json::object& object, std::string_view key) {
  std::map<std::string, std::string> texts;
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_object()) return texts;
  for (const auto& [name, text] : value->as_object()) texts[name] = text.as_string();
  return texts;
}

GetRequest ReadGet(const json::object& object) {
  GetRequest request;
  request.text = Text(object, "url");
  request.url = SplitUrl(request.text);
  request.connect = Text(object, "connect");
  request.headers = Texts(object, "headers");
  request.certificate = Text(object, "cert");
  request.key = Text(object, "key");
  request.keep = Flag(object, "keep");
  request.resume = Flag(object, "resume");
  request.follow = Flag(object, "follow");
  request.hosts = Texts(object, "hosts");
  request.proxy = Text(object, "proxy");
  request.save_session = Text(object, "save_session");
  request.load_session = Text(object, "load_session");
  if (const json::value* careless = object.if_contains("careless")) {
    request.careless = json::value_to<std::vector<std::string>>(*careless);
  }
  return request;
}

json::value OrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object Json(const Answer& answer) {
  if (!answer.unsupported.empty()) return {{"unsupported", answer.unsupported}};
  json::object object = {{"ok", answer.ok},
                         {"message", answer.message},
                         {"resumed", answer.resumed},
                         {"reused", answer.reused},
                         {"peer", OrNull(answer.peer)}};
  object["outcome"] = answer.outcome ? json::value(NameOf(*answer.outcome)) : json::value(nullptr);
  object["code"] = answer.code ? json::value(NameOf(*answer.code)) : json::value(nullptr);
  object["status"] = answer.status ? json::value(*answer.status) : json::value(nullptr);
  return object;
}

Setup ReadArguments(const std::vector<std::string>& words) {
  Setup setup;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    if (words[i] == "--policy") {
      setup.policy_file = value;
    } else if (words[i] == "--roots") {
      setup.roots_file = value;
    } else if (words[i] == "--now") {
      Time now;
      std::from_chars(value.data(), value.data() + value.size(), now.unix_seconds);
      setup.now = [now] { return now; };
    } else {
      Fail("unknown argument " + words[i]);
    }
  }
  tls::TrustOptions trust;
  trust.system_roots = tls::SystemRoots::kNone;
  trust.files = {setup.roots_file};
  Result<std::shared_ptr<const tls::TrustStore>> store = tls::LoadTrustStore(trust);
  if (!store) Fail(store.error().message);
  setup.trust = std::move(*store);
  setup.policy = LoadPolicy(setup.policy_file);
  return setup;
}

// Obey does what is asked. `told` is how many violations there were since the last answer to a get.
json::object Obey(Door& door, const json::object& order, int& told) {
  const std::string op = Text(order, "op");
  if (op == "get") {
    json::object answer = Json(door.Get(ReadGet(order)));
    if (door.Tells()) answer["told"] = std::exchange(told, 0);
    return answer;
  }
  if (op == "policy") {
    door.SetPolicy(LoadPolicy(Text(order, "file")));
  } else if (op == "close") {
    door.Close();
  } else if (op != "quit") {
    Fail("unknown op " + op);
  }
  return {{"ok", true}};
}

}  // namespace

Url SplitUrl(const std::string& text) {
  constexpr std::string_view kScheme = "https://";
  Url url;
  if (!text.starts_with(kScheme)) return url;
  std::string_view rest = std::string_view(text).substr(kScheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (slash < rest.size()) url.path = rest.substr(slash);
  std::string_view authority = rest.substr(0, slash);
  authority = authority.substr(authority.rfind('@') + 1);  // npos + 1 is 0
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    const Result<std::uint16_t> port = ParsePort(authority.substr(colon + 1));
    if (!port) Fail("no port in " + text);
    url.port = *port;
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[')) authority = authority.substr(1, authority.size() - 2);
  url.host = authority;
  return url;
}

bool GetRequest::IsCareless(std::string_view what) const {
  return std::find(careless.begin(), careless.end(), what) != careless.end();
}

Answer Answer::Failed(const Error& error) {
  Answer answer;
  answer.code = error.code;
  answer.message = error.message;
  return answer;
}

Answer Answer::Unsupported(std::string_view field) {
  Answer answer;
  answer.unsupported = field;
  return answer;
}

std::shared_ptr<const PolicyIndex> LoadPolicy(const std::string& file) {
  const Result<base::FileImage> image = base::ReadFile(file, policy::kMaxPolicyFileSize);
  if (!image) Fail(image.error().message);
  const Result<Policy> policy = policy::ReadPolicy(AsText(image->bytes()), file);
  if (!policy) Fail(policy.error().message);
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) Fail(index.error().message);
  return std::make_shared<const PolicyIndex>(std::move(*index));
}

int RunDoor(int argc, char** argv, const std::function<std::unique_ptr<Door>(const Setup&)>& make) {
  static_cast<void>(
      std::signal(SIGPIPE, SIG_IGN));  // a server that hangs up is an answer, not the end
  int told = 0;
  Setup setup = ReadArguments(std::vector<std::string>(argv + 1, argv + argc));
  setup.on_violation = [&told](const tls::Violation& violation) {
    // The same text as the error's, and never a success.
    COTTER_CHECK(!violation.message.empty());
    ++told;
  };
  const std::unique_ptr<Door> door = make(setup);
  for (std::string line; std::getline(std::cin, line);) {
    boost::system::error_code error;
    const json::value order = json::parse(line, error);
    if (error || !order.is_object()) Fail("not an order: " + line);
    std::cout << json::serialize(Obey(*door, order.as_object(), told)) << std::endl;
    if (Text(order.as_object(), "op") == "quit") break;
  }
  door->Close();
  return 0;
}

}  // namespace cotter::attacks
