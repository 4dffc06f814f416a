// SPDX-License-Identifier: Apache-2.0
#include "cli/code_pages.h"

#include <gtest/gtest.h>

namespace cotter::cli {
namespace {

TEST(CodePages, EveryCodeHasOne) {
  for (const CodeInfo& info : AllCodes()) EXPECT_TRUE(FindCodePage(info.code)) << info.name;
}

TEST(CodePages, MarkdownIsWrappedAndCodeStays) {
  const std::string word(30, 'w');
  EXPECT_EQ(RenderMarkdown("a\nb\n"), "a b\n");
  EXPECT_EQ(RenderMarkdown(word + " " + word + "\n" + word),
            word + " " + word + "\n" + word + "\n");
  EXPECT_EQ(RenderMarkdown("a\n\n    code  line\n    more\n\n- one\n  two\n- three\n"),
            "a\n\n    code  line\n    more\n\n- one two\n- three\n");
  EXPECT_EQ(RenderMarkdown("see [usage](usage.md) and [x](y.md), [z"), "see usage and x, [z\n");
}

}  // namespace
}  // namespace cotter::cli
