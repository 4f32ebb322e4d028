#include "engine/app/line/command_line.h"

// The only source that includes CLI11, which takes longer to compile than the rest of this folder.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <deque>
#include <filesystem>
#include <iostream>
#include <span>
#include <string_view>

#include "engine/app/line/help_text.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::app {
namespace {

using Problem = std::optional<std::string>;

std::string meant(std::string_view word, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view nearest = policy::nearest_name(word, views);
  return nearest.empty() ? std::string() : "; did you mean `" + std::string(nearest) + "`?";
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return text;
}

template <typename Number>
Problem take_number(const Option& option, const std::string& value, Number& number) {
  const std::uint64_t max =
      std::min<std::uint64_t>(option.range.max, std::numeric_limits<Number>::max());
  std::uint64_t parsed = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, parsed);
  if (error != std::errc() || rest != end) return policy::quoted(value) + " is not a number";
  if (parsed < option.range.min || parsed > max) {
    const std::string min = std::to_string(option.range.min);
    return value + (max == UINT64_MAX ? " is less than " + min
                                      : " is not in " + min + " to " + std::to_string(max));
  }
  number = static_cast<Number>(parsed);
  return std::nullopt;
}

Problem take_value(const Option& option, const std::string& value) {
  const std::vector<std::string>& choices = option.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    return policy::quoted(value) + " is not among " + listed(choices) + meant(value, choices);
  }
  if (auto* const text = std::get_if<std::string*>(&option.target)) **text = value;
  if (auto* const list = std::get_if<std::vector<std::string>*>(&option.target)) {
    (*list)->push_back(value);
  }
  if (auto* const number = std::get_if<unsigned*>(&option.target)) {
    return take_number(option, value, **number);
  }
  if (auto* const number = std::get_if<std::uint64_t*>(&option.target)) {
    return take_number(option, value, **number);
  }
  if (const auto* const take = std::get_if<TakeValue>(&option.target)) return (*take)(value);
  return std::nullopt;
}

std::vector<std::string> parts_of(const Option& option, const std::string& value) {
  if (!option.comma_separated) return {value};
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    parts.push_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// The words of one command's line: CLI11 tells options from their values and from other words; what
// they mean, and what is said when they are wrong, is decided here.
class CommandLine {
 public:
  CommandLine(const Command& command, std::string name) : command_(command), parser_("", name) {
    parser_.set_help_flag();
    parser_.allow_extras();
    parser_.add_flag("-h,--help", help_);
    for (const OptionGroup& group : command.options.groups) {
      for (const Option& option : group.options) add(option);
    }
  }

  // Nothing when the command can run.
  Problem read(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());
    try {
      parser_.parse(words);
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string_view text = error.what();
      return "`" + std::string(text.substr(0, text.find(':'))) + "` needs a value";
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    if (help_) return std::nullopt;
    if (Problem problem = take_other_words()) return problem;
    for (const Given& given : given_) {
      if (Problem problem = take(given)) return problem;
    }
    return missing();
  }

  [[nodiscard]] bool asks_for_help() const { return help_; }

 private:
  // An option, and what its line has of it.
  struct Given {
    const Option& option;
    CLI::Option* parsed = nullptr;
    std::vector<std::string> values = {};
  };

  void add(const Option& option) {
    Given& given = given_.emplace_back(Given{option});
    if (option.is_flag()) {
      given.parsed = parser_.add_flag(option.names, *std::get<bool*>(option.target));
      return;
    }
    given.parsed = parser_.add_option(option.names, given.values);
    given.parsed->allow_extra_args(false);  // `-p a b`: b is a word of its own
  }

  Problem take_other_words() {
    std::vector<std::string>* const target = command_.options.operands.target;
    for (const std::string& word : parser_.remaining()) {
      if (word.size() > 1 && word[0] == '-') {
        return "unknown option " + policy::quoted(word) + meant(word, option_names());
      }
      if (target == nullptr) {
        return policy::quoted(word) + " is no option, and `" + command_.name +
               "` takes no other words";
      }
      target->push_back(word);
    }
    return std::nullopt;
  }

  Problem take(const Given& given) {
    const std::string name = given.option.long_name();
    if (given.parsed->count() == 0) return std::nullopt;
    for (const Given& other : given_) {
      if (other.option.long_name() == given.option.excludes && other.parsed->count() != 0) {
        return "`" + name + "` and `" + given.option.excludes + "` exclude each other";
      }
    }
    if (given.values.size() > 1 && !given.option.is_list()) return "`" + name + "` is given twice";
    for (const std::string& value : given.values) {
      for (const std::string& part : parts_of(given.option, value)) {
        if (Problem problem = take_value(given.option, part)) return name + ": " + *problem;
      }
    }
    return std::nullopt;
  }

  Problem missing() const {
    const Operands& operands = command_.options.operands;
    if (!operands.required.empty() && operands.target->empty()) return operands.required;
    for (const OptionGroup& group : command_.options.groups) {
      if (!group.required.empty() && !any_given(group)) return group.required;
    }
    return std::nullopt;
  }

  [[nodiscard]] bool any_given(const OptionGroup& group) const {
    return std::any_of(given_.begin(), given_.end(), [&group](const Given& given) {
      const Option* const first = group.options.data();
      const bool is_member = &given.option >= first && &given.option < first + group.options.size();
      return is_member && given.option.long_name() != "--allow-empty" && given.parsed->count() != 0;
    });
  }

  [[nodiscard]] std::vector<std::string> option_names() const {
    std::vector<std::string> names;
    for (const Given& given : given_) names.push_back(given.option.long_name());
    return names;
  }

  const Command& command_;
  CLI::App parser_;
  bool help_ = false;
  std::deque<Given> given_;  // CLI11 keeps references to the values
};

class Program {
 public:
  Program(const ProgramText& text, const std::vector<Command>& commands)
      : text_(text), commands_(commands) {}

  ExitStatus run(std::span<const std::string> words) const {
    if (words.empty()) {
      std::cerr << program_help(text_, commands_);
      return ExitStatus::usage;
    }
    const std::string& first = words.front();
    if (first == "-h" || first == "--help" || first == "help") return help(words.subspan(1));
    if (first == "-V" || first == "--version" || first == "version") {
      std::cout << text_.version << '\n';
      return ExitStatus::done;
    }
    const Command* const command = find(first);
    if (command == nullptr) return unknown(first);
    CommandLine line(*command, text_.name + ' ' + command->name);
    const Problem problem = line.read({words.begin() + 1, words.end()});
    if (problem) {
      return usage_error(*problem, "See `" + text_.name + ' ' + command->name + " --help`.");
    }
    if (!line.asks_for_help()) return command->run();
    std::cout << command_help(text_, *command);
    return ExitStatus::done;
  }

 private:
  [[nodiscard]] const Command* find(std::string_view name) const {
    const auto at = std::find_if(commands_.begin(), commands_.end(),
                                 [name](const Command& command) { return command.name == name; });
    return at == commands_.end() ? nullptr : &*at;
  }

  ExitStatus help(std::span<const std::string> words) const {
    const Command* const command = words.empty() ? nullptr : find(words.front());
    if (!words.empty() && command == nullptr) return unknown(words.front());
    std::cout << (command == nullptr ? program_help(text_, commands_)
                                     : command_help(text_, *command));
    return ExitStatus::done;
  }

  ExitStatus unknown(const std::string& word) const {
    std::vector<std::string> names;
    for (const Command& command : commands_) names.push_back(command.name);
    const std::string see = "See `" + text_.name + " --help`.";
    if (word.starts_with('-')) {
      return usage_error("options follow a command: " + listed(names), see);
    }
    std::error_code error;
    const bool is_file = std::filesystem::exists(word, error);
    return usage_error("unknown command " + policy::quoted(word) +
                           (is_file ? "; to read it, put a command before it: " + listed(names)
                                    : meant(word, names)),
                       see);
  }

  ExitStatus usage_error(const std::string& problem, const std::string& see) const {
    std::cerr << text_.name << ": " << problem << '\n' << see << '\n';
    return ExitStatus::usage;
  }

  const ProgramText& text_;
  const std::vector<Command>& commands_;
};

}  // namespace

OptionGroup& OptionTable::group(const std::string& name) {
  const auto at = std::find_if(groups.begin(), groups.end(),
                               [&name](const OptionGroup& group) { return group.name == name; });
  return at == groups.end() ? groups.emplace_back(OptionGroup{.name = name}) : *at;
}

ExitStatus run_command_line(const ProgramText& program, const std::vector<Command>& commands,
                            int argc, const char* const* argv) {
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  return Program(program, commands).run(words);
}

}  // namespace rpcaudit::app
