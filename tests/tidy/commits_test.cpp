// Every commit says in a short subject what it does, and in its body why.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/places.h"

namespace rpcaudit::test {
namespace {

constexpr std::size_t kSubjectMax = 60;
// The rule holds for commits after this one.
constexpr const char* kLastUnchecked = "014a51d";

// What `git` writes when it is run in the folder of the sources; nothing when it fails.
std::optional<std::string> git(const std::string& arguments) {
  const std::string command = "git -C '" + source_folder() + "' " + arguments + " 2>/dev/null";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string output;
  std::array<char, 4096> piece;
  for (std::size_t count = 0; (count = std::fread(piece.data(), 1, piece.size(), pipe)) != 0;) {
    output.append(piece.data(), count);
  }
  if (::pclose(pipe) != 0) return std::nullopt;
  return output;
}

// What is wrong with a commit, or nothing.
std::string fault_of(std::string_view subject, std::string_view body) {
  if (subject.size() > kSubjectMax) {
    return "a subject of " + std::to_string(subject.size()) + " characters";
  }
  return body.find_first_not_of(" \n") == std::string_view::npos ? "no body that says why" : "";
}

TEST(Tidy, CommitsHaveAShortSubjectAndABody) {
  const std::optional<std::string> log =
      git(std::string("log --no-merges --format=%h%n%s%n%b%x00 ") + kLastUnchecked + "..HEAD");
  if (!log) GTEST_SKIP() << "there is no git, or no history back to " << kLastUnchecked;
  std::string_view rest = *log;
  while (rest.find('\0') != std::string_view::npos) {
    std::string_view commit = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(commit.size() + 1);
    commit.remove_prefix(std::min(commit.find_first_not_of('\n'), commit.size()));
    const std::size_t end_of_hash = commit.find('\n');
    const std::size_t end_of_subject = commit.find('\n', end_of_hash + 1);
    const std::string_view subject =
        commit.substr(end_of_hash + 1, end_of_subject - end_of_hash - 1);
    const std::string fault = fault_of(subject, commit.substr(end_of_subject));
    if (!fault.empty()) ADD_FAILURE() << commit.substr(0, end_of_subject) << ": " << fault;
  }
}

TEST(Tidy, RuleOfCommitsItself) {
  EXPECT_EQ(fault_of(std::string(60, 'x'), "\nBecause.\n"), "");
  EXPECT_EQ(fault_of(std::string(61, 'x'), "\nBecause.\n"), "a subject of 61 characters");
  EXPECT_EQ(fault_of("Do it", "\n\n"), "no body that says why");
}

}  // namespace
}  // namespace rpcaudit::test
