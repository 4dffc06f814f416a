// SPDX-License-Identifier: Apache-2.0
//
// What the C++ doors of the table of attacks share: the conversation with the table (README.md in
// the folder above) and the values in it. A door program is one subclass of Door and a main that
// calls RunDoor. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/openssl.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>
#include <cotter/trust.h>

namespace cotter::attacks {

// Url is "https://host[:port]/path" in its parts.
struct Url {
  std::string host;  // as it was written, without the brackets of IPv6
  std::uint16_t port = 443;
  std::string path = "/";
};

// GetRequest is one {"op":"get"} of the table.
struct GetRequest {
  std::string text;     // the URL as it was given
  Url url;              // in its parts, where it is an https one
  std::string connect;  // "ADDRESS:PORT" that TCP goes to
  std::map<std::string, std::string> headers;
  std::string certificate;  // PEM files of a client certificate; empty: none
  std::string key;
  bool keep = false;                         // keep the connection for the next get
  bool resume = false;                       // an earlier session may be offered
  bool follow = false;                       // follow redirects
  std::map<std::string, std::string> hosts;  // names that a redirect may lead to -> address
  std::string proxy;                         // URL; empty: none
  std::string save_session;                  // file to write the session to; empty: none
  std::string load_session;                  // file to offer a session from; empty: none
  std::vector<std::string> careless;         // what a careless program tries beside the door

  [[nodiscard]] bool IsCareless(std::string_view what) const;
};

// Answer is what came of it.
struct Answer {
  bool ok = false;
  std::optional<Outcome> outcome;
  std::optional<Code> code;
  std::string message;
  bool resumed = false;
  bool reused = false;
  std::optional<int> status;
  std::string peer;
  std::string unsupported;  // the field that this door has no notion of; empty: none

  // Failed is the answer for an error that is no verdict.
  [[nodiscard]] static Answer Failed(const Error& error);

  // Unsupported names the field of a request that the door cannot express.
  [[nodiscard]] static Answer Unsupported(std::string_view field);
};

// Setup is what a door begins with.
struct Setup {
  std::shared_ptr<const PolicyIndex> policy;
  std::shared_ptr<const tls::TrustStore> trust;
  std::string policy_file;
  std::string roots_file;
  std::function<Time()> now;  // empty: the system's clock
  // What a door that Tells gives to its enforcer: it counts.
  std::function<void(const tls::Violation&)> on_violation;
};

// Door is one way into cotter.
class Door {
 public:
  virtual ~Door() = default;
  [[nodiscard]] virtual Answer Get(const GetRequest& request) = 0;
  // SetPolicy puts another policy in force; it is when this returns.
  virtual void SetPolicy(std::shared_ptr<const PolicyIndex> policy) = 0;
  // Close ends every connection that was kept.
  virtual void Close() = 0;
  // Whether violations go to Setup::on_violation, so that the table can look at them.
  [[nodiscard]] virtual bool Tells() const { return false; }
};

// SplitUrl takes an https URL apart, as the table writes them, credentials left out; another one is
// left whole.
[[nodiscard]] Url SplitUrl(const std::string& text);

// LoadPolicy reads and compiles a policy file; a fault of it ends the process.
[[nodiscard]] std::shared_ptr<const PolicyIndex> LoadPolicy(const std::string& file);

// RunDoor talks to the table until its input ends. `make` makes the door.
[[nodiscard]] int RunDoor(int argc, char** argv,
                          const std::function<std::unique_ptr<Door>(const Setup&)>& make);

}  // namespace cotter::attacks
