#include "dissect/stubs/epm.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

constexpr std::size_t kHandleSize = 20;  // attributes and a UUID (C706 14.2.16.6)

// More entries than any answer holds: the protocol's own bound is that of the asker's array.
constexpr std::uint64_t kEntriesMax = 4096;
constexpr std::uint64_t kTowerSizeMax = 2048;
constexpr std::uint64_t kAnnotationMax = 64;  // ept_max_annotation_size

// inquiry types of ept_lookup
constexpr std::uint32_t kByInterface = 1;
constexpr std::uint32_t kByBoth = 3;

// A context handle; whether it stands for something.
bool read_handle(NdrReader& ndr) noexcept {
  ndr.align(4);
  const Bytes bytes = ndr.take(kHandleSize);
  return std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
}

// A twr_t behind its pointer: the array's bound, its length, its bytes.
Bytes read_tower(NdrReader& ndr) noexcept {
  const std::uint64_t bound = ndr.wide();
  const std::uint32_t length = ndr.u32();
  if (bound < length || length > kTowerSizeMax) ndr.fail();
  return ndr.take(length);
}

}  // namespace

ParseStatus parse_epm_question(EpmOperation operation, StubForm form, Bytes stub,
                               EpmQuestion& question) noexcept {
  question = {};
  const bool is_map = operation == EpmOperation::map;
  if (!is_map && operation != EpmOperation::lookup) return ParseStatus::bad_type;
  NdrReader ndr(stub, form, 0);
  const std::uint32_t inquiry = is_map ? kByInterface : ndr.u32();
  if (ndr.wide() != 0) {
    const Uuid object = ndr.uuid();
    if (ndr.ok()) question.object = object;
  }
  const bool present = ndr.wide() != 0;
  if (present && is_map) {
    const Bytes bytes = read_tower(ndr);
    if (!ndr.ok()) return ParseStatus::truncated;
    const ParseStatus status = parse_tower(bytes, question.tower.emplace());
    if (status != ParseStatus::ok) return status;
    question.interface = question.tower->interface;
  } else if (present) {
    SyntaxId interface;
    interface.uuid = ndr.uuid();
    interface.version_major = ndr.u16();
    interface.version_minor = ndr.u16();
    if (ndr.ok() && (inquiry == kByInterface || inquiry == kByBoth)) question.interface = interface;
  }
  if (!ndr.ok()) return ParseStatus::truncated;
  question.names_no_interface = !question.interface;
  if (!is_map) (void)ndr.u32();  // how versions are to be compared
  question.continued = read_handle(ndr);
  return ndr.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

EpmEntryReader::EpmEntryReader(EpmOperation operation, StubForm form, Bytes stub) noexcept
    : stub_(stub), form_(form), entries_(operation != EpmOperation::map) {
  const bool is_answer = operation == EpmOperation::map || operation == EpmOperation::lookup;
  NdrReader ndr(stub_, form_, 0);
  if (is_answer) (void)read_handle(ndr);
  const std::uint32_t count = ndr.u32();
  const std::uint64_t bound = ndr.wide();
  std::uint64_t actual = bound;
  if (is_answer) {
    const std::uint64_t first = ndr.wide();
    actual = ndr.wide();
    ok_ = first == 0 && actual <= bound;
  }
  ok_ = ok_ && ndr.ok() && actual <= count && actual <= kEntriesMax;
  if (!ok_) return;
  left_ = actual;
  heads_ = ndr.offset();

  // The towers stand behind all of the fixed parts.
  NdrReader scan(stub_, form_, heads_);
  for (std::uint64_t i = 0; i < actual && ok_; ++i) {
    EpmEntry entry;
    bool has_tower = false;
    ok_ = read_head(scan, entry, has_tower);
  }
  towers_ = scan.offset();
  if (!ok_) left_ = 0;
}

bool EpmEntryReader::read_head(NdrReader& ndr, EpmEntry& entry, bool& has_tower) const noexcept {
  if (entries_) {
    if (ndr.is_ndr64()) ndr.align(8);
    entry.object = ndr.uuid();
  }
  has_tower = ndr.wide() != 0;
  if (entries_) {
    const std::uint64_t first = ndr.wide();
    const std::uint64_t length = ndr.wide();
    if (first != 0 || length > kAnnotationMax) return false;
    entry.annotation = ndr.take(static_cast<std::size_t>(length));
    const auto end = std::find(entry.annotation.begin(), entry.annotation.end(), std::byte{0});
    entry.annotation =
        entry.annotation.first(static_cast<std::size_t>(end - entry.annotation.begin()));
  }
  return ndr.ok();
}

bool EpmEntryReader::next(EpmEntry& entry) noexcept {
  while (left_ != 0) {
    --left_;
    entry = {};
    bool has_tower = false;
    NdrReader head(stub_, form_, heads_);
    (void)read_head(head, entry, has_tower);  // was read before
    heads_ = head.offset();
    if (!has_tower) continue;
    NdrReader ndr(stub_, form_, towers_);
    const Bytes bytes = read_tower(ndr);
    if (!ndr.ok()) {
      ok_ = false;
      left_ = 0;
      return false;
    }
    towers_ = ndr.offset();
    if (parse_tower(bytes, entry.tower) == ParseStatus::ok && entry.tower.interface) return true;
    ++unreadable_;
  }
  return false;
}

}  // namespace rpcaudit::dissect
