// SPDX-License-Identifier: Apache-2.0
#include "base/name_list.h"

#include <vector>

#include <gtest/gtest.h>

namespace cotter::base {
namespace {

TEST(NameList, NamesSoManyAndSaysThatThereAreMore) {
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(NameList({}, 2), "");
  EXPECT_EQ(NameList(names, 3), "a, b, c");
  EXPECT_EQ(NameList(names, 2), "a, b, …");
}

}  // namespace
}  // namespace cotter::base
