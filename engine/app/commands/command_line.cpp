#include "engine/app/commands/command_line.h"

// The only source that includes CLI11, which takes longer to compile than the rest of this folder.
#include <CLI/CLI.hpp>

namespace rpcaudit::app {
namespace {

CLI::Option* add_value(CLI::App& parent, const Option& option, const TakeValue& take) {
  const std::string long_name = option.names.substr(option.names.rfind(',') + 1);
  const auto take_or_throw = [take, long_name](const std::string& value) {
    const std::optional<std::string> problem = take(value);
    if (problem) throw CLI::ValidationError(long_name, *problem);
  };
  return parent.add_option_function<std::string>(option.names, take_or_throw, option.help);
}

template <typename Number>
CLI::Option* add_number(CLI::App& parent, const Option& option, Number& number) {
  constexpr Number kMax = std::numeric_limits<Number>::max();
  const std::uint64_t max = std::min<std::uint64_t>(option.range.max, kMax);
  CLI::Range range(option.range.min, max);
  range.description(max == kMax ? std::string()
                                : "INT in [" + std::to_string(option.range.min) + " - " +
                                      std::to_string(max) + "]");
  return parent.add_option(option.names, number, option.help)->check(range);
}

CLI::Option* add_by_target(CLI::App& parent, const Option& option) {
  if (const auto* flag = std::get_if<bool*>(&option.target)) {
    return parent.add_flag(option.names, **flag, option.help);
  }
  if (const auto* text = std::get_if<std::string*>(&option.target)) {
    return parent.add_option(option.names, **text, option.help);
  }
  if (const auto* list = std::get_if<std::vector<std::string>*>(&option.target)) {
    return parent.add_option(option.names, **list, option.help);
  }
  if (const auto* number = std::get_if<unsigned*>(&option.target)) {
    return add_number(parent, option, **number);
  }
  if (const auto* number = std::get_if<std::uint64_t*>(&option.target)) {
    return add_number(parent, option, **number);
  }
  return add_value(parent, option, std::get<TakeValue>(option.target));
}

void add_option(CLI::App& parent, const Option& option) {
  CLI::Option* const added = add_by_target(parent, option);
  if (!option.value_name.empty()) added->type_name(option.value_name);
  if (!option.choices.empty()) added->check(CLI::IsMember(option.choices).description(""));
  if (option.comma_separated) added->delimiter(',');
  if (option.repeatable) added->trigger_on_parse();
  added->required(option.required);
  if (!option.excludes.empty()) added->excludes(parent.get_option(option.excludes));
}

void add_group(CLI::App& parent, const OptionGroup& group) {
  CLI::Option_group* const added = parent.add_option_group(group.name);
  for (const Option& option : group.options) add_option(*added, option);
  if (group.required) added->require_option(1, group.options.size());
}

CLI::App* add_command(CLI::App& program, const Command& command) {
  CLI::App* const added = program.add_subcommand(command.name, command.summary);
  added->footer(command.footer);
  for (const Option& option : command.options.options) add_option(*added, option);
  for (const OptionGroup& group : command.options.groups) add_group(*added, group);
  added->allow_extras(command.takes_words);
  return added;
}

}  // namespace

ExitStatus run_command_line(const ProgramText& program, const std::vector<Command>& commands,
                            int argc, const char* const* argv) {
  CLI::App app(program.description, program.name);
  app.footer(program.footer);
  app.set_version_flag("--version", program.version);
  app.require_subcommand(1);
  std::vector<const CLI::App*> parsed;
  for (const Command& command : commands) parsed.push_back(add_command(app, command));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_answer = app.exit(error) == 0;  // --help, --version
    return is_answer ? ExitStatus::done : ExitStatus::usage;
  }
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (parsed[i]->parsed()) return commands[i].run(parsed[i]->remaining());
  }
  return ExitStatus::usage;
}

}  // namespace rpcaudit::app
