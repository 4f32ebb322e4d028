#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "dissect/stubs/management.h"

// The first byte says in which form the rest is read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  if (size == 0) return 0;
  const dissect::StubForm form{(data[0] & 1) != 0,
                               (data[0] & 2) != 0 ? std::endian::big : std::endian::little};
  dissect::InterfaceListReader reader(form, std::as_bytes(std::span(data + 1, size - 1)));
  std::size_t count = 0;
  for (dissect::SyntaxId interface; reader.next(interface);) ++count;
  if (count * 20 > size) std::abort();  // each took its bytes
  return 0;
}
