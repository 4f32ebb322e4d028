#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rpcaudit::app {

// When a file of records is put aside for a new one, and how many such files are kept.
struct Rotation {
  std::uint64_t bytes = 0;      // 0: however large it is
  std::chrono::seconds age{0};  // 0: however old it is
  std::uint64_t kept = 8;       // FILE.1 is the youngest one

  [[nodiscard]] bool wanted() const noexcept { return bytes != 0 || age.count() != 0; }
};

// A place that records are written to for as long as the program runs. It may fail and come back.
// For one thread.
class Destination {
 public:
  Destination() = default;
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;
  virtual ~Destination() = default;

  // Opens it anew; false when that fails, and error() says why.
  [[nodiscard]] virtual bool open() = 0;
  // Writes some of `lines`, which are whole, and waits a moment for that at most. Sets `written` to
  // how many bytes need not be written again, which is always a number of whole lines unless the
  // destination stays the same; false when it failed and has to be opened anew.
  [[nodiscard]] virtual bool write(std::string_view lines, std::size_t& written) = 0;
  // Nobody will ever read it again.
  [[nodiscard]] virtual bool is_gone() const { return false; }
  // Takes its name anew: what had it may have been moved away.
  virtual void reopen() {}

  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 protected:
  // Returns false.
  [[nodiscard]] bool fail(int error);

 private:
  std::string error_;
};

// Waits a moment until a pipe or socket takes PIPE_BUF bytes without waiting (POSIX, pipe(7)).
[[nodiscard]] bool is_writable(int descriptor);
// Writes some of `bytes` to a pipe, socket or device, for which it waits a moment at most, and sets
// `written`. Returns 0, also where none were taken within the moment, or the error.
[[nodiscard]] int write_some(int descriptor, std::string_view bytes, std::size_t& written);

// A file, which lines are appended to. Half a line that a killed process left at its end is
// removed.
[[nodiscard]] std::unique_ptr<Destination> make_file_destination(std::string path,
                                                                 const Rotation& rotation);
// A Unix stream socket that somebody else listens on.
[[nodiscard]] std::unique_ptr<Destination> make_socket_destination(std::string path);
// Standard output.
[[nodiscard]] std::unique_ptr<Destination> make_stream_destination();

}  // namespace rpcaudit::app
