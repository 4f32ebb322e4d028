#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::test {

using ByteVector = std::vector<std::byte>;

// Appends integers, UUIDs and text in one byte order.
class ByteWriter {
 public:
  explicit ByteWriter(std::endian order = std::endian::little) : order_(order) {}

  template <class T>
  ByteWriter& number(T value) {
    ByteVector encoded(sizeof(T));
    std::memcpy(encoded.data(), &value, sizeof(T));
    if (order_ != std::endian::native) std::reverse(encoded.begin(), encoded.end());
    return bytes(encoded);
  }
  ByteWriter& u8(unsigned value) { return number(static_cast<std::uint8_t>(value)); }
  ByteWriter& u16(unsigned value) { return number(static_cast<std::uint16_t>(value)); }
  ByteWriter& u32(std::uint32_t value) { return number(value); }
  ByteWriter& bytes(Bytes more) {
    out_.insert(out_.end(), more.begin(), more.end());
    return *this;
  }
  ByteWriter& text(std::string_view more) { return bytes(std::as_bytes(std::span(more))); }
  ByteWriter& zeros(std::size_t count) { return bytes(ByteVector(count)); }
  ByteWriter& uuid(const Uuid& value) {
    const auto& b = value.bytes;
    u32(std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3]);
    u16(static_cast<unsigned>(b[4] << 8 | b[5])).u16(static_cast<unsigned>(b[6] << 8 | b[7]));
    return bytes(std::as_bytes(std::span(b).subspan(8)));
  }
  ByteWriter& syntax(const dissect::SyntaxId& value) {
    uuid(value.uuid);
    return u32(std::uint32_t{value.version_minor} << 16 | value.version_major);
  }
  void set_u16(std::size_t at, unsigned value) {
    const ByteVector encoded = ByteWriter(order_).u16(value).take();
    std::copy(encoded.begin(), encoded.end(), out_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] ByteVector take() { return std::move(out_); }

 private:
  std::endian order_;
  ByteVector out_;
};

inline constexpr dissect::SyntaxId kNdr{uuid("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2, 0};
inline constexpr dissect::SyntaxId kNdr64{uuid("71710533-beba-4937-8319-b5dbef9ccc36"), 1, 0};
inline constexpr dissect::SyntaxId kFeatures{uuid("6cb71c2c-9812-4540-0300-000000000000"), 1, 0};
inline constexpr dissect::SyntaxId kSamr{uuid("12345778-1234-abcd-ef00-0123456789ac"), 1, 0};
inline constexpr dissect::SyntaxId kDrsuapi{uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 4, 0};
inline constexpr dissect::SyntaxId kEpm{uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), 3, 0};

// What differs from PDU to PDU besides its body.
struct PduShape {
  std::uint32_t call_id = 1;
  unsigned flags = dissect::kPfcFirstFragment | dissect::kPfcLastFragment;
  std::endian order = std::endian::little;
  unsigned version_minor = 0;
  std::optional<dissect::AuthNumbers> auth = std::nullopt;
  ByteVector token = ByteVector(16, std::byte{0xaa});
};

// A PDU of any type: header, `body`, and the trailer that `shape` asks for.
inline ByteVector make_pdu(dissect::PduType type, const PduShape& shape, Bytes body) {
  ByteWriter writer(shape.order);
  writer.u8(5).u8(shape.version_minor).u8(static_cast<unsigned>(type)).u8(shape.flags);
  writer.u8(shape.order == std::endian::little ? 0x10 : 0x00).zeros(3);
  writer.u16(0).u16(shape.auth ? static_cast<unsigned>(shape.token.size()) : 0);
  writer.u32(shape.call_id).bytes(body);
  if (shape.auth) {
    const std::size_t pad = (4 - writer.size() % 4) % 4;
    writer.zeros(pad).u8(shape.auth->type).u8(shape.auth->level).u8(static_cast<unsigned>(pad));
    writer.u8(0).u32(shape.auth->context_id).bytes(shape.token);
  }
  writer.set_u16(8, static_cast<unsigned>(writer.size()));
  return writer.take();
}

struct Item {
  std::uint16_t id = 0;
  dissect::SyntaxId abstract_syntax = {};
  std::vector<dissect::SyntaxId> transfer{kNdr};
};

inline ByteVector make_bind(const std::vector<Item>& items, const PduShape& shape = {},
                            dissect::PduType type = dissect::PduType::bind) {
  ByteWriter body(shape.order);
  body.u16(5840).u16(5840).u32(0).u8(static_cast<unsigned>(items.size())).zeros(3);
  for (const Item& item : items) {
    body.u16(item.id).u8(static_cast<unsigned>(item.transfer.size())).u8(0);
    body.syntax(item.abstract_syntax);
    for (const dissect::SyntaxId& offered : item.transfer) body.syntax(offered);
  }
  return make_pdu(type, shape, body.take());
}

struct Result {
  unsigned result = 0;
  unsigned reason = 0;
  dissect::SyntaxId transfer = kNdr;
};

inline ByteVector make_bind_ack(const std::vector<Result>& results, const PduShape& shape = {},
                                dissect::PduType type = dissect::PduType::bind_ack,
                                std::string_view address = "49664") {
  ByteWriter body(shape.order);
  body.u16(5840).u16(5840).u32(0x1234).u16(static_cast<unsigned>(address.size() + 1));
  body.text(address).u8(0);
  body.zeros((4 - body.size() % 4) % 4);
  body.u8(static_cast<unsigned>(results.size())).zeros(3);
  for (const Result& result : results) {
    body.u16(result.result).u16(result.reason).syntax(result.transfer);
  }
  return make_pdu(type, shape, body.take());
}

struct Request {
  std::uint16_t context_id = 0;
  std::uint16_t opnum = 0;
  std::optional<Uuid> object = std::nullopt;
  std::size_t stub = 32;
};

inline ByteVector make_request(const Request& request, PduShape shape = {}) {
  if (request.object) shape.flags |= dissect::kPfcObjectUuid;
  ByteWriter body(shape.order);
  body.u32(static_cast<std::uint32_t>(request.stub)).u16(request.context_id).u16(request.opnum);
  if (request.object) body.uuid(*request.object);
  for (std::size_t i = 0; i < request.stub; ++i) body.u8(static_cast<unsigned>(i * 7 + 1) & 0xff);
  return make_pdu(dissect::PduType::request, shape, body.take());
}

inline ByteVector make_response(std::uint16_t context_id = 0, const PduShape& shape = {},
                                std::size_t stub = 16) {
  ByteWriter body(shape.order);
  body.u32(static_cast<std::uint32_t>(stub)).u16(context_id).u8(0).u8(0);
  return make_pdu(dissect::PduType::response, shape, body.zeros(stub).take());
}

inline ByteVector make_fault(std::uint32_t status, const PduShape& shape = {}) {
  ByteWriter body(shape.order);
  body.u32(0).u16(0).u8(0).u8(0).u32(status).u32(0);
  return make_pdu(dissect::PduType::fault, shape, body.take());
}

inline ByteVector join(std::initializer_list<ByteVector> parts) {
  ByteVector whole;
  for (const ByteVector& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

}  // namespace rpcaudit::test
