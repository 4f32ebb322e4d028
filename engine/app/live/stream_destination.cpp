#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <utility>

#include "engine/app/live/destination.h"

namespace rpcaudit::app {
namespace {

// How long a reader that is slow is waited for before the caller may look around.
constexpr int kMoment = 200;  // milliseconds

class StandardOutput : public Destination {
 public:
  [[nodiscard]] bool open() override { return !gone_; }
  [[nodiscard]] bool write(std::string_view lines, std::size_t& written) override {
    // Standard output may be one that would wait for more.
    const int error = write_some(STDOUT_FILENO, lines.substr(0, PIPE_BUF), written);
    gone_ = error == EPIPE;
    return error == 0 || fail(error);
  }
  [[nodiscard]] bool is_gone() const override { return gone_; }

 private:
  bool gone_ = false;
};

class SocketDestination : public Destination {
 public:
  explicit SocketDestination(std::string path) : path_(std::move(path)) {}
  ~SocketDestination() override { close(); }

  [[nodiscard]] bool open() override;
  [[nodiscard]] bool write(std::string_view lines, std::size_t& written) override;
  void reopen() override { close(); }

 private:
  void close() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

  std::string path_;
  int descriptor_ = -1;
};

bool SocketDestination::open() {
  close();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return fail(ENAMETOOLONG);
  std::memcpy(static_cast<char*>(address.sun_path), path_.data(), path_.size());
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor_ < 0) return fail(errno);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return true;
  }
  const int error = errno;
  close();
  return fail(error);
}

bool SocketDestination::write(std::string_view lines, std::size_t& written) {
  written = 0;
  if (descriptor_ < 0 && !open()) return false;
  const int error = write_some(descriptor_, lines, written);
  if (error == 0) return true;
  close();
  return fail(error);
}

}  // namespace

bool is_writable(int descriptor) {
  pollfd watched{descriptor, POLLOUT, 0};
  return ::poll(&watched, 1, kMoment) > 0;
}

int write_some(int descriptor, std::string_view bytes, std::size_t& written) {
  written = 0;
  if (!is_writable(descriptor)) return 0;
  const ssize_t result = ::write(descriptor, bytes.data(), bytes.size());
  if (result < 0) return errno == EINTR || errno == EAGAIN ? 0 : errno;
  written = static_cast<std::size_t>(result);
  return 0;
}

bool Destination::fail(int error) {
  error_ = std::generic_category().message(error);
  return false;
}

std::unique_ptr<Destination> make_socket_destination(std::string path) {
  return std::make_unique<SocketDestination>(std::move(path));
}

std::unique_ptr<Destination> make_stream_destination() {
  return std::make_unique<StandardOutput>();
}

}  // namespace rpcaudit::app
