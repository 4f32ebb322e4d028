#include "engine/app/operate/control_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace rpcaudit::app {
namespace {

constexpr int kWaitingClients = 8;
constexpr timeval kAnswerTimeout{60, 0};  // a reload may read many files

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

std::string reason(int error) { return std::generic_category().message(error); }

bool set_address(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(static_cast<char*>(address.sun_path), path.data(), path.size());
  return true;
}

int make_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool connect_to(int descriptor, const sockaddr_un& address) {
  return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Nobody but the user may connect, from the first moment on.
bool bind_privately(int descriptor, const sockaddr_un& address) {
  const mode_t before = ::umask(0177);
  const int result =
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  errno = error;
  return result == 0;
}

bool is_dead_socket(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const Descriptor probe(make_socket());
  return probe.get() >= 0 && !connect_to(probe.get(), address) && errno == ECONNREFUSED;
}

bool send_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int descriptor, std::string& text) {
  std::array<char, 16384> piece{};
  while (text.size() <= kAnswerBytesMax) {
    const ssize_t got = ::recv(descriptor, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return false;
}

}  // namespace

ControlSocket::~ControlSocket() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  struct stat status {};
  // Another monitor may have taken the name since.
  if (::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_) ::unlink(path_.c_str());
}

bool ControlSocket::open(const std::string& path, std::string& error) {
  sockaddr_un address{};
  if (!set_address(path, address)) {
    error = path + ": the name of a socket has 1 to 107 bytes";
    return false;
  }
  // Two monitors that start at once take turns.
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const Descriptor lock(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) {
    error = path + ": " + reason(errno);
    return false;
  }
  Descriptor socket(make_socket());
  bool is_bound = socket.get() >= 0 && bind_privately(socket.get(), address);
  if (!is_bound && errno == EADDRINUSE) {
    if (is_control_socket_in_use(path)) {
      error = path + ": another monitor listens there; `rpcaudit ctl --control " + path +
              " status` asks it";
      return false;
    }
    errno = EADDRINUSE;
    if (is_dead_socket(path, address) && ::unlink(path.c_str()) == 0) {
      is_bound = bind_privately(socket.get(), address);
    }
  }
  struct stat status {};
  if (!is_bound || ::listen(socket.get(), kWaitingClients) != 0 ||
      ::lstat(path.c_str(), &status) != 0) {
    error = path + ": " + reason(errno);
    return false;
  }
  path_ = path;
  inode_ = status.st_ino;
  descriptor_ = socket.release();
  return true;
}

bool is_control_socket_in_use(const std::string& path) {
  sockaddr_un address{};
  const Descriptor socket(make_socket());
  return set_address(path, address) && socket.get() >= 0 && connect_to(socket.get(), address);
}

bool ask_monitor(const std::string& path, const ControlRequest& request, ControlAnswer& answer,
                 std::string& error) {
  sockaddr_un address{};
  const Descriptor socket(make_socket());
  if (!set_address(path, address) || socket.get() < 0 || !connect_to(socket.get(), address)) {
    error = path + ": no monitor answers: " + reason(errno) +
            "; it is started with `rpcaudit live --control " + path + "`";
    return false;
  }
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout);
  std::string text;
  const bool is_answered =
      send_all(socket.get(), write_request(request) + '\n') && receive_all(socket.get(), text);
  const std::optional<ControlAnswer> read =
      is_answered ? read_answer(text) : std::optional<ControlAnswer>();
  if (!read) {
    error = path + ": the monitor gave no answer";
    return false;
  }
  answer = *read;
  return true;
}

}  // namespace rpcaudit::app
