#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "engine/app/commands/commands.h"
#include "engine/audit/schema/schemas.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

ExitStatus print_schema(const std::vector<std::string>& names) {
  if (names.size() > 1 || (names.size() == 1 && names[0] != "records" && names[0] != "summary")) {
    std::cerr << "rpcaudit: `" << audit::terminal_text(names.back())
              << "` is no schema: name records or summary\n";
    return ExitStatus::usage;
  }
  const bool is_summary = !names.empty() && names[0] == "summary";
  std::cout << (is_summary ? audit::summary_schema() : audit::records_schema());
  return std::cout.flush() ? ExitStatus::done : ExitStatus::data;
}

}  // namespace

Command schema_command() {
  const auto names = std::make_shared<std::vector<std::string>>();
  Command command{
      .name = "schema",
      .summary = "Print the JSON Schema of records, or of the summary as data.",
      .footer =
          "Examples:\n"
          "  rpcaudit schema records     of each line of `audit`, `calls`, `endpoints`\n"
          "  rpcaudit schema summary     of the document of --summary FILE\n"
          "\n"
          "Draft 2020-12. `schema` in records and summary is its version.\n",
      .run = [names] { return print_schema(*names); }};
  command.options.operands.name = "WHAT";
  command.options.operands.target = names.get();
  return command;
}

}  // namespace rpcaudit::app
