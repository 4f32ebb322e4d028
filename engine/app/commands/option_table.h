#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rpcaudit::app {

// Stores the value of an option. Returns what is wrong with the value, lower case without a final
// period, or nothing.
using TakeValue = std::function<std::optional<std::string>(const std::string& value)>;

// Where the values of an option go: a flag becomes true, a text or number is replaced, a list
// grows. What a pointer names must outlive the reading of the command line.
using OptionTarget = std::variant<bool*, std::string*, std::vector<std::string>*, unsigned*,
                                  std::uint64_t*, TakeValue>;

// The numbers that an option takes, both ends included.
struct NumberRange {
  std::uint64_t min = 0;
  std::uint64_t max = UINT64_MAX;
};

// One option of a command, as its --help shows it.
struct Option {
  std::string names;            // "-r,--read"
  std::string value_name = {};  // what stands for the value in --help; empty for a flag
  std::string help;
  OptionTarget target = {};
  std::vector<std::string> choices = {};  // the words that it takes; none: any
  NumberRange range = {};                 // of a number
  bool comma_separated = false;           // one value may hold several of a list
  bool repeatable = false;                // a TakeValue is called for each value
  bool required = false;
  std::string excludes = {};  // the name of an option before it that cannot be given together
};

// Options under a heading of their own.
struct OptionGroup {
  std::string name;
  std::vector<Option> options = {};
  bool required = false;  // at least one of them must be given
};

// What a command accepts on its command line.
struct OptionTable {
  std::vector<Option> options;
  std::vector<OptionGroup> groups;
};

}  // namespace rpcaudit::app
