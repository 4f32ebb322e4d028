#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dissect/stubs/epm.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

// A floor of a tower (C706 appendix L): identifier and data.
struct TowerFloor {
  ByteVector left;
  ByteVector right;
};

inline TowerFloor uuid_floor(const dissect::SyntaxId& syntax) {
  return {ByteWriter().u8(0x0d).uuid(syntax.uuid).u16(syntax.version_major).take(),
          ByteWriter().u16(syntax.version_minor).take()};
}
inline TowerFloor plain_floor(unsigned kind, const ByteVector& data = ByteVector(2)) {
  return {ByteWriter().u8(kind).take(), data};
}
inline TowerFloor port_floor(unsigned kind, unsigned port) {
  return plain_floor(kind, ByteWriter(std::endian::big).u16(port).take());
}
inline TowerFloor address_floor(std::uint32_t address) {
  return plain_floor(0x09, ByteWriter(std::endian::big).u32(address).take());
}
inline TowerFloor text_floor(unsigned kind, std::string_view text) {
  return plain_floor(kind, ByteWriter().text(text).u8(0).take());
}

inline ByteVector make_tower(const std::vector<TowerFloor>& floors) {
  ByteWriter writer;
  writer.u16(static_cast<unsigned>(floors.size()));
  for (const TowerFloor& floor : floors) {
    writer.u16(static_cast<unsigned>(floor.left.size())).bytes(floor.left);
    writer.u16(static_cast<unsigned>(floor.right.size())).bytes(floor.right);
  }
  return writer.take();
}

inline ByteVector tcp_tower(const dissect::SyntaxId& interface, unsigned port,
                            std::uint32_t address = 0) {
  return make_tower({uuid_floor(interface), uuid_floor(kNdr), plain_floor(0x0b),
                     port_floor(0x07, port), address_floor(address)});
}

// Every form a stub may have, and what a test of it is called.
inline constexpr dissect::StubForm kStubForms[] = {{false, std::endian::little},
                                                   {false, std::endian::big},
                                                   {true, std::endian::little},
                                                   {true, std::endian::big}};
inline std::string name_of_form(const testing::TestParamInfo<dissect::StubForm>& test) {
  return std::string(test.param.ndr64 ? "Ndr64" : "Ndr") +
         (test.param.order == std::endian::big ? "Big" : "Little");
}

// Writes stubs in NDR or NDR64: aligns, and makes counts and pointers as wide as they are.
class NdrWriter {
 public:
  explicit NdrWriter(dissect::StubForm form) : form_(form), writer_(form.order) {}

  NdrWriter& align(std::size_t unit) {
    writer_.zeros((unit - writer_.size() % unit) % unit);
    return *this;
  }
  NdrWriter& u16(unsigned value) {
    align(2);
    writer_.u16(value);
    return *this;
  }
  NdrWriter& u32(std::uint32_t value) {
    align(4);
    writer_.u32(value);
    return *this;
  }
  NdrWriter& wide(std::uint64_t value) {
    if (!form_.ndr64) return u32(static_cast<std::uint32_t>(value));
    align(8);
    writer_.number(value);
    return *this;
  }
  NdrWriter& uuid(const Uuid& value) {
    align(4);
    writer_.uuid(value);
    return *this;
  }
  NdrWriter& bytes(const ByteVector& value) {
    writer_.bytes(value);
    return *this;
  }
  NdrWriter& handle(unsigned byte = 0) {
    align(4);
    writer_.bytes(ByteVector(20, std::byte(byte)));
    return *this;
  }
  NdrWriter& tower(const ByteVector& value) {
    wide(value.size()).u32(static_cast<std::uint32_t>(value.size())).bytes(value);
    return *this;
  }
  ByteVector take() { return writer_.take(); }

 private:
  dissect::StubForm form_;
  ByteWriter writer_;
};

inline ByteVector map_request(dissect::StubForm form, const ByteVector& tower,
                              const Uuid& object = {}) {
  NdrWriter ndr(form);
  ndr.wide(1).uuid(object).wide(2).tower(tower).handle().u32(4);
  return ndr.take();
}

inline ByteVector lookup_request(dissect::StubForm form, std::uint32_t inquiry,
                                 const dissect::SyntaxId* interface, unsigned handle = 0) {
  NdrWriter ndr(form);
  ndr.u32(inquiry).wide(0).wide(interface != nullptr ? 1 : 0);
  if (interface != nullptr) {
    ndr.uuid(interface->uuid).u16(interface->version_major).u16(interface->version_minor);
  }
  ndr.u32(1).handle(handle).u32(500);
  return ndr.take();
}

inline ByteVector map_response(dissect::StubForm form, const std::vector<ByteVector>& towers) {
  NdrWriter ndr(form);
  ndr.handle(7).u32(static_cast<std::uint32_t>(towers.size()));
  ndr.wide(4).wide(0).wide(towers.size());
  for (std::size_t i = 0; i < towers.size(); ++i) ndr.wide(3 + i);
  for (const ByteVector& tower : towers) ndr.tower(tower);
  return ndr.u32(0).take();
}

struct LookupEntry {
  ByteVector tower;
  Uuid object = {};
  std::string_view annotation = "";
};

inline void add_entries(NdrWriter& ndr, dissect::StubForm form,
                        const std::vector<LookupEntry>& entries) {
  for (const LookupEntry& entry : entries) {
    if (form.ndr64) ndr.align(8);
    ndr.uuid(entry.object).wide(entry.tower.empty() ? 0 : 1);
    ndr.wide(0).wide(entry.annotation.size() + 1);
    ndr.bytes(ByteWriter().text(entry.annotation).u8(0).take());
  }
  for (const LookupEntry& entry : entries) {
    if (!entry.tower.empty()) ndr.tower(entry.tower);
  }
}

inline ByteVector lookup_response(dissect::StubForm form, const std::vector<LookupEntry>& entries) {
  NdrWriter ndr(form);
  ndr.handle(7).u32(static_cast<std::uint32_t>(entries.size()));
  ndr.wide(500).wide(0).wide(entries.size());
  add_entries(ndr, form, entries);
  return ndr.u32(0).take();
}

// Entries in a request, and whether they take the place of others.
inline ByteVector insert_request(dissect::StubForm form, const std::vector<LookupEntry>& entries) {
  NdrWriter ndr(form);
  ndr.u32(static_cast<std::uint32_t>(entries.size())).wide(entries.size());
  add_entries(ndr, form, entries);
  return ndr.u32(1).take();
}

inline ByteVector delete_request(dissect::StubForm form, const std::vector<LookupEntry>& entries) {
  NdrWriter ndr(form);
  ndr.u32(static_cast<std::uint32_t>(entries.size())).wide(entries.size());
  add_entries(ndr, form, entries);
  return ndr.take();
}

}  // namespace rpcaudit::test
