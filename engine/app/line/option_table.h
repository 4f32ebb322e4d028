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
  std::string help;             // sentences, in one line: --help breaks them
  OptionTarget target = {};
  std::vector<std::string> choices = {};  // the words that it takes; none: any
  NumberRange range = {};                 // of a number
  bool comma_separated = false;           // one value may hold several of a list
  bool repeatable = false;                // a TakeValue is called for each value
  std::string excludes = {};  // the name of an option that cannot be given together with it

  [[nodiscard]] std::string long_name() const { return names.substr(names.rfind(',') + 1); }
  [[nodiscard]] bool is_flag() const { return std::holds_alternative<bool*>(target); }
  [[nodiscard]] bool is_list() const {
    return repeatable || std::holds_alternative<std::vector<std::string>*>(target);
  }
};

// Options under a heading of --help, those that are used most first.
struct OptionGroup {
  std::string name;
  std::vector<Option> options = {};
  std::string required = {};  // what to do about it when none of them is given; empty: nothing
};

// Words of a command line that are no options.
struct Operands {
  std::string name;                            // what stands for them in --help: "CAPTURE"
  std::vector<std::string>* target = nullptr;  // nowhere: the command takes none
  std::string required = {};  // what to do about it when `target` stays empty; empty: nothing
};

// What a command accepts on its command line. Its --help shows the groups in the order in which
// they were first asked for.
struct OptionTable {
  std::vector<OptionGroup> groups = {};
  Operands operands = {};

  [[nodiscard]] OptionGroup& group(const std::string& name);
};

}  // namespace rpcaudit::app
