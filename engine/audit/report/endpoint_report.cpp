// The inventory as records and as a table.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/report/endpoint_inventory.h"
#include "engine/audit/sink/json_line.h"
#include "engine/audit/sink/record_values.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {
namespace {

std::string_view how_learned(const EndpointSighting& sighting) {
  if (sighting.announced && sighting.bound) return "both";
  return sighting.announced ? "announced" : sighting.bound ? "bound" : "listed";
}

bool was_seen(const EndpointSighting& sighting) { return sighting.announced || sighting.bound; }

std::string version_text(const dissect::SyntaxId& interface) {
  return std::to_string(interface.version_major) + "." + std::to_string(interface.version_minor);
}

void write_time(JsonLine& line, std::string_view key, Timestamp time) {
  line.raw(key, Rfc3339Writer::kSizeMax + 2, [&](char* out) {
    *out++ = '"';
    out = Rfc3339Writer().write(time, out);
    *out++ = '"';
    return out;
  });
}

std::string short_time(Timestamp time) {
  char text[Rfc3339Writer::kSizeMax];
  Rfc3339Writer writer;
  return {text, writer.write_short(time, text)};
}

void write_record(const ServedEndpoint& endpoint, const EndpointSighting& sighting,
                  std::string_view head, OutputBuffer& out) {
  JsonLine line(out);
  write_time(line, "timestamp", sighting.last_seen);
  line.plain("event_type", "rpc_endpoint");
  line.members(head);
  line.plain("dest_ip", to_string(endpoint.server));
  if (endpoint.port != 0) line.number("dest_port", endpoint.port);
  line.open("rpc");
  line.plain("transport", to_string(endpoint.protocol));
  if (!endpoint.name.empty()) {
    line.text(endpoint.protocol == dissect::TowerProtocol::ncacn_np ? "pipe" : "endpoint",
              endpoint.name);
  }
  line.uuid("interface", endpoint.interface.uuid);
  if (sighting.has_version) line.plain("version", version_text(endpoint.interface));
  const std::string_view name = interface_name(endpoint.interface.uuid);
  if (!name.empty()) line.plain("interface_name", name);
  if (!sighting.annotation.empty()) line.text("annotation", sighting.annotation);
  line.close();
  line.plain("learned", how_learned(sighting));
  if (sighting.listed) line.truth("listed");
  write_time(line, "first_seen", sighting.first_seen);
  write_time(line, "last_seen", sighting.last_seen);
  line.open_array("clients");
  for (const IpAddress& client : sighting.clients) line.element(to_string(client));
  line.close_array();
  if (sighting.more_clients) line.truth("more_clients");
  line.end();
}

using EndpointRow = std::array<std::string, 8>;

EndpointRow row_of(const ServedEndpoint& endpoint, const EndpointSighting& sighting) {
  const std::string_view name = interface_name(endpoint.interface.uuid);
  const std::string interface =
      std::string(name.empty() ? to_string(endpoint.interface.uuid) : std::string(name)) +
      (sighting.has_version ? " " + version_text(endpoint.interface) : "");
  const bool is_in_both = sighting.listed && was_seen(sighting);
  const std::string where =
      endpoint.port != 0 ? std::to_string(endpoint.port) : terminal_text(endpoint.name);
  return {to_string(endpoint.server),
          std::string(to_string(endpoint.protocol)),
          where,
          interface,
          std::string(how_learned(sighting)) + (is_in_both ? ", listed" : ""),
          std::to_string(sighting.clients.size()) + (sighting.more_clients ? "+" : ""),
          short_time(sighting.first_seen),
          short_time(sighting.last_seen)};
}

}  // namespace

void write_endpoints_json(const EndpointInventory& inventory, const RecordMarks& marks,
                          OutputBuffer& out) {
  const std::string head = record_head(marks);
  for (const auto& [endpoint, sighting] : inventory.endpoints()) {
    write_record(endpoint, sighting, head, out);
  }
}

void write_endpoints_text(const EndpointInventory& inventory, OutputBuffer& out) {
  std::vector<EndpointRow> rows{{"SERVER", "TRANSPORT", "ENDPOINT", "INTERFACE", "LEARNED",
                                 "CLIENTS", "FIRST SEEN (UTC)", "LAST SEEN (UTC)"}};
  for (const auto& [endpoint, sighting] : inventory.endpoints()) {
    rows.push_back(row_of(endpoint, sighting));
  }
  std::array<std::size_t, std::tuple_size_v<EndpointRow>> widths{};
  for (const EndpointRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], column_count(row[i]));
    }
  }
  for (const EndpointRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out.append(row[i]);
      if (i + 1 < row.size()) out.append(std::string(widths[i] - column_count(row[i]) + 2, ' '));
    }
    out.append('\n');
    out.end_record();
  }
}

}  // namespace rpcaudit::audit
