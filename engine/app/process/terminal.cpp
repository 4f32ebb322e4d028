#include "engine/app/process/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace rpcaudit::app {

std::size_t terminal_columns(int descriptor) {
  if (::isatty(descriptor) != 1) return 0;
  std::size_t columns = 0;
  if (const char* const wanted = std::getenv("COLUMNS"); wanted != nullptr) {
    const std::string_view text(wanted);
    std::from_chars(text.data(), text.data() + text.size(), columns);
  }
  winsize size{};
  if (columns == 0 && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns != 0 ? columns : 80;
}

}  // namespace rpcaudit::app
