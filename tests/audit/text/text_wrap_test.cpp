#include "engine/audit/text/text_wrap.h"

#include <gtest/gtest.h>

namespace rpcaudit::audit {
namespace {

TEST(TextWrap, BreaksBetweenParts) {
  EXPECT_EQ(wrapped_line("12:00  first part  second part  third\n", 24, 7),
            "12:00  first part\n"
            "       second part\n"
            "       third\n");
}

TEST(TextWrap, ALineThatFitsStays) {
  EXPECT_EQ(wrapped_line("12:00  one  two\n", 15, 7), "12:00  one  two\n");
}

TEST(TextWrap, BreaksAPartThatIsTooLongAtSpaces) {
  EXPECT_EQ(wrapped_line("12:00  a part of many more words\n", 18, 7),
            "12:00  a part of\n"
            "       many more\n"
            "       words\n");
}

TEST(TextWrap, WhatHasNoSpaceStaysWhole) {
  EXPECT_EQ(wrapped_line("12:00  0123456789abcdefghij  x\n", 16, 7),
            "12:00\n"
            "       0123456789abcdefghij\n"
            "       x\n");
}

TEST(TextWrap, ColoursTakeNoColumn) {
  EXPECT_EQ(wrapped_line("12:00  \x1b[31mred\x1b[0m  two\n", 15, 7),
            "12:00  \x1b[31mred\x1b[0m  two\n");
}

}  // namespace
}  // namespace rpcaudit::audit
