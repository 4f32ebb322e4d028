#pragma once

#include <cstdint>
#include <optional>

#include "dissect/stubs/epm_tower.h"
#include "dissect/stubs/ndr_reader.h"

namespace rpcaudit::dissect {

// The endpoint mapper's interface, ept 3.0 (C706 appendix O).
inline constexpr Uuid kEndpointMapper = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");

// Its operations, by opnum.
enum class EpmOperation : std::uint16_t {
  insert = 0,
  remove = 1,
  lookup = 2,
  map = 3,
  lookup_handle_free = 4,
  inq_object = 5,
  mgmt_delete = 6,
};

// The parameters of ept_map and ept_lookup that say what is asked for. What a cut stub does not
// show stays empty.
struct EpmQuestion {
  std::optional<Uuid> object;
  std::optional<SyntaxId> interface;  // of ept_lookup where it is part of the inquiry
  bool names_no_interface = false;    // it was read that far, and there is none
  std::optional<Tower> tower;         // of ept_map
  bool continued = false;             // the entry handle is that of an earlier answer
};

// Reads the question; `truncated` when the stub ends before it: what came before is set.
[[nodiscard]] ParseStatus parse_epm_question(EpmOperation operation, StubForm form, Bytes stub,
                                             EpmQuestion& question) noexcept;

// One entry of an answer, or of what is to be inserted or deleted.
struct EpmEntry {
  Uuid object;       // nil in answers to ept_map, which do not show it
  Bytes annotation;  // without its NUL
  Tower tower;
};

// Walks the entries of a whole stub: the answers of ept_lookup and ept_map, the requests of
// ept_insert and ept_delete. Towers that cannot be read are counted and passed over.
class EpmEntryReader {
 public:
  EpmEntryReader(EpmOperation operation, StubForm form, Bytes stub) noexcept;

  [[nodiscard]] bool next(EpmEntry& entry) noexcept;
  // False when the stub contradicts itself or is cut; entries before that were delivered.
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::uint32_t unreadable() const noexcept { return unreadable_; }

 private:
  [[nodiscard]] bool read_head(NdrReader& ndr, EpmEntry& entry, bool& has_tower) const noexcept;

  Bytes stub_;
  StubForm form_;
  bool entries_ = false;  // with object and annotation, not towers alone
  bool ok_ = true;
  std::uint64_t left_ = 0;  // entries not read yet
  std::size_t heads_ = 0;   // offset of the next entry's fixed part
  std::size_t towers_ = 0;  // offset of the next tower
  std::uint32_t unreadable_ = 0;
};

}  // namespace rpcaudit::dissect
