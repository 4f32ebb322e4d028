#include "engine/audit/catalogue/catalogue.h"

#include <algorithm>

#include "engine/audit/catalogue/catalogue_data.h"

namespace rpcaudit::audit {
namespace {

std::string_view text_of(CatalogueText text) noexcept {
  return {catalogue_text() + text.offset, text.size};
}

const CatalogueInterface& interface_of(CatalogueEntry entry) noexcept {
  return catalogue_interfaces()[entry.index];
}

std::span<const CatalogueOperation> operations_of(CatalogueEntry entry) noexcept {
  const CatalogueInterface& interface = interface_of(entry);
  return catalogue_operations().subspan(interface.first_operation, interface.operation_count);
}

// Null when the catalogue does not know the operation.
const CatalogueOperation* find_row(CatalogueEntry entry, std::uint16_t opnum) noexcept {
  const std::span<const CatalogueOperation> operations = operations_of(entry);
  if (operations.empty() || opnum < operations.front().opnum) return nullptr;
  // Most interfaces number their operations without holes.
  const std::size_t expected = std::size_t{opnum} - operations.front().opnum;
  if (expected < operations.size() && operations[expected].opnum == opnum) {
    return &operations[expected];
  }
  const auto found = std::lower_bound(
      operations.begin(), operations.end(), opnum,
      [](const CatalogueOperation& row, std::uint16_t key) { return row.opnum < key; });
  return found == operations.end() || found->opnum != opnum ? nullptr : &*found;
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::optional<CatalogueEntry> find_interface(const Uuid& uuid) noexcept {
  const std::span<const CatalogueInterface> all = catalogue_interfaces();
  const auto found = std::lower_bound(
      all.begin(), all.end(), uuid,
      [](const CatalogueInterface& row, const Uuid& key) { return row.uuid < key; });
  if (found == all.end() || found->uuid != uuid) return std::nullopt;
  return CatalogueEntry{static_cast<std::uint32_t>(found - all.begin())};
}

std::optional<CatalogueEntry> find_interface(std::string_view name) noexcept {
  const std::span<const CatalogueInterface> all = catalogue_interfaces();
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (equal_ignoring_case(text_of(all[i].name), name)) return CatalogueEntry{i};
  }
  return std::nullopt;
}

const Uuid& interface_uuid(CatalogueEntry entry) noexcept { return interface_of(entry).uuid; }

std::string_view interface_name(CatalogueEntry entry) noexcept {
  return text_of(interface_of(entry).name);
}

std::string_view operation_name(CatalogueEntry entry, std::uint16_t opnum) noexcept {
  const CatalogueOperation* const row = find_row(entry, opnum);
  return row == nullptr ? std::string_view() : text_of(row->name);
}

std::string_view operation_alias(CatalogueEntry entry, std::uint16_t opnum) noexcept {
  const CatalogueOperation* const row = find_row(entry, opnum);
  return row == nullptr ? std::string_view() : text_of(row->alias);
}

std::optional<std::uint16_t> find_operation(CatalogueEntry entry, std::string_view name) noexcept {
  std::optional<std::uint16_t> without_prefix;
  for (const CatalogueOperation& operation : operations_of(entry)) {
    const std::string_view full = text_of(operation.name);
    if (equal_ignoring_case(full, name)) return operation.opnum;
    const std::size_t underscore = full.find('_');
    if (underscore != std::string_view::npos && !without_prefix &&
        equal_ignoring_case(full.substr(underscore + 1), name)) {
      without_prefix = operation.opnum;
    }
  }
  return without_prefix;
}

std::string_view interface_name(const Uuid& uuid) noexcept {
  const std::optional<CatalogueEntry> entry = find_interface(uuid);
  return entry ? interface_name(*entry) : std::string_view();
}

std::string_view operation_name(const Uuid& uuid, std::uint16_t opnum) noexcept {
  const std::optional<CatalogueEntry> entry = find_interface(uuid);
  return entry ? operation_name(*entry, opnum) : std::string_view();
}

}  // namespace rpcaudit::audit
