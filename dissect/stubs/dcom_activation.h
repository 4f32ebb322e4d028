#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "capture/frame.h"
#include "dissect/parse_status.h"
#include "dissect/rpc_observer.h"
#include "dissect/uuid.h"

namespace rpcaudit::dissect {

// How a call asks for an object, or the class object, of a COM class.
enum class ActivationCall : std::uint8_t {
  none,
  remote_activation,        // [MS-DCOM] 3.1.2.5.2.3.1
  remote_get_class_object,  // 3.1.2.5.2.3.2
  remote_create_instance,   // 3.1.2.5.2.3.3
};

// Whether calls on the interface may be activations ([MS-DCOM] 1.9).
[[nodiscard]] bool is_activation(const Uuid& interface) noexcept;
[[nodiscard]] ActivationCall activation_call(const Uuid& interface, std::uint16_t opnum) noexcept;

// The class (CLSID) that an activation asks for. `stub` is the clear stub of the request in NDR,
// from its first byte, and may be a prefix of it; `order` is the byte order of the PDU.
// `truncated` when the class lies behind the prefix.
[[nodiscard]] ParseStatus parse_activated_class(ActivationCall call, Bytes stub, std::endian order,
                                                Uuid& class_id) noexcept;

// The class that a call asks for; nothing when it is no activation, its stub is not in clear, or is
// in NDR64, which is not read. `call.body` is in byte order `order`.
[[nodiscard]] std::optional<Uuid> find_activated_class(const RpcContext& context,
                                                       const RpcCall& call,
                                                       std::endian order) noexcept;

}  // namespace rpcaudit::dissect
