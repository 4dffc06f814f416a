// SPDX-License-Identifier: Apache-2.0
//
// Who may connect when. The clock is the machine's, so the tests bound times from below alone.
#include "probe/engine/gate.h"

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cotter::probe {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

net::Address At(const std::string& text) { return *net::Address::FromText(text, 443); }

std::unique_ptr<net::EventLoop> Loop() {
  auto loop = net::EventLoop::Create();
  COTTER_CHECK(loop.has_value());
  return *std::move(loop);
}

constexpr RateLimits kNone{.open_per_address = 0,
                           .open_per_network = 0,
                           .per_address_per_second = 0,
                           .per_network_per_second = 0,
                           .spare_loopback = false};

TEST(Gate, BoundsAllConnectionsTogether) {
  const auto loop = Loop();
  Gate gate(*loop, 2, kNone);
  std::deque<int> begun;
  for (int i = 0; i < 4; ++i) {
    gate.Enter(At("192.0.2." + std::to_string(i)), [&begun, i] { begun.push_back(i); });
  }
  EXPECT_EQ(begun, (std::deque<int>{0, 1}));
  gate.Leave(At("192.0.2.0"));
  EXPECT_EQ(begun, (std::deque<int>{0, 1, 2}));
  gate.Leave(At("192.0.2.1"));
  gate.Leave(At("192.0.2.2"));
  EXPECT_EQ(begun.size(), 4U);
  EXPECT_EQ(gate.open(), 1U);
}

TEST(Gate, OneAddressDoesNotKeepOthersWaiting) {
  const auto loop = Loop();
  RateLimits rates = kNone;
  rates.open_per_address = 1;
  Gate gate(*loop, 10, rates);
  std::vector<std::string> begun;
  for (const char* address : {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}) {
    gate.Enter(At(address), [&begun, address] { begun.emplace_back(address); });
  }
  EXPECT_EQ(begun, (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  gate.Leave(At("192.0.2.1"));
  EXPECT_EQ(begun.size(), 3U);
}

TEST(Gate, NetworksAreOfTwentyFourAndFortyEightBits) {
  const auto loop = Loop();
  RateLimits rates = kNone;
  rates.open_per_network = 1;
  Gate gate(*loop, 10, rates);
  std::vector<std::string> begun;
  for (const char* address : {"192.0.2.1", "192.0.2.200", "192.0.3.1", "2001:db8:1:1::1",
                              "2001:db8:1:2::1", "2001:db8:2::1"}) {
    gate.Enter(At(address), [&begun, address] { begun.emplace_back(address); });
  }
  EXPECT_EQ(begun, (std::vector<std::string>{"192.0.2.1", "192.0.3.1", "2001:db8:1:1::1",
                                             "2001:db8:2::1"}));
  gate.Leave(At("192.0.2.1"));
  EXPECT_EQ(begun.back(), "192.0.2.200");
  gate.Leave(At("2001:db8:1:1::1"));
  EXPECT_EQ(begun.back(), "2001:db8:1:2::1");
}

TEST(Gate, BeginsAtTheRateOfAnAddress) {
  const auto loop = Loop();
  RateLimits rates = kNone;
  rates.per_address_per_second = 20;
  Gate gate(*loop, 100, rates);
  const auto start = steady_clock::now();
  int begun = 0;
  for (int i = 0; i < 30; ++i) {
    gate.Enter(At("192.0.2.1"), [&] {
      if (++begun == 30) loop->Stop();
    });
  }
  // A second's worth at once, and one on the edge.
  EXPECT_LE(begun, 21);
  loop->Run();
  EXPECT_EQ(begun, 30);
  EXPECT_GE(steady_clock::now() - start, 400ms);
}

TEST(Gate, WhatEndsAtOnceDoesNotOverflowTheStack) {
  const auto loop = Loop();
  Gate gate(*loop, 1, kNone);
  int left = 100'000;
  std::function<void()> go = [&] {
    gate.Leave(At("192.0.2.1"));
    if (--left > 0) gate.Enter(At("192.0.2.1"), go);
  };
  gate.Enter(At("192.0.2.1"), go);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(gate.open(), 0U);
}

}  // namespace
}  // namespace cotter::probe
