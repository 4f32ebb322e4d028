#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/commands/commands.h"
#include "engine/audit/schema/schemas.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

struct Schema {
  std::string_view name;
  std::string_view (*text)() noexcept;
};

constexpr Schema kSchemas[] = {{"records", audit::records_schema},
                               {"summary", audit::summary_schema},
                               {"explanation", audit::explanation_schema},
                               {"diagnostics", audit::diagnostics_schema}};

ExitStatus print_schema(const std::vector<std::string>& names) {
  const std::string name = names.empty() ? "records" : names[0];
  const auto row = std::find_if(std::begin(kSchemas), std::end(kSchemas),
                                [&name](const Schema& schema) { return schema.name == name; });
  if (names.size() > 1 || row == std::end(kSchemas)) {
    std::cerr << "rpcaudit: `" << audit::terminal_text(names.back())
              << "` is no schema: name records, summary, explanation or diagnostics\n";
    return ExitStatus::usage;
  }
  std::cout << row->text();
  return std::cout.flush() ? ExitStatus::done : ExitStatus::data;
}

}  // namespace

Command schema_command() {
  const auto names = std::make_shared<std::vector<std::string>>();
  Command command{
      .name = "schema",
      .summary = "Print the JSON Schema of what is written as JSON.",
      .footer =
          "Examples:\n"
          "  rpcaudit schema records      of each line of `audit`, `calls`, `endpoints`\n"
          "  rpcaudit schema summary      of the document of --summary FILE\n"
          "  rpcaudit schema explanation  of `explain --format json`\n"
          "  rpcaudit schema diagnostics  of each line of `check --format json`\n"
          "\n"
          "Draft 2020-12. `schema` in records and summary is its version.\n",
      .run = [names] { return print_schema(*names); }};
  command.options.operands.name = "WHAT";
  command.options.operands.target = names.get();
  return command;
}

}  // namespace rpcaudit::app
