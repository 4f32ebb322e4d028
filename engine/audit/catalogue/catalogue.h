#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dissect/uuid.h"

namespace rpcaudit::audit {

// Names of well-known interfaces and their operations, built in from catalogue.tsv. All views are
// valid for ever.

// A known interface; cheap to keep, so that its operations are found without another search.
struct CatalogueEntry {
  std::uint32_t index = 0;

  auto operator<=>(const CatalogueEntry&) const = default;
};

[[nodiscard]] std::optional<CatalogueEntry> find_interface(const Uuid& uuid) noexcept;
// By name, whatever its case; slow.
[[nodiscard]] std::optional<CatalogueEntry> find_interface(std::string_view name) noexcept;

[[nodiscard]] const Uuid& interface_uuid(CatalogueEntry entry) noexcept;
[[nodiscard]] std::string_view interface_name(CatalogueEntry entry) noexcept;
// Empty when the catalogue has no name for the operation.
[[nodiscard]] std::string_view operation_name(CatalogueEntry entry, std::uint16_t opnum) noexcept;
// What Zeek calls the operation, right or wrong, where that is another name: public detections
// compare with it. Empty otherwise.
[[nodiscard]] std::string_view operation_alias(CatalogueEntry entry, std::uint16_t opnum) noexcept;
// The opnum of an operation by name, whatever its case; a prefix such as `IDL_` may be left out.
[[nodiscard]] std::optional<std::uint16_t> find_operation(CatalogueEntry entry,
                                                          std::string_view name) noexcept;

// Empty when unknown.
[[nodiscard]] std::string_view interface_name(const Uuid& uuid) noexcept;
[[nodiscard]] std::string_view operation_name(const Uuid& uuid, std::uint16_t opnum) noexcept;

}  // namespace rpcaudit::audit
