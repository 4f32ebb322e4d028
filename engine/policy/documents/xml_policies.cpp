#include "engine/policy/documents/xml_policies.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/policy/documents/wfp_filters.h"
#include "engine/policy/documents/xml_document.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kXmlLinesLookedAt = 20;

bool holds_number(RegistryType type) noexcept {
  return type == RegistryType::dword || type == RegistryType::qword;
}

// Hands over a value whose data stands in one text.
void apply_text(RegistryValue value, const std::string& data, RegistryApplier& values,
                Reporter& reporter) {
  if (holds_number(value.type)) {
    const std::optional<std::uint64_t> number = RegistryApplier::number_of(data);
    if (!number || (value.type == RegistryType::dword && *number > 0xffff'ffff)) {
      if (!RegistryApplier::knows(value.key, value.name)) return values.skip();
      return reporter.error("bad-registry-data", value.span,
                            quoted(data) + " is no data of the value's type");
    }
    value.number = *number;
  } else {
    value.texts.push_back(data);
  }
  values.apply(value);
}

class RegistryDocument {
 public:
  RegistryDocument(const XmlDocument& document, RegistryApplier& values, Reporter& reporter)
      : document_(document), values_(values), reporter_(reporter) {}

  // <ComputerConfig><Key/><Value/><RegType/><RegData/></ComputerConfig>, and lines of security
  // templates.
  void read_policy_rules() {
    for_each_named(document_.root(), "ComputerConfig", [this](const pugi::xml_node& node) {
      RegistryValue value = value_at(node, child_text(node, "Key"), child_text(node, "Value"));
      const std::string type = child_text(node, "RegType");
      constexpr std::string_view kDeletes = "**del.";
      if (starts_with_ignoring_case(value.name, kDeletes)) {
        value.name = value.name.substr(kDeletes.size());
        value.deleted = true;
        return values_.apply(value);
      }
      const std::optional<RegistryType> known = RegistryApplier::type_of(type);
      if (!known) return values_.skip();
      value.type = *known;
      apply_text(std::move(value), child_text(node, "RegData"), values_, reporter_);
    });
    for_each_named(document_.root(), "SecurityTemplate", [this](const pugi::xml_node& node) {
      if (std::string_view(node.attribute("Section").value()) != "Registry Values") return;
      for (const pugi::xml_node item : node.children()) read_template_line(item);
    });
  }

  // Registry settings, options of security and preferences of a report's computer part.
  void read_gpo_report() {
    for_each_named(document_.root(), "RegistrySetting", [this](const pugi::xml_node& node) {
      const pugi::xml_node data = child_named(node, "Value");
      RegistryValue value = value_at(node, child_text(node, "KeyPath"), child_text(data, "Name"));
      const std::string number = child_text(data, "Number");
      value.type = number.empty() ? RegistryType::string : RegistryType::dword;
      apply_text(std::move(value), number.empty() ? child_text(data, "String") : number, values_,
                 reporter_);
    });
    for_each_named(document_.root(), "SecurityOptions", [this](const pugi::xml_node& node) {
      const std::string path = child_text(node, "KeyName");
      const std::size_t last = path.rfind('\\');
      const std::string number = child_text(node, "SettingNumber");
      if (last == std::string::npos || number.empty()) return;
      RegistryValue value = value_at(node, path.substr(0, last), path.substr(last + 1));
      value.type = RegistryType::dword;
      apply_text(std::move(value), number, values_, reporter_);
    });
    for_each_named(document_.root(), "Registry", [this](const pugi::xml_node& node) {
      read_preference(child_named(node, "Properties"));
    });
    for_each_named(document_.root(), "Policy",
                   [this](const pugi::xml_node& node) { read_administrative(node); });
  }

 private:
  [[nodiscard]] RegistryValue value_at(const pugi::xml_node& node, std::string key,
                                       std::string name) const {
    RegistryValue value;
    value.key = std::move(key);
    value.name = std::move(name);
    value.span = document_.span_of(node);
    return value;
  }

  // `MACHINE\key\name=4,1`
  void read_template_line(const pugi::xml_node& item) {
    const std::string_view text = item.text().get();
    const std::size_t equals = text.find('=');
    const std::size_t comma = text.find(',', std::min(equals, text.size()));
    const std::size_t last = text.substr(0, equals).rfind('\\');
    if (comma == std::string_view::npos || last == std::string_view::npos) return;
    RegistryValue value = value_at(item, std::string(text.substr(0, last)),
                                   std::string(text.substr(last + 1, equals - last - 1)));
    const auto type = RegistryApplier::number_of(text.substr(equals + 1, comma - equals - 1));
    value.type = static_cast<RegistryType>(std::min<std::uint64_t>(type.value_or(0), 11));
    apply_text(std::move(value), std::string(text.substr(comma + 1)), values_, reporter_);
  }

  // <Properties action="U" hive="HKEY_LOCAL_MACHINE" key= name= type="REG_DWORD" value="00000001"/>
  void read_preference(const pugi::xml_node& properties) {
    if (!properties) return;
    const std::string hive = properties.attribute("hive").value();
    RegistryValue value = value_at(properties, hive + '\\' + properties.attribute("key").value(),
                                   properties.attribute("name").value());
    value.deleted = std::string_view(properties.attribute("action").value()) == "D";
    value.type = RegistryApplier::type_of(properties.attribute("type").value())
                     .value_or(RegistryType::string);
    const std::string data = properties.attribute("value").value();
    if (value.deleted) return values_.apply(value);
    // Numbers are in hexadecimal there.
    apply_text(std::move(value), holds_number(value.type) ? "0x" + data : data, values_, reporter_);
  }

  // The two policies of RPC by the names that the report shows, in English.
  void read_administrative(const pugi::xml_node& node) {
    const std::string name = child_text(node, "Name");
    const bool is_clients = equal_ignoring_case(name, "Restrict Unauthenticated RPC clients");
    const bool is_mapper =
        equal_ignoring_case(name, "Enable RPC Endpoint Mapper Client Authentication");
    if (!is_clients && !is_mapper) return;
    const std::string state = child_text(node, "State");
    RegistryValue value = value_at(node, "SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc",
                                   is_clients ? "RestrictRemoteClients" : "EnableAuthEpResolution");
    value.type = RegistryType::dword;
    if (equal_ignoring_case(state, "Enabled")) {
      const std::string choice =
          child_text(child_named(child_named(node, "DropDownList"), "Value"), "Name");
      value.number = 1;
      if (is_clients && equal_ignoring_case(choice, "None")) value.number = 0;
      if (is_clients && equal_ignoring_case(choice, "Authenticated without exceptions")) {
        value.number = 2;
      }
    } else {
      value.deleted = true;
    }
    values_.apply(value);
  }

  const XmlDocument& document_;
  RegistryApplier& values_;
  Reporter& reporter_;
};

}  // namespace

XmlForm xml_form(const SourceText& source) noexcept {
  const std::size_t lines = std::min(source.line_count(), kXmlLinesLookedAt);
  for (std::size_t number = 1; number <= lines; ++number) {
    const std::string_view line = source.line(number).substr(0, 4096);
    if (line.find("<PolicyRules") != std::string_view::npos) return XmlForm::policy_rules;
    if (line.find("<wfpdiag") != std::string_view::npos) return XmlForm::wfp_filters;
    if (line.find("<filters numItems") != std::string_view::npos) return XmlForm::wfp_filters;
    for (const std::string_view tag :
         {"<GPO ", "<GPO>", "<GPOS", "<report ", "<RegistrySettings "}) {
      if (line.find(tag) != std::string_view::npos) return XmlForm::gpo_report;
    }
  }
  return XmlForm::unknown;
}

void read_xml_policies(const SourceText& source, std::uint32_t file, Policy& policy,
                       RegistryApplier& values, Reporter& reporter) {
  XmlDocument document(source, file);
  SourceSpan span;
  const std::string problem = document.parse(span);
  if (!problem.empty()) {
    return reporter.error("bad-xml", span, "the XML cannot be read: " + printable(problem));
  }
  const XmlForm form = xml_form(source);
  if (form == XmlForm::wfp_filters) return read_wfp_filters(document, file, policy, reporter);
  RegistryDocument registry(document, values, reporter);
  form == XmlForm::policy_rules ? registry.read_policy_rules() : registry.read_gpo_report();
  values.finish({file, 0, 0, 0});
}

}  // namespace rpcaudit::policy
