#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/app/operate/control_request.h"

// A request that is read reads as itself when it is written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit::app;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string error;
  const auto request = read_request(text, error);
  if (request && read_request(write_request(*request), error) != request) std::abort();
  const auto answer = read_answer(text);
  if (answer && read_answer(write_answer(*answer)) != answer) std::abort();
  return 0;
}
