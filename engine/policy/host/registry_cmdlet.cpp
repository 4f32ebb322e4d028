#include "engine/policy/host/registry_cmdlet.h"

#include <algorithm>

#include "engine/policy/text/cmdlet_arguments.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::string_view kRegistryCmdlets[] = {"New-ItemProperty", "Set-ItemProperty",
                                                 "Remove-ItemProperty", "Set-GPRegistryValue"};

// PowerShell's names of types (Microsoft.Win32.RegistryValueKind).
std::optional<RegistryType> type_of(std::string_view name) noexcept {
  constexpr std::pair<std::string_view, RegistryType> kNames[] = {
      {"DWord", RegistryType::dword},
      {"QWord", RegistryType::qword},
      {"String", RegistryType::string},
      {"ExpandString", RegistryType::expand_string},
      {"MultiString", RegistryType::multi_string},
      {"Binary", RegistryType::binary}};
  for (const auto& [text, type] : kNames) {
    if (equal_ignoring_case(text, name)) return type;
  }
  return RegistryApplier::type_of(name);
}

// `@('5000-5100','6000')`: the texts between the commas.
std::vector<std::string> list_of(std::string_view text) {
  if (text.starts_with("@(") && text.ends_with(')')) text = text.substr(2, text.size() - 3);
  std::vector<std::string> texts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    texts.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return texts;
}

// Without a type PowerShell takes that of the data: a number is a DWORD.
bool read_data(const Word& data, const Word* type_name, RegistryValue& value, Reporter& reporter) {
  const std::optional<std::uint64_t> number = RegistryApplier::number_of(data.text);
  value.type = number ? RegistryType::dword : RegistryType::string;
  if (type_name != nullptr) {
    const std::optional<RegistryType> type = type_of(type_name->text);
    if (!type) {
      reporter.error("unknown-registry-type", type_name->span(),
                     "unknown type " + quoted(type_name->text) + " of registry data");
      return false;
    }
    value.type = *type;
  }
  const bool is_number = value.type == RegistryType::dword || value.type == RegistryType::qword;
  if (!is_number) {
    value.texts = list_of(data.text);
    return true;
  }
  value.number = number.value_or(0);
  const bool fits = number && (value.type == RegistryType::qword || *number <= 0xffff'ffff);
  if (!fits && RegistryApplier::knows(value.key, value.name)) {
    reporter.error("bad-registry-data", data.span(),
                   quoted(data.text) + " is no data of the value's type");
  }
  return fits;
}

}  // namespace

bool is_registry_cmdlet(std::string_view name) noexcept {
  return std::any_of(std::begin(kRegistryCmdlets), std::end(kRegistryCmdlets),
                     [name](std::string_view cmdlet) { return equal_ignoring_case(cmdlet, name); });
}

std::optional<RegistryValue> read_registry_cmdlet(std::string_view name,
                                                  std::span<const Word> words,
                                                  const SourceSpan& command, Reporter& reporter) {
  const CmdletArguments arguments(words, {"Force", "PassThru", "Confirm", "WhatIf", "Verbose"});
  const bool of_gpo = equal_ignoring_case(name, "Set-GPRegistryValue");
  const Word* key = of_gpo ? arguments.find({"Key"}) : arguments.find({"Path", "LiteralPath"});
  const Word* value_name = of_gpo ? arguments.find({"ValueName"}) : arguments.find({"Name"});
  const Word* data = arguments.find({"Value"});
  std::span<const Word> positional = arguments.positional();
  for (const Word** const missing : {&key, &value_name, &data}) {
    if (*missing != nullptr || of_gpo || positional.empty()) continue;
    *missing = &positional.front();
    positional = positional.subspan(1);
  }
  RegistryValue value;
  value.deleted = equal_ignoring_case(name, "Remove-ItemProperty");
  if (key == nullptr || value_name == nullptr || (data == nullptr && !value.deleted)) {
    reporter.warning("cmdlet-incomplete", command,
                     quoted(name) + " does not say here which value it sets",
                     "write its key, name and value in one line");
    return std::nullopt;
  }
  value.key = key->text;
  value.name = value_name->text;
  value.span = data != nullptr ? data->span() : value_name->span();
  for (const Word* const part : {key, value_name}) {
    if (part->text.find('$') == std::string::npos) continue;
    reporter.warning("unreplaced-variable", part->span(),
                     quoted(part->text) + " holds a variable; the value is left out",
                     "write what it stands for");
    return std::nullopt;
  }
  if (!value.deleted &&
      !read_data(*data, arguments.find({"PropertyType", "Type"}), value, reporter)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace rpcaudit::policy
