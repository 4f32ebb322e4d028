// Functions are short, and every file is in the namespace of its stage.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/rooms.h"
#include "tests/tidy/scopes.h"
#include "tests/tidy/sources.h"

namespace rpcaudit::test {
namespace {

constexpr std::size_t kFunctionLinesMax = 70;

// Whether the function does nothing but list the rows of a table, as tests do.
bool lists_rows(const Source& source, const Scope& scope) {
  if (!source.path.starts_with("tests/")) return false;
  const std::size_t end = std::min(scope.first + 6, source.lines.size());
  for (std::size_t i = scope.first; i < end; ++i) {
    const std::string_view line = source.lines[i];
    if (line.ends_with("return {") || line.ends_with(" = {")) return true;
  }
  return false;
}

TEST(Tidy, FunctionsFitIn70Lines) {
  for (const Source& source : all_sources()) {
    if (!is_code(source)) continue;
    for (const Scope& scope : find_scopes(source.lines)) {
      const std::size_t lines = scope.last - scope.first + 1;
      if (scope.kind != Scope::Kind::function || lines <= kFunctionLinesMax) continue;
      if (lists_rows(source, scope)) continue;
      ADD_FAILURE() << source.path << ":" << scope.first << ": a function of " << lines << " lines";
    }
  }
}

// `rpcaudit::policy` for a file of engine/policy.
std::string namespace_of(std::string_view stage) {
  const std::size_t slash = stage.find('/');
  return "rpcaudit::" +
         std::string(slash == std::string_view::npos ? stage : stage.substr(slash + 1));
}

// Values that every stage speaks of are in `rpcaudit` itself; namespaces of others are only
// opened to declare their names.
TEST(Tidy, EveryStageHasANamespace) {
  for (const Source& source : all_sources()) {
    if (!is_code(source) || stage_of(source.path).empty()) continue;
    const std::string own = namespace_of(stage_of(source.path));
    for (const Scope& scope : find_scopes(source.lines)) {
      if (scope.kind != Scope::Kind::namespace_ || !scope.name.starts_with("rpcaudit")) continue;
      const bool is_of_values =
          scope.name == "rpcaudit" && room_of(source.path).ends_with(": face");
      if (scope.name == own || is_of_values) continue;
      ADD_FAILURE() << source.path << ":" << scope.first << ": namespace " << scope.name
                    << " in place of " << own;
    }
  }
}

struct ScopeCase {
  const char* what;
  std::vector<std::string> lines;
  std::string found;  // "name:first-last" of a namespace, "first-last" of a function
};

const ScopeCase kScopeCases[] = {
    {"a function in a namespace", {"namespace a::b {", "int f() {", "}", "}"}, "2-3 a::b:1-4 "},
    {"an anonymous namespace", {"namespace {", "}"}, ":1-2 "},
    {"a signature of several lines", {"int f(int a,", "      int b)", "{", "}"}, "1-4 "},
    {"a method", {"class A : B<C> {", " public:", "  int f() const {", "  }", "};"}, "3-4 "},
    {"what an initialiser lists", {"constexpr int kA[] = {", "  1,", "  f(2),", "};"}, ""},
    {"a lambda as a value", {"const auto f = [](int a) {", "};"}, ""},
    {"a lambda in a function", {"int f() {", "  g([] {", "  });", "}"}, "1-4 "},
    {"an operator", {"A& operator=(const A&) {", "}"}, "1-2 "},
    {"defaults of a template", {"template <class T = int>", "void f() {", "}"}, "1-3 "},
    {"a brace in a literal", {"char f() {", "  return '}';", "}", "int a = 1'0;"}, "1-3 "},
    {"a brace in a comment", {"int f() {  // }", "/* } */", "}"}, "1-3 "},
    {"a brace in a string", {"auto f() {", "  return \"}\\\"}\";", "}"}, "1-3 "},
    {"a brace in a raw string", {"auto f() {", "  return R\"(", "})\";", "}"}, "1-4 "},
    {"a brace in a macro", {"#define A { \\", "  {", "int f() {", "}"}, "3-4 "},
};

TEST(Tidy, ReaderOfScopesItself) {
  for (const ScopeCase& row : kScopeCases) {
    std::string found;
    for (const Scope& scope : find_scopes(row.lines)) {
      if (scope.kind == Scope::Kind::namespace_) found += scope.name + ":";
      found += std::to_string(scope.first) + "-" + std::to_string(scope.last) + " ";
    }
    EXPECT_EQ(found, row.found) << row.what;
  }
}

}  // namespace
}  // namespace rpcaudit::test
