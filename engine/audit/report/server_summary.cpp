#include "engine/audit/report/server_summary.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {
namespace {

constexpr std::size_t kServersShown = 40;
constexpr std::array<std::size_t, 6> kWidths{16, 14, 11, 10, 10, 13};

void append_cell(std::string& line, std::size_t column, const std::string& text) {
  const std::size_t width = kWidths[column];
  const bool is_number = column >= 3;
  if (is_number && text.size() < width) line.append(width - text.size(), ' ');
  line += text;
  if (!is_number && text.size() < width) line.append(width - text.size(), ' ');
  if (!is_number) line += ' ';
}

std::string row(const std::array<std::string, 6>& cells) {
  std::string line = "  ";
  for (std::size_t i = 0; i < cells.size(); ++i) append_cell(line, i, cells[i]);
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

std::string target_of(const evaluate::ServerPolicies& policies, std::uint32_t policy) {
  const auto target = policies.options(policy).target;
  return target ? std::string(to_string(*target)) : std::string("documented");
}

// The target that would block most of the server's calls, where it is another than what is shown.
std::string worst_target_text(const ServerTally& server) {
  const auto worst = std::max_element(server.blocked_on.begin(), server.blocked_on.end());
  const std::uint64_t shown = server.blocked_on[0];
  if (*worst <= shown) return {};
  const auto target = static_cast<policy::Target>(worst - server.blocked_on.begin());
  return "  " + grouped(*worst) + " on " + std::string(to_string(target));
}

std::string server_line(const ServerTable::Map::Entry& entry,
                        const evaluate::ServerPolicies& policies) {
  const ServerTally& server = entry.value;
  const auto count = [&server](evaluate::VerdictAction action) {
    return grouped(server.actions[static_cast<std::size_t>(action)]);
  };
  const std::string& name = policies.name(server.policy);
  std::string line = row({to_string(entry.key.address), name.empty() ? "-" : terminal_text(name),
                          target_of(policies, server.policy), grouped(server.calls),
                          count(evaluate::VerdictAction::would_block),
                          count(evaluate::VerdictAction::undecidable)});
  if (!policies.options(server.policy).target) line += worst_target_text(server);
  if (server.is_controller) line += "  domain controller";
  return line + '\n';
}

std::string silent_part(const std::set<IpAddress>& seen, const evaluate::ServerPolicies& policies) {
  std::string text;
  std::size_t count = 0;
  for (const IpAddress& server : policies.single_servers()) {
    if (seen.contains(server)) continue;
    if (++count <= kServersShown) text += (count == 1 ? "" : ", ") + to_string(server);
  }
  if (count == 0) return {};
  if (count > kServersShown) text += " and " + std::to_string(count - kServersShown) + " more";
  return "  no call seen of " + text + "\n";
}

}  // namespace

std::string server_summary(const AuditTally& tally, const evaluate::ServerPolicies& policies) {
  std::vector<const ServerTable::Map::Entry*> servers;
  std::set<IpAddress> seen;
  for (const auto& entry : tally.servers.entries()) {
    seen.insert(entry.key.address);
    if (entry.value.calls != 0) servers.push_back(&entry);
  }
  const std::string silent = silent_part(seen, policies);
  if (servers.size() < 2 && silent.empty()) return {};
  const auto blocked = [](const auto* entry) {
    return *std::max_element(entry->value.blocked_on.begin(), entry->value.blocked_on.end());
  };
  std::sort(servers.begin(), servers.end(), [&](const auto* a, const auto* b) {
    return blocked(a) != blocked(b) ? blocked(a) > blocked(b) : a->key < b->key;
  });
  std::string text =
      "\nServers\n" + row({"server", "policy", "target", "calls", "blocked", "undecidable"}) + '\n';
  for (std::size_t i = 0; i < std::min(servers.size(), kServersShown); ++i) {
    text += server_line(*servers[i], policies);
  }
  if (servers.size() > kServersShown) {
    text += "  and " + std::to_string(servers.size() - kServersShown) + " more servers\n";
  }
  if (tally.servers.overflow() != 0) {
    text += "  calls of further servers, that found no place here: " +
            grouped(tally.servers.overflow()) + "\n";
  }
  return text + silent;
}

}  // namespace rpcaudit::audit
