#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/app/netsh/netsh_console.h"
#include "engine/policy/netsh/filter_store.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/source_text.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

// The filters that a console knows and a store keeps, as it prints them.
std::vector<std::string> persistent_filters(app::NetshConsole& console) {
  std::string script;
  std::string problems;
  const std::vector<std::string> dump{"netsh", "rpc", "filter", "dump"};
  require(console.run(policy::script_line(dump, app::NetshConsole::file()), script, problems) ==
          app::NetshConsole::Result::done);
  std::vector<std::string> filters;
  for (std::size_t at = script.find("\n\n"); at != std::string::npos;) {
    const std::size_t end = script.find("\n\n", at + 2);
    std::string filter = script.substr(at, end - at);
    if (filter.find("persistence=volatile") == std::string::npos) {
      while (filter.ends_with('\n')) filter.pop_back();
      filters.push_back(std::move(filter));
    }
    at = end;
  }
  return filters;
}

}  // namespace

// Commands run on a store, whatever they are, leave there what the console has: another process
// finds the same filters and the same rule.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  policy::FilterStore store;
  require(store.open(":memory:", policy::FilterStore::Access::write));
  app::NetshConsole console(store, app::NetshConsole::Rule::of_store, {});
  console.enter(policy::NetshContext::filter);
  const policy::SourceText source = policy::SourceText::decode(std::string(data, data + size));
  if (source.is_binary()) return 0;  // the program says so and runs nothing of it
  policy::ScriptReader reader(source, app::NetshConsole::file(), console.reporter());
  for (policy::ScriptLine line; !console.has_left() && reader.next(line);) {
    std::string answers;
    std::string problems;
    require(console.run(line, answers, problems) != app::NetshConsole::Result::broken);
  }
  app::NetshConsole other(store, app::NetshConsole::Rule::of_store, {});
  require(persistent_filters(console) == persistent_filters(other));
  require(console.has_pending() == other.has_pending());
  return 0;
}
