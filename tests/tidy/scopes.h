#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::test {

// A named namespace or the body of a function in a source of C++.
struct Scope {
  enum class Kind : unsigned char { namespace_, function };

  Kind kind = Kind::function;
  std::string name;       // of a namespace; empty when it is anonymous, and of a function
  std::size_t first = 0;  // the lines, counted from 1: from the name to the closing brace
  std::size_t last = 0;
};

// The namespaces and functions of a source, in order of their ends. A reader of braces and no
// compiler: functions inside of functions, as lambdas, belong to the outer one; macros with a body
// in braces, as TEST(), are functions.
[[nodiscard]] std::vector<Scope> find_scopes(const std::vector<std::string>& lines);

}  // namespace rpcaudit::test
