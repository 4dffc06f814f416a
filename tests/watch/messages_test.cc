// SPDX-License-Identifier: Apache-2.0
#include "watch/messages.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace cotter::watch {
namespace {

std::string MailAbout(const std::string& details) {
  Notification alert;
  alert.subject = {.name = "api.example.com:443",
                   .host = "api.example.com",
                   .group = "g",
                   .region = "",
                   .vendor = "",
                   .owner = ""};
  alert.condition = {.code = Code::kVantageDisagreement,
                     .severity = Severity::kWarning,
                     .text = "vantage points see different keys",
                     .details = details};
  SinkConfig sink;
  sink.from = "watch@example.com";
  sink.to = {"ops@example.com"};
  return MailText(alert, sink, Time{1'700'000'000}, "1@example.com");
}

std::size_t LongestLine(std::string_view mail) {
  std::size_t longest = 0;
  while (!mail.empty()) {
    const std::size_t end = std::min(mail.find("\r\n"), mail.size());
    longest = std::max(longest, end);
    mail.remove_prefix(std::min(end + 2, mail.size()));
  }
  return longest;
}

// RFC 5322, 2.1.1: servers refuse longer ones, and a server with many keys would not be told about.
TEST(Messages, NoLineOfAMailIsTooLong) {
  std::string pins;
  for (int i = 0; i < 300; ++i) pins += "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE= ";
  std::string unbroken;
  for (int i = 0; i < 3000; ++i) unbroken += "\xC3\xBC";
  for (const std::string& details : {pins, unbroken, std::string(5000, ' '), "a\n" + pins}) {
    const std::string mail = MailAbout(details);
    EXPECT_LE(LongestLine(mail), 998U);
    std::string together;
    std::copy_if(mail.begin(), mail.end(), std::back_inserter(together),
                 [](char c) { return c != '\r' && c != '\n'; });
    std::string expected = details;
    std::erase(expected, '\n');
    EXPECT_NE(together.find(expected), std::string::npos);
  }
  // A character of UTF-8 is not cut, nor is a pin.
  EXPECT_EQ(MailAbout(unbroken).find("\r\n\xBC"), std::string::npos);
  EXPECT_EQ(MailAbout(pins).find("AAE\r\n"), std::string::npos);
  EXPECT_NE(MailAbout(pins).find("AAE= \r\nsha256/"), std::string::npos);
}

TEST(Messages, ShortLinesStayAsTheyAre) {
  EXPECT_NE(MailAbout("one\r\ntwo").find("\r\n\r\none\r\ntwo\r\n\r\nalert: "), std::string::npos);
}

}  // namespace
}  // namespace cotter::watch
