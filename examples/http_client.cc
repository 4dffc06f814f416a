// SPDX-License-Identifier: Apache-2.0
//
// A program that makes an HTTP request with cotter's client, held to a policy:
//
//   http_client policy.toml ca.pem api.example.com 443
//
// prints the body of the answer. Exit 0, or 1 where it went wrong or was refused.
#include <iostream>
#include <string>

#include "or_exit.h"
#include <cotter/client.h>
#include <cotter/policy_file_source.h>

namespace {

using namespace cotter;

// Alarm is told of every refused connection, before Get returns its error.
void Alarm(const client::BadPin& bad) {
  std::cerr << "security: " << report::LogLine(bad.event) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) Exit("usage: http_client POLICY ROOTS HOST PORT");
  client::Options options;
  options.policy = OrExit(WatchedPolicy::Open({.path = argv[1]}));  // followed while it runs
  options.trust = OrExit(tls::LoadTrustStore({.files = {argv[2]}}));
  options.on_bad_pin = Alarm;
  const client::Client client = OrExit(client::Client::Create(options));

  const std::string url = "https://" + std::string(argv[3]) + ":" + argv[4] + "/";
  const client::Response response = OrExit(client.Get(url));
  std::cout << response.body;
  return 0;
}
