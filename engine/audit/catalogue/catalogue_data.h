#pragma once

#include <cstdint>
#include <span>

#include "dissect/uuid.h"

namespace rpcaudit::audit {

// The form in which generate_catalogue.cpp hands catalogue.tsv to the compiler: one block of text
// and numbers that point into it, so that the generated file compiles in no time.

struct CatalogueText {
  std::uint32_t offset;  // into catalogue_text()
  std::uint8_t size;
};

struct CatalogueInterface {
  Uuid uuid;
  CatalogueText name;
  std::uint32_t first_operation;  // into catalogue_operations()
  std::uint32_t operation_count;
};

struct CatalogueOperation {
  std::uint16_t opnum;
  CatalogueText name;
  CatalogueText alias;  // of size 0 where there is none
};

[[nodiscard]] std::span<const CatalogueInterface> catalogue_interfaces() noexcept;  // by UUID
[[nodiscard]] std::span<const CatalogueOperation> catalogue_operations() noexcept;  // by opnum
[[nodiscard]] const char* catalogue_text() noexcept;

}  // namespace rpcaudit::audit
