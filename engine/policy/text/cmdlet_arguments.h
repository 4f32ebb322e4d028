#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// The arguments of a cmdlet: `-Name value`, `-Name:value`, switches, and values without a name.
// Names are taken in full only.
class CmdletArguments {
 public:
  // `words` are those behind the cmdlet; `switches` are the parameters that take no value.
  CmdletArguments(std::span<const Word> words, std::initializer_list<std::string_view> switches);

  // The value of the parameter with one of these names; null when it is not given.
  [[nodiscard]] const Word* find(std::initializer_list<std::string_view> names) const;
  [[nodiscard]] bool has(std::string_view switch_name) const;
  // Values without a name, in order.
  [[nodiscard]] std::span<const Word> positional() const noexcept { return positional_; }

 private:
  struct Parameter {
    std::string name;  // without the dash
    Word value;        // of the parameter itself for a switch
    bool is_switch = false;
  };

  std::vector<Parameter> parameters_;
  std::vector<Word> positional_;
};

}  // namespace rpcaudit::policy
