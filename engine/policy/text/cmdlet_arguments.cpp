#include "engine/policy/text/cmdlet_arguments.h"

#include <algorithm>
#include <cctype>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

bool is_parameter(const Word& word) noexcept {
  return !word.quoted && word.text.size() > 1 && word.text[0] == '-' &&
         std::isalpha(static_cast<unsigned char>(word.text[1])) != 0;
}

bool is_one_of(std::string_view written, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [written](std::string_view name) {
    return equal_ignoring_case(written, name);
  });
}

}  // namespace

CmdletArguments::CmdletArguments(std::span<const Word> words,
                                 std::initializer_list<std::string_view> switches) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_parameter(words[i])) {
      positional_.push_back(words[i]);
      continue;
    }
    const std::size_t colon = words[i].text.find(':');
    Parameter parameter{words[i].text.substr(1, colon - 1), words[i], false};
    if (colon != std::string::npos && colon + 1 < words[i].text.size()) {
      parameter.value = words[i].slice(colon + 1, std::string::npos);
    } else if (is_one_of(parameter.name, switches)) {
      parameter.is_switch = true;
    } else if (i + 1 < words.size() && !is_parameter(words[i + 1])) {
      parameter.value = words[++i];
    } else {
      parameter.is_switch = true;
    }
    parameters_.push_back(std::move(parameter));
  }
}

const Word* CmdletArguments::find(std::initializer_list<std::string_view> names) const {
  for (const Parameter& parameter : parameters_) {
    if (!parameter.is_switch && is_one_of(parameter.name, names)) return &parameter.value;
  }
  return nullptr;
}

bool CmdletArguments::has(std::string_view switch_name) const {
  return std::any_of(parameters_.begin(), parameters_.end(), [&](const Parameter& parameter) {
    if (!equal_ignoring_case(parameter.name, switch_name)) return false;
    return parameter.is_switch || !equal_ignoring_case(parameter.value.text, "$false");
  });
}

}  // namespace rpcaudit::policy
