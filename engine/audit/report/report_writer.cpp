#include "engine/audit/report/report_writer.h"

#include "engine/audit/catalogue/attack_techniques.h"
#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {

std::string report_time(Timestamp time) {
  Rfc3339Writer writer;
  char text[Rfc3339Writer::kSizeMax];
  return {text, writer.write(time, text)};
}

void ReportWriter::element(std::string_view value) {
  std::string escaped = "\"";
  append_json_escaped(escaped, value);
  escaped += '"';
  writer_.RawValue(escaped.data(), escaped.size(), rapidjson::kStringType);
}

void ReportWriter::text(std::string_view key, std::string_view value) {
  name(key);
  element(value);
}

void write_interface(ReportWriter& out, const std::optional<Uuid>& interface) {
  if (!interface || interface->is_nil()) return;
  out.text("interface", to_string(*interface));
  const std::string_view name = interface_name(*interface);
  if (!name.empty()) out.text("interface_name", name);
}

void write_operation(ReportWriter& out, const std::optional<Uuid>& interface, std::uint16_t opnum) {
  write_interface(out, interface);
  out.number("opnum", opnum);
  if (!interface) return;
  const std::string_view name = operation_name(*interface, opnum);
  if (!name.empty()) out.text("operation", name);
  bool is_open = false;
  for (const AttackOperation& attack : attack_operations(*interface)) {
    if (attack.opnum != opnum) continue;
    if (!is_open) out.array("techniques");
    is_open = true;
    out.element(attack.technique);
  }
  if (is_open) out.end_array();
}

}  // namespace rpcaudit::audit
