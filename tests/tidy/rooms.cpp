#include "tests/tidy/rooms.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "tests/tidy/sources.h"

namespace rpcaudit::test {
namespace {

using Names = std::vector<std::string_view>;

// From left to right: a stage sees only stages before it.
constexpr std::array<std::string_view, 6> kStages = {
    "capture", "dissect", "engine/policy", "engine/evaluate", "engine/audit", "engine/app"};

// Rooms that share the folder of their stage with others.
struct NamedRoom {
  std::string_view name;
  std::string_view folder;
  Names stems;
};

const std::vector<NamedRoom>& named_rooms() {
  static const std::vector<NamedRoom> kRooms = {
      {"capture: face", "capture", {"frame", "timestamp"}},
      {"dissect: face",
       "dissect",
       {"byte_cursor", "direction", "doubt", "endpoint", "limits", "parse_status", "rpc_observer",
        "statistics", "transport", "uuid"}},
      {"engine/policy: doors", "engine/policy", {"policy_text"}},
      {"engine/evaluate: values",
       "engine/evaluate",
       {"facts", "evaluation_options", "field_visibility", "host_knowledge", "opnum_range",
        "sublayers", "truth", "uint128", "verdict"}},
      {"engine/app: face", "engine/app", {"exit_status", "log", "version"}},
  };
  return kRooms;
}

// What each room may include besides itself. `stage/*` are all rooms of a stage.
const std::map<std::string_view, Names>& edges() {
  static const std::map<std::string_view, Names> kEdges = {
      {"capture: face", {}},
      {"capture", {"capture: face"}},
      {"capture/live", {"capture: face", "capture"}},

      {"dissect: face", {"capture: face"}},
      {"dissect/store", {"capture: face", "dissect: face"}},
      {"dissect/net", {"capture: face", "dissect: face", "dissect/store"}},
      {"dissect/tcp", {"capture: face", "dissect: face", "dissect/store", "dissect/net"}},
      {"dissect/stubs", {"capture: face", "dissect: face", "dissect/store"}},
      {"dissect/rpc/pdus", {"capture: face", "dissect: face", "dissect/store"}},
      {"dissect/rpc",
       {"capture: face", "dissect: face", "dissect/store", "dissect/stubs", "dissect/rpc/pdus"}},
      {"dissect/smb/messages", {"capture: face", "dissect: face", "dissect/store"}},
      {"dissect/smb",
       {"capture: face", "dissect: face", "dissect/store", "dissect/rpc", "dissect/rpc/pdus",
        "dissect/smb/messages"}},
      {"dissect", {"capture: face", "dissect/*"}},

      {"engine/policy/text", {"dissect: face"}},
      {"engine/policy", {"dissect: face", "engine/policy/text"}},
      {"engine/policy/netsh", {"dissect: face", "engine/policy", "engine/policy/text"}},
      {"engine/policy/host",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/policy/netsh",
        "engine/policy/listings"}},
      {"engine/policy/listings",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/policy/netsh"}},
      {"engine/policy/documents",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/policy/host",
        "engine/policy/listings"}},
      {"engine/policy/check",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/policy/netsh"}},
      {"engine/policy/deployments", {"dissect: face", "engine/policy", "engine/policy/text"}},
      {"engine/policy: doors", {"dissect: face", "engine/policy/*"}},

      {"engine/evaluate: values", {"dissect: face", "engine/policy", "engine/policy/text"}},
      {"engine/evaluate/filters",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/evaluate: values"}},
      {"engine/evaluate/controls",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/policy/check",
        "engine/policy/deployments", "engine/evaluate: values"}},
      {"engine/evaluate",
       {"dissect: face", "engine/policy", "engine/policy/text", "engine/policy/netsh",
        "engine/evaluate/*"}},

      {"engine/audit/text", {"capture: face", "dissect: face"}},
      {"engine/audit/schema", {}},
      {"engine/audit/catalogue", {"dissect: face"}},
      {"engine/audit/event",
       {"capture: face", "dissect: face", "engine/policy", "engine/policy/text",
        "engine/evaluate: values", "engine/evaluate", "engine/audit/catalogue"}},
      {"engine/audit/tally",
       {"capture: face", "dissect: face", "engine/policy", "engine/evaluate/*",
        "engine/audit/event", "engine/audit/text"}},
      {"engine/audit/sink",
       {"capture: face", "dissect: face", "engine/policy", "engine/policy/netsh",
        "engine/evaluate/*", "engine/audit/catalogue", "engine/audit/event", "engine/audit/tally",
        "engine/audit/text", "engine/audit/schema"}},
      {"engine/audit/relay",
       {"capture: face", "dissect: face", "engine/evaluate: values", "engine/evaluate",
        "engine/audit/event"}},
      {"engine/audit/report",
       {"capture: face", "dissect: face", "engine/policy", "engine/policy/check",
        "engine/policy/listings", "engine/policy/netsh", "engine/evaluate/*",
        "engine/audit/catalogue", "engine/audit/event", "engine/audit/tally", "engine/audit/text",
        "engine/audit/sink", "engine/audit/schema"}},
      {"engine/audit",
       {"capture: face", "dissect: face", "engine/policy", "engine/evaluate/*",
        "engine/audit/catalogue", "engine/audit/event", "engine/audit/tally", "engine/audit/text"}},

      {"engine/app: face", {}},
      {"engine/app/line", {"engine/policy/*", "engine/app: face"}},
      {"engine/app/explain",
       {"dissect/*", "engine/policy/*", "engine/evaluate/*", "engine/audit/*", "engine/app: face"}},
      {"engine/app/process", {"dissect/*", "engine/audit/*", "engine/app: face"}},
      {"engine/app/run",
       {"capture/*", "dissect/*", "engine/policy/*", "engine/evaluate/*", "engine/audit/*",
        "engine/app: face", "engine/app/process"}},
      {"engine/app/policies",
       {"capture/*", "dissect/*", "engine/policy/*", "engine/evaluate/*", "engine/audit/*",
        "engine/app: face", "engine/app/process", "engine/app/run"}},
      {"engine/app/netsh", {"dissect: face", "engine/policy/*"}},
      {"engine/app/operate",
       {"capture: face", "dissect/*", "engine/policy/*", "engine/evaluate/*", "engine/audit/*",
        "engine/app: face", "engine/app/process"}},
      {"engine/app/live",
       {"capture/*", "dissect/*", "engine/policy/*", "engine/evaluate/*", "engine/audit/*",
        "engine/app: face", "engine/app/process", "engine/app/run", "engine/app/policies",
        "engine/app/operate", "engine/app/netsh"}},
      {"engine/app/commands",
       {"capture/*", "dissect/*", "engine/policy/*", "engine/evaluate/*", "engine/audit/*",
        "engine/app: face", "engine/app/line", "engine/app/process", "engine/app/run",
        "engine/app/policies", "engine/app/explain", "engine/app/live", "engine/app/operate",
        "engine/app/netsh"}},
      {"engine/app", {"engine/app: face", "engine/app/line", "engine/app/commands"}},
  };
  return kEdges;
}

// What a stage may see of an earlier one: these headers. The program sees everything.
struct Sight {
  std::string_view stage;
  std::string_view of;
  Names headers;
};

const std::vector<Sight>& sights() {
  static const std::vector<Sight> kSights = {
      {"dissect", "capture", {"capture/frame.h", "capture/timestamp.h"}},
      {"engine/policy", "dissect", {"dissect/endpoint.h", "dissect/uuid.h"}},
      {"engine/evaluate",
       "dissect",
       {"dissect/endpoint.h", "dissect/rpc_observer.h", "dissect/transport.h", "dissect/uuid.h"}},
      {"engine/evaluate",
       "engine/policy",
       {"engine/policy/caller_token.h", "engine/policy/check/host_validator.h",
        "engine/policy/deployment.h", "engine/policy/deployments/observed_registrations.h",
        "engine/policy/text/enum_names.h", "engine/policy/field.h", "engine/policy/filter_weight.h",
        "engine/policy/host_settings.h", "engine/policy/ipsec_policy.h", "engine/policy/layer.h",
        "engine/policy/match_type.h", "engine/policy/netsh/printer.h", "engine/policy/policy.h",
        "engine/policy/sddl.h", "engine/policy/target.h", "engine/policy/text/spelling.h"}},
      {"engine/audit", "capture", {"capture/timestamp.h"}},
      {"engine/audit",
       "dissect",
       {"dissect/endpoint.h", "dissect/limits.h", "dissect/rpc_observer.h", "dissect/transport.h",
        "dissect/uuid.h"}},
      {"engine/audit",
       "engine/policy",
       {"engine/policy/check/host_validator.h", "engine/policy/listings/endpoint_listing.h",
        "engine/policy/text/enum_names.h", "engine/policy/netsh/printer.h",
        "engine/policy/netsh/rule_name.h", "engine/policy/policy.h", "engine/policy/target.h"}},
      {"engine/audit",
       "engine/evaluate",
       {"engine/evaluate/controls/control_text.h", "engine/evaluate/controls/host_controls.h",
        "engine/evaluate/facts.h", "engine/evaluate/server_policies.h",
        "engine/evaluate/verdict.h"}},
  };
  return kSights;
}

// Who may include the headers of a library: the files whose path begins so.
struct Library {
  std::string_view header;
  std::string_view user;
};

constexpr Library kLibraries[] = {
    {"lz4", "capture/"},
    {"lzma.h", "capture/"},
    {"pcap", "capture/"},
    {"tins/", "capture/"},
    {"zlib.h", "capture/"},
    {"zstd", "capture/"},
    {"sqlite3.h", "engine/policy/netsh/"},
    {"toml++/", "engine/policy/deployments/"},
    {"pugixml", "engine/policy/documents/"},
    {"openssl/", "engine/audit/text/"},
    {"CLI/", "engine/app/line/command_line.cpp"},
    {"editline/", "engine/app/commands/"},
    {"rapidjson/", "engine/app/commands/"},
    {"rapidjson/", "engine/app/operate/"},
    {"prometheus/", "engine/app/operate/metrics.cpp"},
    {"systemd/", "engine/app/operate/service_notice.cpp"},
    {"microhttpd.h", "engine/app/operate/http_server.cpp"},
    {"rapidjson/", "engine/audit/report/"},
    {"spdlog/", "engine/app/log.cpp"},
};

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view stage_of_room(std::string_view room) {
  return stage_of(std::string(room.substr(0, room.find(':'))) + "/");
}

bool has_edge(std::string_view from, std::string_view to) {
  const auto found = edges().find(from);
  if (found == edges().end()) return false;
  if (contains(found->second, to)) return true;
  return contains(found->second, std::string(stage_of_room(to)) + "/*");
}

bool may_see(std::string_view stage, std::string_view included) {
  const std::string_view of = stage_of(included);
  if (of == stage || stage == "engine/app") return true;
  return std::any_of(sights().begin(), sights().end(), [&](const Sight& sight) {
    return sight.stage == stage && sight.of == of && contains(sight.headers, included);
  });
}

bool may_use_library(std::string_view path, std::string_view header) {
  bool has_users = false;
  for (const Library& library : kLibraries) {
    if (!header.starts_with(library.header)) continue;
    if (path.starts_with(library.user)) return true;
    has_users = true;
  }
  return !has_users;
}

// The rooms that `way` can go on to lead back to its first one, if any do.
bool close_circle(std::vector<std::string>& way, std::set<std::string_view>& done) {
  const std::string room = way.back();
  for (const auto& [next, unused] : edges()) {
    if (next == room || !has_edge(room, next)) continue;
    const bool closes = std::find(way.begin(), way.end(), next) != way.end();
    if (!closes && done.contains(next)) continue;
    way.emplace_back(next);
    if (closes || close_circle(way, done)) return true;
    way.pop_back();
  }
  done.insert(edges().find(room)->first);
  return false;
}

}  // namespace

std::string_view stage_of(std::string_view path) {
  const auto found = std::find_if(kStages.begin(), kStages.end(), [path](std::string_view stage) {
    return path.starts_with(stage) && path.substr(stage.size()).starts_with('/');
  });
  return found == kStages.end() ? std::string_view() : *found;
}

std::string_view room_of(std::string_view path) {
  if (stage_of(path).empty()) return {};
  const std::string_view folder = folder_of(path);
  for (const NamedRoom& room : named_rooms()) {
    if (room.folder == folder && contains(room.stems, stem_of(path))) return room.name;
  }
  return folder;
}

bool may_include(std::string_view path, std::string_view included) {
  if (stage_of(included).empty()) return may_use_library(path, included);
  const std::string_view from = room_of(path);
  const std::string_view to = room_of(included);
  return (from == to || has_edge(from, to)) && may_see(stage_of(path), included);
}

std::vector<std::string> find_circle() {
  std::set<std::string_view> done;
  for (const auto& [room, unused] : edges()) {
    std::vector<std::string> way = {std::string(room)};
    if (!done.contains(room) && close_circle(way, done)) return way;
  }
  return {};
}

}  // namespace rpcaudit::test
