// DCOM activations: the first byte chooses the call and the byte order.

#include <cstddef>
#include <cstdint>

#include "dissect/stubs/dcom_activation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto call = static_cast<rpcaudit::dissect::ActivationCall>(data[0] % 4);
  const auto order = data[0] < 0x80 ? std::endian::little : std::endian::big;
  rpcaudit::Uuid class_id;
  (void)rpcaudit::dissect::parse_activated_class(call, std::as_bytes(std::span(data + 1, size - 1)),
                                                 order, class_id);
  return 0;
}
